"""A Python that ctok runs on (3.12 or newer): CTOK_PYTHON names one with ctok and numpy, else this one."""

import json
import os
import subprocess
import sys
from functools import cache

import pytest

from tests.conftest import ROOT

PYTHON = os.environ.get("CTOK_PYTHON", sys.executable)


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run a program by that Python with this package on its path."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [PYTHON, "-"]
    return subprocess.run(command, env=environment, input=code, capture_output=True, text=True, check=False)


def printed(code: str, **given: object) -> object:
    """Return what a program printed as JSON, given values by name."""
    names = "\n".join(f"{name} = {value!r}" for name, value in given.items())
    done = run(f"import json\n{names}\n{code}")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@cache
def has_ctok() -> bool:
    """Say whether that Python has what it takes; where CTOK_PYTHON is set, it must."""
    found = run("import ctok, numpy").returncode == 0
    assert found or "CTOK_PYTHON" not in os.environ, f"{PYTHON} has no ctok"
    return found


needs_ctok = pytest.mark.skipif(
    not has_ctok(), reason="no ctok: set CTOK_PYTHON to a Python from 3.12 on with ctok and numpy"
)
