"""The examples in docstrings print what they say."""

import doctest
import importlib
import pkgutil
import sys

import pytest

import token_approx
from token_approx.errors import UsageError

NAMES = sorted(
    module.name
    for module in pkgutil.walk_packages(token_approx.__path__, "token_approx.")
    # It runs where it is copied to, by MLflow.
    if module.name != "token_approx.lifecycle.text_model"
)


@pytest.mark.parametrize("name", NAMES)
def test_examples(name: str) -> None:
    """Every example of every module."""
    if name == "token_approx.labelling.counters.ctok" and sys.version_info < (3, 12):
        with pytest.raises(UsageError, match=r"needs Python 3\.12"):
            importlib.import_module(name)
        return
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    """Those for people who embed this are among them."""
    embedded = ("estimator.estimator", "estimator.conversation", "text.streaming")
    finder = doctest.DocTestFinder()
    for name in embedded:
        found = finder.find(importlib.import_module(f"token_approx.{name}"))
        assert sum(len(test.examples) for test in found) >= 3
