"""A registered model is pulled and loaded without the libraries that fit and draw."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

FITTING = ["matplotlib", "sklearn", "optuna", "hydra"]
PROGRAM = """
import sys
from pathlib import Path
import mlflow
from token_approx import Estimator
from token_approx.lifecycle.loading import load_model
from token_approx.lifecycle.pull import pull

uri = sys.argv[1]
pull(uri, Path("pulled"))
tokens = [load_model(uri).estimator.estimate("a b c"), Estimator.load(uri).estimate("a b c")]
tokens += mlflow.pyfunc.load_model(uri).predict(["a b c"])["input_tokens"].tolist()
assert tokens == [Estimator.load("pulled").estimate("a b c")] * 3, tokens
print([name for name in sys.argv[2:] if name in sys.modules])
"""


def test_loading_imports_nothing_that_fits_or_draws(
    register: Callable[[Mapping[str, Any]], str], coefs: dict[str, Any], tmp_path: Path
) -> None:
    """Pulled, loaded by us and loaded by MLflow, a version needs neither matplotlib nor scikit-learn."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, register(coefs), *FITTING],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"},
    )
    assert done.stdout.splitlines()[-1] == "[]"
