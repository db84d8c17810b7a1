"""The calibrate stage, run as a user runs it: a registered model from usage, and nothing of what was said."""

import io
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from tests.conftest import ROOT
from tests.labelling.session_logs import ClaudeCode, tokens_of
from tests.stages.test_usage import KEY, SECRETS, SENTENCE, everything
from token_approx import Estimator
from token_approx.errors import InputError, UsageError
from token_approx.labelling.exchange_log import ExchangeLog
from token_approx.labelling.observations import Observation, only_model
from token_approx.pretraining.adapt import AdaptSpec
from token_approx.pretraining.calibrating import calibrated
from token_approx.pretraining.priors import load_priors

SESSIONS, RESULTS = 12, 12
# Four letters may stand by chance in the base64 of a table.
LONG_SECRETS = [secret for secret in SECRETS if len(secret) > 4]


def texts(number: int) -> list[str]:
    """Return texts such as agents' tools give, out of this project's own files."""
    files = [*sorted((ROOT / "src").rglob("*.py")), *sorted((ROOT / "docs").glob("*.md"))]
    random = np.random.default_rng(5)
    found = []
    for _ in range(number):
        text = files[int(random.integers(len(files)))].read_text(encoding="utf-8")
        size = int(np.exp(random.uniform(np.log(200), np.log(4_000))))
        start = int(random.integers(max(1, len(text) - size)))
        found.append(text[start : start + size])
    return found


def calibrate(
    folder: Path, *arguments: str, module: str = "token_approx.stages.calibrate"
) -> subprocess.CompletedProcess[str]:
    """Run the stage, or the command, with plain python."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"},
    )  # fmt: skip


def test_from_sessions_to_a_registered_model(tmp_path: Path) -> None:
    """A tokenizer that no prior has is learned from sessions: what frames a result, and what texts cost.

    The sessions' tokens are those of o200k_base, with 11 for each result; the priors are two others.
    """
    logs, folder = tmp_path / "-home-numbat-tapir", tmp_path / "work"
    folder.mkdir()
    given = iter(texts(SESSIONS * RESULTS))
    for session in range(SESSIONS):
        log = ClaudeCode(session=f"tapir-{session}", model="my-model-7")
        log.user("Please look at the project.")
        for _ in range(RESULTS // 2):
            log.answer(next(given), next(given))
        log.answer(f"{SENTENCE} {session}")
        log.answer()
        log.write(logs / f"tapir-{session}.jsonl")
    command = [
        *("calibrate", "transcripts", str(logs), "--model", "my-model-7", "--out", "mine"),
        *("--set", "prior=cl100k_base,claude_3", "--set", "estimator=ols_origin", "--set", "curve_seeds=2"),
        *("--set", "learning_curve.sizes=2", "--set", "bootstrap.resamples=200"),
    ]
    done = calibrate(folder, *command, module="token_approx.commands.main")
    assert done.returncode == 0, done.stderr
    counts = SESSIONS * (RESULTS // 2 + 1)
    assert f"usage     {counts} counts of my-model-7, of 12 sessions; 21 of 3" in done.stdout
    assert "model     models:/token-approx-my-model-7/1" in done.stdout

    framing = pd.read_csv(folder / "mine/tables/framing.csv").set_index("thing")["tokens"]
    assert framing["tool_results"] == pytest.approx(11, abs=3)
    errors = pd.read_csv(folder / "mine/tables/calibration.csv").set_index("fit")
    assert errors["mape"]["adapted table"] < 3.0
    assert errors["mape"]["before"] > 3.0, "without what frames a result"
    assert errors["groups"]["adapted table"] == 3
    curve = pd.read_csv(folder / "mine/tables/usage_curve.csv")
    assert curve["observations"].tolist() == [10, 10, 30, 30, 63, 63]
    model = Estimator.load(folder / "mine")
    text = (ROOT / "README.md").read_text(encoding="utf-8")[:3_000]
    assert model.estimate(text) == pytest.approx(tokens_of(text) - 11, rel=0.06)
    assert model.upper_bound(text) >= model.estimate(text)

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    version = client.get_model_version("token-approx-my-model-7", "1")
    run = client.get_run(str(version.run_id))
    assert run.data.metrics["calibration/adapted/mape"] == pytest.approx(errors["mape"]["adapted table"])
    written = everything(folder, done.stdout, done.stderr)
    assert b"my-model-7" in written, "the search itself works"
    for secret in LONG_SECRETS:
        assert secret.encode() not in written, secret


def of_log(tokens: int | None, said: list[Any]) -> dict[str, object]:
    """Return a log's row of a request with so many messages."""
    messages = [{"role": "user", "content": content} for content in said]
    return {"model": "other-8", "input_tokens": tokens, "request": {"messages": messages}}


def test_from_a_log_of_requests(tmp_path: Path) -> None:
    """Rows that cannot be used are left out and counted; without a model the log's own one is meant."""
    random = np.random.default_rng(3)
    rows: list[dict[str, object]] = []
    for number, text in enumerate(texts(60)):
        said = [f"{number} {text}"[: int(random.choice([40, 2_000]))]] * int(random.integers(1, 3))
        tokens = 3 + sum(tokens_of(each) - 7 for each in said)
        rows.append(of_log(tokens, said) | {"session": number // 4})
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/tapir.png"}}
    rows += [
        of_log(30, [[picture]]),
        of_log(None, [SENTENCE]),
        of_log(30, []) | {"request": f"{{{SENTENCE}"},
        of_log(30, []) | {"request": None},
        rows[0],
    ]
    folder = tmp_path / "work"
    folder.mkdir()
    log = tmp_path / "requests.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows) + f'{{"request": "{KEY}')
    done = calibrate(
        folder, "reader=log", f"path={log}", "prior=[cl100k_base,o200k_base]", "estimator=ols_origin",
        "register=false", "curve_seeds=2", "learning_curve.sizes=2", "bootstrap.resamples=200",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "60 counts of other-8, of 15 sessions" in done.stdout
    for reason in ("repeated request", "more than texts", "no usage", "unknown format", "no request"):
        assert f"1 {reason}" in done.stdout, reason
    framing = pd.read_csv(folder / "results/other_8/tables/framing.csv").set_index("thing")["tokens"]
    assert framing["requests"] + framing["user_messages"] == pytest.approx(7, abs=2)
    written = everything(folder, done.stdout, done.stderr)
    for secret in LONG_SECRETS:
        assert secret.encode() not in written, secret


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["path=few.jsonl"], 1, "the usage is of 3 sessions, of which 1 are held out."),
        (["path=few.jsonl", "name=claude_3"], 64, "name=claude_3 is that of a shipped table."),
        (["path=few.jsonl", "held_out=2"], 64, "held_out=2 is not a share between 0 and 1."),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    arguments: list[str], code: int, message: str, tmp_path: Path
) -> None:
    """Each bad input ends in one line and its exit code, and leaves no file behind."""
    rows = [of_log(9 + n, ["a" * n]) | {"model": "a-1", "session": n} for n in range(1, 4)]
    (tmp_path / "few.jsonl").write_text("\n".join(map(json.dumps, rows)))
    done = calibrate(tmp_path, "reader=log", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.glob("results/*/*"))


def test_a_log_is_of_one_model(tmp_path: Path) -> None:
    """Usage of several models, of another one, or of none is refused with what to give instead."""
    log = tmp_path / "both.jsonl"
    rows = [of_log(9, ["a"]), of_log(9, ["a"]) | {"model": "b-2"}]
    log.write_text("\n".join(map(json.dumps, rows)))

    def read(model: str = "") -> list[Observation]:
        return ExchangeLog(str(log), model).observe(Counter(), lambda *_: None)

    with pytest.raises(InputError, match=r"of several models: other-8 \(1\), b-2 \(1\). Name one of them"):
        only_model(read())
    assert only_model(read(model="b-2")) == "b-2"
    with pytest.raises(InputError, match=r"no request can be used \(2 another model\)"):
        read(model="c-3")
    with pytest.raises(UsageError, match=r"reader=log needs a log. Give path="):
        ExchangeLog("")


def test_a_log_becomes_records_of_requests(tmp_path: Path) -> None:
    """`usage reader=log` makes records of a log as of traces: features and counts of known models."""
    log = tmp_path / "requests.jsonl"
    rows = [of_log(9, ["a"]) | {"model": "gpt-4o"}, of_log(11, ["a"]) | {"model": "gpt-4o"}, of_log(9, ["b"])]
    log.write_text("\n".join(map(json.dumps, rows)))
    left_out: Counter[str] = Counter()
    found = ExchangeLog(str(log)).read(left_out, lambda *_: None)
    assert left_out == {"unknown model": 1, "repeated request": 1}
    (record,) = pd.read_parquet(io.BytesIO(found.content)).to_dict("records")
    assert (record["model"], record["input_tokens"], record["user_messages"]) == ("gpt-4o", 10.0, 1.0)
    assert found.described["category"].tolist() == ["plain"]


def test_a_scale_is_preferred_where_nothing_else_is_needed() -> None:
    """Usage that a prior explains exactly is given that prior, its factor and the framing, and no table."""
    priors = load_priors(["o200k_base", "claude_3"])
    table = Estimator.for_model("o200k_base")
    observations = []
    for number, text in enumerate(texts(36)):
        tokens = 1.25 * table.estimate(text) + 40
        framing = {"tool_results": 1.0}
        observations.append(Observation("m", f"s{number // 3}", "tool_results", tokens, (text,), framing))
    found = calibrated(observations, priors, AdaptSpec(), 0.25, 1)
    assert priors.names[found.calibration.scaled.place] == "o200k_base"
    assert found.calibration.scaled.factor == pytest.approx(1.25, rel=0.01)
    assert found.framing == pytest.approx([40], abs=3)
    assert found.calibration.scaled_error < 0.005
    assert not found.adapts
