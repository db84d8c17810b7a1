"""What the stages need and a plain installation does not bring, said in one line if it is missing."""

import sys
from collections.abc import Mapping
from importlib.util import find_spec

from token_approx import exit_codes
from token_approx.errors import MissingExtraError

# Module -> distribution, in the order in which they are missed. MLflow brings what `train` has besides.
SCORE = {
    "hydra": "hydra-core",
    "mlflow": "mlflow",
    "pandas": "pandas",
    "sklearn": "mlflow",
    "pyarrow": "pyarrow",
}
MODULES: Mapping[str, Mapping[str, str]] = {
    "score": SCORE,
    "train": SCORE | {"sklearn": "scikit-learn", "optuna": "optuna", "tenacity": "tenacity"},
}


def end_without(extra: str, but: Mapping[str, str]) -> None:
    """End the process with one line if `python -m` is about to run a module whose extra is not installed.

    The module needs `extra`, or what `but` has for its name. While Python looks for the module that `-m`
    names, it imports the packages around it, and `sys.argv[0]` is "-m"; imported in any other way, a module
    says itself what it misses.
    """
    if not sys.argv or sys.argv[0] != "-m":
        return
    module = next((argument for argument in sys.orig_argv if argument.startswith("token_approx.")), "")
    stage = module.rpartition(".")[2]
    needed = but.get(stage, extra)
    for name, distribution in MODULES[needed].items():
        if find_spec(name) is None:
            error = f"the stage {stage} needs {distribution}. Run: pip install 'token-approx[{needed}]'"
            sys.exit(exit_codes.end(MissingExtraError(error)))
