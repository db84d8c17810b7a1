"""The label stage, run as a user runs it against a provider on the loopback, and stopped as users stop it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tests.conftest import ROOT
from tests.labelling.conftest import sample
from tests.labelling.provider_server import Provider, running, tokens_of
from token_approx.labelling.label import MINIMAL_MESSAGE
from token_approx.labelling.records import read_records
from token_approx.preparing.samples import Sample, write_samples

KEY = "sk-planted-okapi-0123456789"
SENTENCE = "The quagga told nobody of the planted sentence."
QUICK = "labelling.first_wait=0.01 labelling.longest_wait=0.05"


@pytest.fixture
def provider() -> Iterator[Provider]:
    """Return a running provider."""
    with running() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the project, where a run leaves everything that it writes."""
    copy = tmp_path / "project"
    for name in ("conf", "src"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("MLproject", "conda.yaml"):
        shutil.copy(ROOT / name, copy / name)
    return copy


def start(folder: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start a command in the project, with a planted key and every library told to log all it can."""
    environment = os.environ | {
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_LOG": "debug",
        **variables,
    }
    return subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has them, and so the stage, ignore interrupts.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    )


def stage(folder: Path, provider: Provider, *overrides: str) -> subprocess.Popen[str]:
    """Start the stage with plain python against the provider."""
    return start(
        folder, sys.executable, "-m", "token_approx.stages.label", "counter=anthropic", "model=claude-x",
        f"counter.base_url={provider.url}", *QUICK.split(), *overrides,
    )  # fmt: skip


def make_samples(folder: Path, number: int) -> list[Sample]:
    """Write so many samples, the planted sentence in each."""
    samples = [
        sample(f"{SENTENCE} {n} " + "y" * n, source=f"s{n % 4}", category="ab"[n % 2]) for n in range(number)
    ]
    write_samples(folder / "samples.jsonl", samples)
    return samples


def test_mlflow_run_tells_nothing_secret(folder: Path, provider: Provider) -> None:
    """`mlflow run -e label` logs counts, kinds, sizes, a hash and a figure; no text, key or header."""
    samples = make_samples(folder, 30)
    faults = {samples[3].text: "413", samples[5].text: "400"}
    provider.message = f"echo {SENTENCE} {KEY}"
    passing = {samples[7].text: "500", samples[8].text: "429"}
    provider.plan = lambda text, before: faults.get(text) or (None if before else passing.get(text))
    process = start(
        folder, "mlflow", "run", ".", "-e", "label", "--env-manager", "local",
        "--experiment-name", "token-approx", "-P", "counter=anthropic", "-P", "model=claude-x",
        "-P", "framing=subtract", "-P", f"overrides=counter.base_url={provider.url} {QUICK}",
    )  # fmt: skip
    printed = "".join(process.communicate())
    # A refusal that does not say that the text is too long leaves its sample missing: the run has failed.
    assert process.returncode == 1, printed
    assert "28 of 30 samples in labelled.jsonl" in printed
    assert "skipped   1 (1 too long (HTTP 413)), see labelled.skipped.jsonl" in printed
    assert "missing   1 (1 refused (HTTP 400))" in printed

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("token-approx")
    assert experiment
    (run,) = client.search_runs([experiment.experiment_id])
    metrics = run.data.metrics
    assert (metrics["counted"], metrics["skipped"], metrics["missing"]) == (28, 1, 1)
    assert (metrics["requests"], metrics["framing_tokens"]) == (35, 7)
    assert (metrics["errors/HTTP 500"], metrics["errors/HTTP 429"]) == (1, 1)
    assert metrics["errors/too long HTTP 413"] == 1
    assert run.info.status == "FAILED"
    assert run.data.params["counter"] == "anthropic"
    out = folder / "labelled.jsonl"
    assert run.data.tags["records_sha256"] == sha256(out.read_bytes()).hexdigest()
    for path in ("figures/sample_lengths.png", "tables/categories.csv"):
        assert Path(client.download_artifacts(run.info.run_id, path)).stat().st_size > 0
    table = Path(client.download_artifacts(run.info.run_id, "tables/categories.csv")).read_text()
    assert table.startswith("category,samples,bytes,records,tokens\na,15,")

    (folder / "samples.jsonl").unlink()
    everything = printed.encode() + b"".join(
        path.read_bytes() for path in folder.rglob("*") if path.is_file() and "src" not in path.parts
    )
    assert b"claude-x" in everything, "the search itself works"
    assert KEY in str(provider.headers_seen[0])
    for secret in (KEY, SENTENCE, "quagga", "okapi", "x-stainless-timeout"):
        assert secret.encode() not in everything, secret


def test_what_is_missing_is_exit_code_6(folder: Path, provider: Provider) -> None:
    """With the count, on one line; the run is marked as failed; the next run finishes it."""
    samples = make_samples(folder, 6)
    provider.plan = lambda text, _before: "529" if text == samples[2].text else None
    process = stage(folder, provider, "labelling.attempts=2")
    printed, errors = process.communicate()
    assert process.returncode == 6
    assert errors.splitlines()[-1].startswith("error: 1 of 6 samples are missing. Run the same command again")
    assert "missing   1 (1 HTTP 529)" in printed
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("token-approx").experiment_id])  # type: ignore[union-attr]
    assert (run.info.status, run.data.metrics["missing"]) == ("FAILED", 1)
    provider.plan = lambda _text, _before: None
    process = stage(folder, provider)
    assert process.communicate()[1] == ""
    assert process.returncode == 0
    assert [record.id for record in read_records(folder / "labelled.jsonl")] == [s.id for s in samples]


def test_an_invalid_key_is_one_line(folder: Path, provider: Provider) -> None:
    """It stops at once."""
    make_samples(folder, 6)
    provider.plan = lambda _text, _before: "401"
    process = stage(folder, provider)
    printed, errors = process.communicate()
    assert (process.returncode, printed) == (1, "")
    assert errors == ("error: anthropic refuses the key in ANTHROPIC_API_KEY (HTTP 401). Set a valid one.\n")
    assert provider.asked == {MINIMAL_MESSAGE: 1}


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_in_between(folder: Path, provider: Provider, kind: signal.Signals) -> None:
    """Ctrl-C, kill and kill -9: what was counted is kept, and only the rest is asked for."""
    samples = make_samples(folder, 200)
    process = stage(folder, provider, "labelling.requests_per_minute=6000")
    provider.wait_for_answers(60)
    process.send_signal(kind)
    _, errors = process.communicate()
    assert process.returncode == (-kind if kind == signal.SIGKILL else 130)
    assert ("interrupted" in errors) == (kind != signal.SIGKILL)
    lines = (folder / "labelled.jsonl").read_bytes().splitlines(keepends=True)
    finished = {json.loads(line)["id"] for line in lines if line.endswith(b"\n")}
    assert 60 - 9 <= len(finished) < 200
    provider.asked.clear()
    process = stage(folder, provider)
    assert process.wait() == 0
    assert not {s.text for s in samples if s.id in finished} & provider.asked.keys()
    records = read_records(folder / "labelled.jsonl")
    assert [(r.id, r.input_tokens) for r in records] == [(s.id, tokens_of(s.text)) for s in samples]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["samples=none.jsonl"], "none.jsonl: the samples cannot be read"),
        (["counter=antropic"], "unknown counter=antropic (did you mean anthropic?). Valid names: anthropic,"),
        (["labelling.concurency=3"], "unknown labelling.concurency (did you mean concurrency?)"),
        (["labelling.concurrency=0"], "labelling.concurrency=0 is not a whole number of at least 1"),
        (["labelling.first_wait=x"], "labelling.first_wait=x is not a number of at least 0"),
        (["framing=none", "model=o200k_base"], "framing=none is unknown. Valid values: keep, subtract"),
        ([], "counter=bpe_openai needs the name of the reference model. Give model=<name>"),
        (
            ["counter=openai", "model=m"],
            "counter=openai needs a key. Set the environment variable OPENAI_API",
        ),
        (["counter=usage_log", "model=m"], "Give counter.path="),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever is wrong with the command line, it ends with one line that helps, and exit code 1 or 64."""
    from token_approx.stages import label  # noqa: PLC0415 - beside the processes above

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    write_samples(tmp_path / "samples.jsonl", [sample("a text")])
    monkeypatch.setattr(sys, "argv", ["label", *arguments])
    with pytest.raises(SystemExit) as ended:
        label.main()
    printed = capsys.readouterr()
    assert ended.value.code in (1, 64)
    assert message in printed.err
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
