"""`token-approx compare` shows every count there is; `pull` brings a registered version's files."""

import json
import subprocess
import sys
from pathlib import Path

import bpe_openai as bpe_openai_package
import mlflow
from mlflow.tracking import MlflowClient

from tests.commands.conftest import Run
from tests.conftest import ROOT
from token_approx import Estimator
from token_approx.commands.compare import EXACT
from token_approx.estimator.shipped import DEFAULTS, shipped_families
from token_approx.lifecycle.registry import create_version, log_model, registered_name
from token_approx.reporting.peers import bpe_openai

TEXT = (ROOT / "README.md").read_text()


def test_compare_counts_in_every_way(run: Run, tmp_path: Path) -> None:
    """Estimates are the estimators', and the exact tokenizers agree with one another."""
    (tmp_path / "a").write_text(TEXT)
    (tmp_path / "b").write_bytes(b"\xffHello")
    coefs = ROOT / "output/claude-3-7-sonnet-all"
    content = json.loads(run("compare", "a", "b", "--json", "--coefs", coefs).stdout)
    assert content["files"] == ["a", "b"]
    counts = content["tokens"]
    texts = (TEXT, b"\xffHello")
    for name in shipped_families():
        assert counts.pop(name) == [Estimator.for_model(name).estimate(text) for text in texts]
    assert counts.pop(str(coefs)) == [Estimator.load(coefs).estimate(text) for text in texts]
    assert counts.pop("chars/4") == [round(len(TEXT) / 4), round(6 / 4)]
    old = bpe_openai_package.get_encoding("cl100k_base").encode_ordinary
    assert counts.pop("cl100k_base, exact (bpe-openai)") == [len(old(text)) for text in (TEXT, "\ufffdHello")]
    exact = [round(bpe_openai()(text)) for text in (TEXT, "\ufffdHello")]
    assert counts == {f"o200k_base, exact ({name})": exact for name in ("tiktoken", "rs-bpe", "bpe-openai")}


def test_compare_prints_a_table(run: Run, tmp_path: Path) -> None:
    """With a column per text, the total, and the deviation of what estimates o200k_base."""
    (tmp_path / "a").write_text(TEXT)
    (tmp_path / "b").write_text("Hello")
    done = run("compare", "a", "b", "missing")
    assert (done.returncode, done.stderr) == (1, b"missing cannot be read (No such file or directory)\n")
    header, *lines = done.stdout.decode().splitlines()
    assert header.split() == ["counted", "by", "a", "b", "total", "off"]
    rows = {line.split("  ")[0]: line.split()[-4:] for line in lines}
    exact = bpe_openai()(TEXT) + bpe_openai()("Hello")
    estimate = sum(map(Estimator.for_model("o200k_base").estimate, (TEXT, "Hello")))
    assert rows["o200k_base"][2:] == [f"{estimate:,}", f"{estimate / exact - 1:+.1%}"]
    assert rows["chars/4"][-1].startswith("-")
    assert rows["o200k_base, exact (tiktoken)"][-1] == f"{exact:,.0f}"


def test_compare_without_tokenizers() -> None:
    """Where none is installed that is told, and estimates have nothing to deviate from."""
    code = """
import sys
sys.modules.update(dict.fromkeys(["tiktoken", "tiktoken_ext", "rs_bpe", "bpe_openai"]))
sys.argv[:] = ["token-approx", "compare"]
from token_approx.commands.main import main
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", code], input=b"Hello", capture_output=True, check=True)
    header, *lines = done.stdout.decode().splitlines()
    assert header.split() == ["counted", "by", "-"]
    assert [line.split()[0] for line in lines] == ["chars/4", *shipped_families()]
    assert [line.split(" ")[0] for line in done.stderr.decode().splitlines()] == list(EXACT)


def test_pull_and_use_what_was_pulled(run: Run) -> None:
    """The files that it names are an estimator's, --model reads the registry, and nothing else is told."""
    mlflow.set_experiment("token-approx")
    with mlflow.start_run() as started:
        logged = log_model(json.loads((DEFAULTS / "claude_3.json").read_text()), "A card.")
    name = registered_name("claude_3")
    version = create_version(MlflowClient(), name, logged, started, "A card.", {})
    MlflowClient().set_registered_model_alias(name, "champion", version)
    done = run("pull", f"models:/{name}@champion", "--out", "model")
    assert sorted(done.stdout.decode().splitlines()) == ["model/claude_3.json", "model/model_coefs.json"]
    assert (done.returncode, done.stderr) == (0, b"")
    expected = f"{Estimator.for_model('claude_3').estimate(TEXT)}\n".encode()
    for options in (("--coefs", "model"), ("--model", f"models:/{name}/{version}"), ("--model", "claude_3")):
        counted = run("count", *options, stdin=TEXT.encode())
        assert (counted.returncode, counted.stdout, counted.stderr) == (0, expected, b"")


def test_what_cannot_be_pulled(run: Run) -> None:
    """One line says what is not there, and what to give."""
    for command in (["pull", "models:/nobody@champion"], ["count", "--model", "models:/nobody@champion"]):
        done = run(*command)
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.startswith(b"error: models:/nobody@champion cannot be downloaded (")
        assert done.stderr.count(b"\n") == 1
