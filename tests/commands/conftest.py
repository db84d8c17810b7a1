"""What runs the real command."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "token_approx.commands.main"]
Done = subprocess.CompletedProcess[bytes]
Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs `token-approx` with arguments, in the test's folder unless told."""

    def run(*arguments: object, stdin: bytes = b"", **options: Any) -> Done:  # noqa: ANN401
        command = [*COMMAND, *map(str, arguments)]
        settings: dict[str, Any] = {"cwd": tmp_path} | options
        done: Done = subprocess.run(command, input=stdin, capture_output=True, check=False, **settings)
        return done

    return run
