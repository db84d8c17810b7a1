"""What compares a rerun with the committed results tells rounding from another result."""

import importlib.util
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def same_results() -> ModuleType:
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("same_results", ROOT / ".ci/same_results.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_json(same_results: ModuleType) -> None:
    """A number may differ by a thousandth, what stands under provenance as it likes."""
    old = {"w0": 1.0, "names": ["a"], "provenance": {"run_id": "x"}}
    new = {"w0": 1.0005, "names": ["a"], "provenance": {"run_id": "y"}}
    differences = partial(same_results.differences, "m", old, tolerance=1e-3)
    assert not list(differences(new))
    assert list(differences(new | {"w0": 1.01})) == ["m.w0: the reference has 1.0, the run 1.01"]
    assert len(list(differences(new | {"names": ["b"]}))) == 1


def test_folders(same_results: ModuleType, tmp_path: Path) -> None:
    """Files that one side lacks, and what differs in those that both have, are named; pages are left out."""
    for folder, scale in (("reference", "1.0"), ("run", "2.0")):
        (tmp_path / folder / "tables").mkdir(parents=True)
        (tmp_path / folder / "model_coefs.json").write_text(f'{{"w0": {scale}}}')
        (tmp_path / folder / "report.html").write_text(folder)
        (tmp_path / folder / f"tables/{folder}.csv").write_text("a,b\n")
    assert same_results.compare(tmp_path / "reference", tmp_path / "run") == [
        "tables/reference.csv: the run did not write it",
        "tables/run.csv: is not among the reference results",
        "model_coefs.json.w0: the reference has 1.0, the run 2.0",
    ]
