"""Watching what was already asked: traces of real SDKs in a real store, and sessions of agents."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import mlflow
import mlflow.anthropic
import mlflow.openai
import pandas as pd
import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from tests.labelling.session_logs import FRAMING, ClaudeCode, Codex, tokens_of
from tests.lifecycle.past_calls import DAYS, call_on_days
from tests.stages.test_evaluate import last_run
from tests.stages.test_usage import everything
from token_approx import Estimator, __version__
from token_approx.estimator.shipped import DEFAULTS
from token_approx.lifecycle.feedback import NAME
from token_approx.stages import evaluate

KEY = "sk-planted-okapi-0123456789"
SECRET = f"{KEY} quagga@example.org in /home/numbat: "
SECRETS = ("okapi", "quagga", "numbat", "boats", "tapir")
Stage = Callable[..., Run]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Return a function that runs the stage with arguments beside its store, for its MLflow run."""

    def stage(*arguments: str) -> Run:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)
        monkeypatch.setattr(sys, "argv", ["evaluate", "bootstrap.resamples=200", *arguments])
        evaluate.main()
        return last_run()

    return stage


@pytest.fixture
def autologged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Log the SDKs' calls, in an experiment of their own, while it lasts."""
    monkeypatch.chdir(tmp_path)
    mlflow.set_experiment("calls")
    for flavor in (mlflow.openai, mlflow.anthropic):
        flavor.autolog()
    try:
        yield
    finally:
        for flavor in (mlflow.openai, mlflow.anthropic):
            flavor.autolog(disable=True)


def table(run: Run, name: str, folder: Path) -> pd.DataFrame:
    """Return a table of a run."""
    path = MlflowClient().download_artifacts(run.info.run_id, f"tables/{name}.csv", str(folder))
    return pd.read_csv(path, keep_default_na=False)


def drifted(model: str, place: int) -> float:
    """Count as the shipped models say, but gpt-4o a quarter more in the third week."""
    return 1.25 if model == "gpt-4o" and place == 2 else 1.0


@pytest.mark.usefixtures("autologged")
def test_drift_is_found_by_model_and_week(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two models, the one that is counted otherwise from a week on; each trace gets its estimate once.

    Nothing of what was asked gets to the run, its artifacts, what is printed or the feedback.
    """
    call_on_days(DAYS[:3], drifted, ("gpt-4o", "claude-opus-4-8"), said_first=SECRET, key=KEY)
    given = ("source=mlflow_traces", "experiments=calls", "feedback=true")
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        stage(*given, "max_mape=5")
    assert ended.value.code == 7
    printed = capsys.readouterr()
    assert printed.err.startswith(
        "error: the estimates of the shipped models no longer hold: for gpt-4o MAPE is "
    )
    assert "worst in 2026-W05 (2" in printed.err
    assert "the 95 % bound holds for 66.7 % of 36 (at most 81.4 % by its interval)" in printed.err
    assert "claude" not in printed.err
    assert printed.err.count("\n") == 1
    assert printed.err.endswith(
        "Make records of these calls (-e usage -P reader=mlflow_traces), and train on them.\n"
    )
    assert "jumps     gpt-4o: from 2026-W04 to 2026-W05 the bias went from " in printed.out
    assert "feedback  72 estimates written to their traces" in printed.out
    run = last_run()
    assert run.info.status == "FAILED"
    assert run.info.run_name == "evaluate · the shipped models on mlflow_traces"
    assert run.data.tags["jumps"].startswith("gpt-4o: from 2026-W04")
    assert run.data.metrics["evaluate/claude-opus-4-8/mape"] < 1
    weeks = table(run, "by_model_and_week", tmp_path)
    assert weeks["week"].tolist() == ["all", "2026-W03", "2026-W04", "2026-W05"] * 2
    assert weeks["records"].tolist() == [36, 12, 12, 12] * 2
    assert weeks["bias_percent"].abs().gt(15).tolist() == [False] * 7 + [True]
    kinds = table(run, "by_kind", tmp_path)
    assert kinds[["model", "kind", "records"]].to_numpy().tolist() == [
        ["claude-opus-4-8", "plain", 36],
        ["gpt-4o", "plain", 36],
    ]

    with pytest.raises(SystemExit):
        stage(*given, "max_mape=5")
    assert "feedback  0 estimates written" in capsys.readouterr().out, "they are there already"
    experiment = MlflowClient().get_experiment_by_name("calls")
    assert experiment
    found = MlflowClient().search_traces(locations=[experiment.experiment_id])
    assert len(found) == 72
    for trace in found:
        (noted,) = [each for each in trace.info.assessments if each.name == NAME]
        (span,) = trace.data.spans
        body = {name: value for name, value in span.inputs.items() if isinstance(value, list | str | int)}
        total = Estimator.for_model(str(body["model"])).request(body)
        family = "o200k_base" if body["model"] == "gpt-4o" else "claude_4_7"
        assert noted.value == total.tokens
        assert noted.span_id == span.span_id
        assert noted.metadata["upper_bound_95"] == str(total.upper_bound(0.95))
        assert noted.metadata["model"] == f"{family} of token-approx {__version__}"
        assert noted.source.source_id == "token-approx"
        assert not any(secret in str(noted) for secret in SECRETS)
    # The store and the artifact of each trace are where MLflow keeps what it traced.
    for file in [*tmp_path.glob("mlflow.db*"), *tmp_path.rglob("traces.json")]:
        file.unlink()
    written = everything(tmp_path, printed.out, printed.err, str(run.data))
    assert b"claude-opus-4-8" in written, "the search itself works"
    for secret in SECRETS:
        assert secret.encode() not in written, secret


@pytest.mark.usefixtures("autologged")
def test_a_bound_that_holds_too_rarely_fails(
    stage: Stage,
    register: Callable[[Mapping[str, Any]], str],
    coefs: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No limit is given: a champion whose bound is beaten fails by it, and the shipped model passes.

    Calls of other families are not the champion's, and are counted as left out.
    """
    call_on_days(DAYS[:1], lambda *_: 1.0, ("gpt-4o", "claude-opus-4-8"))
    content = json.loads((DEFAULTS / "requests/o200k_base.json").read_bytes())
    short = [bound | {"factor": 0.9, "offset": 0.0} for bound in content["upper_bound"]]
    uri = register(content | {"model": "requests-openai", "upper_bound": short})
    given = ("source=mlflow_traces", "experiments=calls")
    passed = stage(*given, "max_mape=2")
    assert passed.info.status == "FINISHED"
    assert passed.data.metrics["evaluate/gpt-4o/coverage"] == 100
    assert "feedback" not in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        stage(*given, f"model={uri}", "max_mape=2")
    assert ended.value.code == 7
    printed = capsys.readouterr()
    assert printed.err == (
        "error: the estimates of token-approx-requests-openai/1 no longer hold: for gpt-4o the 95 % bound"
        " holds for 0.0 % of 12 (at most 26.5 % by its interval), worst in 2026-W03 (0.0 %)."
        " Make records of these calls (-e usage -P reader=mlflow_traces), and train on them.\n"
    )
    assert "left out  12 (12 another model)" in printed.out
    assert last_run().data.tags["model"] == "token-approx-requests-openai/1"
    text = Path("text.json")
    text.write_text(json.dumps(coefs))
    with pytest.raises(SystemExit) as ended:
        stage(*given, f"model={text}")
    assert ended.value.code == 1
    assert "text.json estimates one-user-message, and traces hold whole requests." in capsys.readouterr().err


def session(name: str, day: str, factor: float = 1.0) -> Codex:
    """Return a session of 25 steps whose results cost so many times what they should."""
    log = Codex(session=name)
    log.user("Go on.")
    for number in range(25):
        text = f"{name} {SECRET} {number} " * (20 + number % 7)
        log.answer(text)
        log.prompt += round((factor - 1) * tokens_of(text))
    log.answer()
    for line in log.lines:
        line["timestamp"] = f"{day}T10:00:00.000Z"
    return log


def steps_model(coefs: Mapping[str, Any], folder: Path) -> Path:
    """Write the model_coefs.json of what `session` counts: o200k_base and a constant per result."""
    tables = json.loads((DEFAULTS / "o200k_base.json").read_bytes())["tables"]
    content = {key: value for key, value in coefs.items() if not key.startswith("w_")} | {
        "model": "gpt-5.5",
        "counts_of": "step",
        "feature_set": ["ngram_o200k_base", "tool_results"],
        "w0": 0.0,
        "w_ngram_o200k_base": 1.0,
        "w_tool_results": float(FRAMING),
        "tables": tables,
        "domain": {"tool_results": [1.0, 1.0]},
        "upper_bound": [{"confidence": 0.95, "factor": 1.1, "offset": 9.0, "from": 0.0, "to": None}],
        "lower_bound": [],
        "byte_bound": None,
    }
    path = folder / "steps_coefs.json"
    path.write_text(json.dumps(content))
    return path


def test_sessions_of_agents(
    stage: Stage, coefs: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Steps by the week of the log; a model of texts has no bound of them, and that is said."""
    logs = tmp_path / "-home-tapir"
    session("a", DAYS[0]).write(logs / "a.jsonl")
    model = steps_model(coefs, tmp_path)
    given = ("source=transcripts", f"path={logs}")
    run = stage(*given, f"model={model}", "max_mape=10")
    assert capsys.readouterr().err == ""
    weeks = table(run, "by_model_and_week", tmp_path)
    assert weeks[["week", "records", "bounded", "coverage"]].to_numpy().tolist() == [
        ["all", 25, 25, 100],
        ["2026-W03", 25, 25, 100],
    ]
    session("b", DAYS[1], 1.4).write(logs / "b.jsonl")
    claude = ClaudeCode()
    claude.user("Go on.")
    claude.answer(SECRET * 20)
    claude.answer()
    claude.write(logs / "c.jsonl")
    with pytest.raises(SystemExit) as ended:
        stage(*given, f"model={model}", "max_mape=10")
    assert ended.value.code == 7
    printed = capsys.readouterr()
    assert "for gpt-5.5 MAPE is " in printed.err
    assert "worst in 2026-W04 (3" in printed.err, printed.err
    assert "the 95 % bound holds for 50.0 % of 50" in printed.err
    assert printed.err.endswith("Make records of these sessions (-e usage), and train on them.\n")
    assert "left out  1 (1 another model)" in printed.out
    assert "gpt-5.5: from 2026-W03 to 2026-W04 the bias went from " in printed.out

    requests = tmp_path / "requests.json"
    requests.write_bytes((DEFAULTS / "requests/o200k_base.json").read_bytes())
    with pytest.raises(SystemExit):
        stage(*given, f"model={requests}")
    assert "estimates whole requests, and sessions' logs show steps." in capsys.readouterr().err

    for name, models in (("", ["claude-opus-4-8", "gpt-5.5"]), ("gpt-5.5", ["gpt-5.5"])):
        run = stage(*given, f"model={name}")
        said = capsys.readouterr()
        assert "the constant that a provider adds to each tool result is not in them" in said.err
        weeks = table(run, "by_model_and_week", tmp_path)
        assert sorted(set(weeks["model"])) == models
        assert set(weeks["bounded"]) == {0}
        if not name:  # its log has no times
            assert weeks[weeks["model"] == "claude-opus-4-8"]["week"].tolist() == ["all"]
        assert run.info.status == "FINISHED"
    for file in [*logs.glob("*"), *tmp_path.glob("mlflow.db-*")]:
        file.unlink()
    written = everything(tmp_path, printed.out, printed.err, said.out, said.err)
    assert b"gpt-5.5" in written, "the search itself works"
    for secret in SECRETS:
        assert secret.encode() not in written.replace(str(logs).encode(), b""), secret


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["source=trace"], "unknown source=trace. Valid names: records, mlflow_traces, transcripts."),
        (["source=mlflow_traces"], "mlflow_traces needs experiments=<ids or names"),
        (["source=mlflow_traces", "experiments=nowhere"], "there is no experiment 'nowhere' at MLflow"),
        (["source=mlflow_traces", "experiments=0", "since=now"], "since=now is not a day or a moment"),
        (["source=mlflow_traces", "experiments=0"], "no request can be used (there is none)"),
        (["source=mlflow_traces", "experiments=0", "model=no.json"], "no.json cannot be read"),
        (["source=mlflow_traces", "experiments=0", "records=a"], "records has no use with source=mlflow_tr"),
        (["source=transcripts", "path=none"], "path= leads to no session log"),
        (["source=transcripts", "path="], "transcripts needs logs. Give path="),
        (["source=transcripts", "feedback=true"], "feedback has no use with source=transcripts"),
        (
            ["source=transcripts", "model=gtp-9", "path=none"],
            "model=gtp-9 is no file, and the catalogue has none",
        ),
        (["feedback=perhaps"], "feedback=perhaps is not valid. Give true or false."),
        (["since=2026-01-31"], "since has no use with source=records. Give source=mlflow_traces with it."),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is wrong, it ends with one line that helps, and exit code 1 or 64."""
    with pytest.raises(SystemExit) as ended:
        stage(*arguments)
    printed = capsys.readouterr()
    assert ended.value.code in (1, 64)
    assert message in printed.err
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
