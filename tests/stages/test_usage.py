"""The usage stage, run as a user runs it: one run with counts by reason, and nothing of what was said."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import anthropic
import mlflow
import mlflow.anthropic
import pytest
from mlflow.tracking import MlflowClient

from tests.conftest import ROOT
from tests.labelling.session_logs import ClaudeCode, Codex, tokens_of
from tests.lifecycle.chat_server import chat_server
from token_approx.labelling.records import read_records

KEY = "sk-planted-okapi-0123456789"
SENTENCE = f"The quagga told nobody. Write to axolotl@example.org, see /home/numbat/plans, use {KEY}."
SECRETS = ("quagga", "okapi", "axolotl", "numbat", "tapir", "Bash")


def usage(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the stage with plain python."""
    return subprocess.run(
        [sys.executable, "-m", "token_approx.stages.usage", *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"},
    )  # fmt: skip


def everything(folder: Path, *printed: str) -> bytes:
    """Return all that was printed and all that is in a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return "".join(printed).encode() + b"".join(path.read_bytes() + str(path.name).encode() for path in files)


def test_transcripts_tell_nothing_secret(tmp_path: Path) -> None:
    """Records, run, artifacts and what is printed have counts and reasons; no text, key, path or address.

    Neither has the error where nothing can be used.
    """
    logs, folder = tmp_path / "-home-numbat-tapir", tmp_path / "work"
    folder.mkdir()
    claude, codex = ClaudeCode(session="tapir-session"), Codex(session="tapir-rollout")
    for log in (claude, codex):
        log.user(f"Begin. {SENTENCE}")
        log.answer(SENTENCE, SENTENCE + "1")
        log.answer(SENTENCE + "2")
        log.answer()
    claude.line(type="attachment", attachment={"type": "file", "content": SENTENCE})
    claude.answer()
    claude.model = "tapir@example.org"
    claude.answer()
    claude.write(logs / "tapir.jsonl")
    with (logs / "tapir.jsonl").open("a") as file:
        file.write(f'{{"type": "user", "message": "{SENTENCE}')
    codex.write(logs / "more/rollout-tapir.jsonl")
    done = usage(folder, f"path={logs}")
    assert done.returncode == 0, done.stderr
    assert "records   4 in steps.jsonl, of 2 sessions" in done.stdout
    assert "2 tool_results of claude-opus-4-8, 2 tool_results of gpt-5.5" in done.stdout
    assert "left out  2 (1 attachment or reminder, 1 unknown model)" in done.stdout
    out = folder / "steps.jsonl"
    truth = [tokens_of(SENTENCE) + tokens_of(SENTENCE + "1"), tokens_of(SENTENCE + "2")]
    assert [record.input_tokens for record in read_records(out)] == truth * 2

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("token-approx")
    assert experiment
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert (run.data.metrics["records"], run.data.metrics["left_out"]) == (4, 2)
    assert run.data.metrics["left_out/attachment or reminder"] == 1
    assert run.data.tags["records_sha256"] == sha256(out.read_bytes()).hexdigest()
    artifact = client.download_artifacts(run.info.run_id, "tables/categories.csv", str(tmp_path))
    assert Path(artifact).read_text() == (
        "model,category,sessions,records,tokens\n"
        f"claude-opus-4-8,tool_results,1,2,{sum(truth)}\ngpt-5.5,tool_results,1,2,{sum(truth)}\n"
    )
    other = usage(folder, f"path={logs}", "model=gpt-1")
    assert other.returncode == 1
    assert other.stderr.startswith("error: no step can be used (4 another model, 1 attachment or reminder")
    written = everything(folder, done.stdout, done.stderr, other.stdout, other.stderr)
    assert b"claude-opus-4-8" in written, "the search itself works"
    for secret in SECRETS:
        assert secret.encode() not in written, secret


def test_traces_become_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage reads the tracking store that it logs to; what the traces hold stays in them."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    monkeypatch.chdir(folder)
    mlflow.set_experiment("calls")
    mlflow.anthropic.autolog()
    try:
        with chat_server() as (url, _):
            client = anthropic.Anthropic(base_url=url, api_key=KEY)
            client.messages.create(
                model="claude-opus-4-8", max_tokens=9, messages=[{"role": "user", "content": SENTENCE}]
            )
    finally:
        mlflow.anthropic.autolog(disable=True)
    done = usage(folder, "reader=mlflow_traces", "experiments=calls")
    assert done.returncode == 0, done.stderr
    assert "records   1 in requests.parquet, of 1 sessions" in done.stdout
    runs = MlflowClient().search_runs([MlflowClient().get_experiment_by_name("token-approx").experiment_id])  # type: ignore[union-attr]
    assert [run.data.metrics["records"] for run in runs] == [1]
    wrong = usage(folder, "reader=mlflow_traces", "experiments=calls", "out=x.jsonl")
    assert wrong.stderr == (
        "error: out=x.jsonl does not fit what reader=mlflow_traces writes."
        " Give a name such as requests.parquet.\n"
    )
    # The store and the artifact of each trace are where MLflow keeps what it traced.
    for file in [*folder.glob("mlflow.db*"), *folder.rglob("traces.json")]:
        file.unlink()
    written = everything(folder, done.stdout, done.stderr)
    for secret in SECRETS:
        assert secret.encode() not in written, secret
