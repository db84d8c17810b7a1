"""What answers texts, a table of all kinds of columns, and requests good and bad: for what scores Parquet."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tests.conftest import ROOT
from token_approx.estimator.estimator import Estimator
from token_approx.scoring.answers import Scorer, checked_scorer

TEXTS = [
    "The boats were coming in, one after the other.",
    None,
    "",
    "naïve 船 🚣\u2003\x1c",
    "x" * 20_000,
    *(f"row {number}: {'lorem ipsum ' * number}" for number in range(40)),
]


@pytest.fixture(scope="session")
def scorer() -> Scorer:
    """Return what answers texts with the committed default model."""
    return checked_scorer("text", 0.95, Estimator.load(ROOT / "output"))


@pytest.fixture
def table() -> pa.Table:
    """Return a table with texts, one of them null, beside columns of types that both engines keep."""
    n = len(TEXTS)
    day = dt.datetime(2026, 1, 31, 12, 30, 15, 123456, tzinfo=dt.UTC)
    return pa.table(
        {
            "id": pa.array(range(n), pa.int64()),
            "text": pa.array(TEXTS),
            "team": pa.array([f"team {number % 3}" for number in range(n)]).dictionary_encode(),
            "small": pa.array([number % 100 for number in range(n)], pa.int8()),
            "share": pa.array([number / 7 for number in range(n)]),
            "kept": pa.array([None if number % 5 == 0 else number % 2 == 0 for number in range(n)]),
            "at": pa.array([day] * n, pa.timestamp("us", "Europe/Berlin")),
            "there": pa.array([day.replace(tzinfo=None)] * n, pa.timestamp("us")),
            "on": pa.array([day.date()] * n, pa.date32()),
            "price": pa.array([Decimal(number).scaleb(-2) for number in range(n)], pa.decimal128(10, 2)),
            "raw": pa.array([b"\x00\xff"] * n, pa.binary()),
            "words": pa.array([["a", None], [], None, *[["b"]] * (n - 3)], pa.list_(pa.string())),
            "who": pa.array([{"name": "n", "age": 3}] * n),
            "a.b `c`": pa.array(["d"] * n, pa.large_string()),
        }
    )


def _body(text: str, **more: Any) -> str:  # noqa: ANN401 - JSON
    said = {"model": "claude-opus-5", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
    return json.dumps(said | more)


IMAGE = {"type": "image", "source": {"type": "url", "url": "https://example.invalid/a.png"}}
# Requests that can be read, in three formats; then what is none, with the beginning of why.
GOOD = [
    _body("How many tokens is this request?"),
    _body("And this?", model="gpt-5.4"),
    json.dumps({"model": "gemini-2.5-flash", "contents": [{"role": "user", "parts": [{"text": "Hi."}]}]}),
    _body("", messages=[{"role": "user", "content": [IMAGE, {"type": "text", "text": "What is it?"}]}]),
    # Half of a surrogate pair, in the name of a field that is not known: no UTF-8 has it.
    _body("\ud83d", **{"odd \ud83d": "more"}),
]
BAD = {
    "": "the request is not valid JSON",
    "{": "the request is not valid JSON",
    "quagga": "the request is not valid JSON",
    "[]": "the request is of type list",
    "null": "the request is of type NoneType",
    "[" * 100_000: "the request is nested more than 200 levels deep",
    '{"max_tokens": 9}': "the request names no model",
    '{"model": "claude-opus-5", "quagga": 9}': "the request has none of the fields messages",
    _body("Hi.", model="quagga-1"): "unknown model",
    _body("Hi.", model={"quagga": 1}): "the request names no model",
}


@pytest.fixture(scope="session")
def requests() -> pa.Table:
    """Return a table of requests, good and bad ones by turns, a null, and their teams."""
    bodies = [*GOOD, None, *BAD]
    teams = [f"team {number % 2}" for number in range(len(bodies))]
    return pa.table({"id": range(len(bodies)), "request": bodies, "team": teams})
