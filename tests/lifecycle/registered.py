"""A store with one registered version of texts, and the processes that look at it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from token_approx.lifecycle.contract import COEFS

NAME = "token-approx-claude-3-7-sonnet-latest"
URI = f"models:/{NAME}@champion"
# The one table that the committed default model weighs.
((FEATURE, TABLE),) = (
    (feature, entry["file"])
    for feature, entry in json.loads((ROOT / "output" / COEFS).read_text())["tables"].items()
)
TEXTS = ["The boats were coming in, one after the other. " * 700, "x", "", "naïve 船 🚣"]


@dataclass(frozen=True)
class Store:
    """A store with one registered version, the committed default model."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return what a process needs to find it, and the interpreter's programs."""
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{self.folder}/mlflow.db", "PATH": programs}

    def run(self, *command: str, **more: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401
        """Run a command in the store's folder."""
        return subprocess.run(
            command,
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **more,
        )
