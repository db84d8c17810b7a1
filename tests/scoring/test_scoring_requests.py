"""Requests in Parquet are answered as the estimator does; what is none has nulls and a reason."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from tests.scoring.conftest import BAD, GOOD
from tests.scoring.scored import score
from token_approx.errors import InputError
from token_approx.estimator.estimator import Estimator
from token_approx.estimator.request import request_model_for
from token_approx.scoring.answers import checked_scorer
from token_approx.scoring.parquet_input import RESULTS
from token_approx.scoring.parquet_output import reasons, totals


def test_requests_are_answered_as_the_estimator_does(tmp_path: Path, requests: pa.Table) -> None:
    """Each request has the total of the shipped model that it names, and what is not counted."""
    pq.write_table(requests, tmp_path / "in.parquet")
    found = score(tmp_path / "in.parquet", tmp_path / "out", checked_scorer("request", 0.95))
    assert found.column_names == ["id", "request", "team", *RESULTS["request"].names]
    rows = found.select(["request", *RESULTS["request"].names]).to_pylist()
    for row in rows[: len(GOOD)]:
        body = json.loads(row["request"])
        total = Estimator.for_model(body["model"]).request(body)
        upper = total.upper_bound(0.95)
        assert row["input_tokens"] == total.tokens > 0
        assert row["upper_bound"] == (upper if math.isfinite(upper) else None)
        assert row["in_domain"] == (total.out_of_domain == "")
        assert [len(row["not_counted"])] == [len(total.not_counted)]
    assert [row["not_counted"] for row in rows[:3]] == [[], [], []]
    assert rows[3]["not_counted"] == list(Estimator.for_model("claude-opus-5").request(GOOD[3]).not_counted)
    assert "odd" in rows[4]["not_counted"][0]


def test_a_bad_request_is_null_and_its_reason_counted(tmp_path: Path, requests: pa.Table) -> None:
    """Nothing dies on what is no request: it has nulls and a reason; those add up, and quote nobody."""
    pq.write_table(requests, tmp_path / "in.parquet")
    found = score(tmp_path / "in.parquet", tmp_path / "out", checked_scorer("request", 0.95)).to_pylist()
    assert [found[len(GOOD)][name] for name in RESULTS["request"].names] == [None] * 4
    for row in found[len(GOOD) + 1 :]:
        assert [row["input_tokens"], row["upper_bound"], row["in_domain"]] == [None] * 3
        assert [reason.startswith(BAD[row["request"]]) for reason in row["not_counted"]] == [True]
    counted = reasons(tmp_path / "out").set_index("reason")["rows"].to_dict()
    assert sum(counted.values()) == len(BAD)
    assert counted["the request is not valid JSON"] == 3
    assert counted["unknown model"] == 1
    assert "quagga" not in str(counted)
    whole = totals(tmp_path / "out", holds="request").iloc[0]
    assert whole["rows"] == len(requests)
    assert (whole["requests"], whole["partly_counted"], whole["not_read"]) == (len(GOOD), 2, len(BAD))
    by_team = totals(tmp_path / "out", "team", "request")
    assert by_team["not_read"].sum() == len(BAD)
    assert by_team["input_tokens"].sum() == whole["input_tokens"]


def test_requests_of_a_model_that_is_given(tmp_path: Path) -> None:
    """A model of texts takes the model of requests of its family, for bodies without a name too."""
    body = json.dumps({"max_tokens": 9, "messages": [{"role": "user", "content": "How many tokens?"}]})
    estimator = Estimator.for_model("claude-opus-5")
    pq.write_table(pa.table({"request": [body, GOOD[1]]}), tmp_path / "in.parquet")
    found = score(tmp_path / "in.parquet", tmp_path / "out", checked_scorer("request", 0.9, estimator))
    assert found["input_tokens"].to_pylist() == [
        estimator.request(body).tokens,
        estimator.request(GOOD[1]).tokens,
    ]
    assert found["upper_bound"].to_pylist()[0] == estimator.request(body).upper_bound(0.9)


def test_a_model_that_cannot_answer() -> None:
    """A level without a bound, a model of requests for texts, and a family without one, before any row."""
    texts, requests = Estimator.load(ROOT / "output"), request_model_for("claude-opus-5")
    with pytest.raises(InputError, match=r"no bound of confidence 0.5. Its levels: 0.8, 0.9, 0.95\.$"):
        checked_scorer("text", 0.5, texts)
    with pytest.raises(InputError, match=r"no bound of confidence 0\.5"):
        checked_scorer("request", 0.5, Estimator.for_model("claude-opus-5"))
    with pytest.raises(InputError, match=r"counts whole requests\. Give holds=request"):
        checked_scorer("text", 0.95, requests)
    with pytest.raises(InputError, match="unknown model 'made-up'"):
        checked_scorer("request", 0.95, replace(texts, model="made-up"))
