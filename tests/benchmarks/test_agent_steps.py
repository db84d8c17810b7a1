"""The errors on agents' steps: exact texts leave none, and no session helps to fit its own constant."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from token_approx.benchmarks import agent_steps
from token_approx.text.ngrams import NgramTable

TEXTS = ["one two three " * 40, "x = 1\n" * 90, "größe " * 70]


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """Write steps of three sessions of two models that cost what o200k_base's table says and a constant."""
    table = NgramTable.load("o200k_base")
    rows = []
    for session, model, constant in (("a", "gpt-5.4", 11), ("b", "gpt-5.4", 11), ("c", "gpt-5.5", 30)):
        for results in (1, 2):
            for text in TEXTS:
                tokens = sum(table.tokens(text) + constant for _ in range(results))
                blocks = [{"role": "tool", "type": "tool_result", "text": text}] * results
                rows.append((session, model, "tool_results", tokens, json.dumps(blocks), 0))
    rows.append(("a", "gpt-5.4", "tool_results", 1e6, json.dumps(blocks), 3))  # texts were changed
    rows.append(("a", "gpt-5.4", "answer", 1e6, json.dumps(blocks), 0))
    rows.append(("a", "gpt-5.4", "tool_results", 12, json.dumps([{"text": "ab"}]), 0))  # short
    path = tmp_path / "steps.parquet"
    names = ["session", "model", "kind", "tokens", "blocks", "replaced"]
    pd.DataFrame(rows, columns=names).to_parquet(path)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run the module as from a command line."""
    monkeypatch.setattr(sys, "argv", ["agent_steps", *arguments])
    agent_steps.main()


def test_errors_by_model(steps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A constant that other sessions share leaves no error; a lone session has the constant of the others."""
    out = tmp_path / "errors.csv"
    run(monkeypatch, f"steps={steps}", f"out={out}", "tables={o200k_base: [gpt-5.4, gpt-5.5]}", "least=50")
    errors = pd.read_csv(out).set_index("model")
    assert errors["steps"].to_dict() == {"gpt-5.4": 12, "gpt-5.5": 6}
    assert errors["sessions"].to_dict() == {"gpt-5.4": 2, "gpt-5.5": 1}
    assert errors.loc["gpt-5.4", "mape"] == pytest.approx(0, abs=1e-9)
    table = NgramTable.load("o200k_base")
    missed = [100 * 19 / (table.tokens(text) + 30) for text in TEXTS]
    assert errors.loc["gpt-5.5", "mape"] == pytest.approx(np.mean(missed))
    assert errors.loc["gpt-5.5", "bias_percent"] == pytest.approx(-np.mean(missed))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "give steps=<Parquet file>"),
        (["least=0"], "least"),
        (["tables={o200k_base: [x]}"], "none of the models"),
    ],
)
def test_refusals(
    steps: Path,
    arguments: list[str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is missing or matches nothing is one line, not a traceback."""
    given = [f"steps={steps}"] if arguments else []
    with pytest.raises(SystemExit):
        run(monkeypatch, *given, *arguments)
    assert named in capsys.readouterr().err


def test_a_file_without_a_column_is_named(tmp_path: Path) -> None:
    """Another Parquet file is refused with the column that it lacks."""
    path = tmp_path / "other.parquet"
    pd.DataFrame({"model": ["m"]}).to_parquet(path)
    with pytest.raises(ValueError, match="has no column 'session': it has model"):
        agent_steps.read_steps(path)
