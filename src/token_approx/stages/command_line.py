"""What the stages' mains share: Hydra with plain overrides, and one-line errors."""

import logging
import math
import os
import re
import shlex
import signal
import sys
import warnings
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import hydra
import mlflow
from alembic.util import CommandError
from hydra.errors import HydraException
from mlflow.exceptions import MlflowException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from sqlalchemy.exc import SQLAlchemyError

from token_approx import exit_codes
from token_approx.errors import StoreError, TokenApproxError, UsageError
from token_approx.stages.overrides import expand

# A checkout's, beside src; else the copy in the installed package.
CHECKOUT, INSTALLED = (Path(__file__).resolve().parents[up] / "conf" for up in (3, 1))
CONF = CHECKOUT if (CHECKOUT / "train.yaml").is_file() else INSTALLED


def run_stage(config_name: str, stage: Callable[[DictConfig], None]) -> None:
    """Compose the stage's configuration from the command line and run it.

    Whatever goes wrong ends the process with one line on standard error and the exit code of its meaning
    (`token_approx.exit_codes`).
    """
    # Without these, a first run prints notices of libraries that no user can act on.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise, so that the message below is ours
    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # it logs what it raises
    warnings.filterwarnings("ignore", module="(mlflow|hydra|sklearn|optuna|pydantic|joblib)")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # closes runs as Ctrl-C does

    def guarded(config: DictConfig) -> None:
        # Ends inside of Hydra's job, which would print a line of its own on anything it sees raised.
        try:
            stage(config)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - of a fault too, a user sees one line
            sys.exit(exit_codes.end(_meant(error)))

    given = sys.argv
    try:
        sys.argv = [sys.argv[0], *expand(CONF, config_name, sys.argv[1:])]
        hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)(guarded)()
    except (TokenApproxError, HydraException, OmegaConfBaseException) as error:
        sys.exit(exit_codes.end(_meant(error)))
    finally:
        if {"-h", "--help"} & set(given):  # after what Hydra prints, which exits then
            sys.stdout.write(f"Exit codes:\n{exit_codes.listing()}\n")
        sys.argv = given


def check_numbers(config: DictConfig, least: Mapping[str, int], fractions: Collection[str] = ()) -> None:
    """Check the least that each number of the configuration may be; whole numbers but for `fractions`.

    Raises:
        UsageError: one is less, or not a number of its kind.
    """
    for key, smallest in least.items():
        value = OmegaConf.select(config, key)
        kinds = (int, float) if key.rpartition(".")[2] in fractions else (int,)
        if not isinstance(value, kinds) or isinstance(value, bool) or value < smallest:
            kind = "number" if float in kinds else "whole number"
            raise UsageError(f"{key}={value} is not a {kind} of at least {smallest}.")


def optional_number(config: DictConfig, key: str, meaning: str) -> float | None:
    """Return a number of at least 0 that need not be given, None where it is not.

    Raises:
        UsageError: what is given is not such a number.
    """
    value = config[key]
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise UsageError(f"{key}={value} is not valid. Give {meaning}.")
    return number


def _meant(error: BaseException) -> BaseException:
    inner: BaseException | None = error
    while inner:  # Hydra wraps what is raised while it instantiates a part, twice if importing it raised
        if isinstance(inner, TokenApproxError):
            return inner
        inner = inner.__cause__
    meant: TokenApproxError
    if isinstance(error, HydraException | OmegaConfBaseException):
        meant = UsageError(str(error).splitlines()[0])
    elif isinstance(error, MlflowException | SQLAlchemyError | CommandError | ConnectionError):
        meant = StoreError(_store_message(error))
    else:
        return error
    meant.__cause__ = error
    return meant


def _store_message(error: Exception) -> str:
    reason = next(filter(None, str(error).splitlines()), type(error).__name__)
    store = hidden_password(mlflow.get_tracking_uri())
    if isinstance(error, CommandError) or "out-of-date database schema" in str(error):
        return (
            f"MLflow at {store}: another version of MLflow made the database. Make a copy of it, and run:"
            f" mlflow db upgrade {shlex.quote(store)}. If it is of a newer one, upgrade MLflow instead."
        )
    if "full" in reason or "No space" in reason:
        return f"MLflow at {store}: {reason}. Make room on its disk, and run the same command again."
    return f"MLflow at {store}: {reason}. Check that it can be reached, and run the same command again."


def hidden_password(uri: str) -> str:
    """Return an address with *** for its password, if it has one."""
    return re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1:***@", uri)
