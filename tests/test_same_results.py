"""What compares a rerun with the committed results tells rounding from another result."""

import importlib.util
from functools import partial
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
    assert list(differences(new | {"w0": 1.01})) == ["m.w0: 1.0 was committed, now 1.01"]
    assert len(list(differences(new | {"names": ["b"]}))) == 1
