"""What the stages' mains share: Hydra with plain overrides, and one-line errors."""

import difflib
import logging
import os
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import hydra
import mlflow
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from mlflow.exceptions import MlflowException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from sqlalchemy.exc import SQLAlchemyError

from token_approx import exit_codes
from token_approx.errors import StoreError, TokenApproxError, UsageError

CONF = Path(__file__).resolve().parents[3] / "conf"
LISTS = ("features", "estimator")
# Lists of paths: always a list, each path quoted.
PATH_LISTS = ("documents", "text")
# Paths and names that may hold what Hydra would read as its grammar.
QUOTED = (
    *("records", "output", "source", "samples", "out", "cache", "books", "tokenx", "model"),
    *("study", "storage", "search.study", "search.storage"),
    *("input", "column", "group_by", "master"),
    *("counter.path", "counter.tokenizer", "counter.base_url", "tokenizer.path"),
)


def expand(arguments: Iterable[str]) -> list[str]:
    """Return Hydra's overrides for arguments as a person or MLproject gives them.

    `overrides='a=1 b=2'` becomes its parts, `features=a,b` is a list unless a multirun sweeps over it, and
    paths are quoted.
    """
    arguments = list(arguments)
    sweep = bool({"-m", "--multirun"} & set(arguments))
    expanded: list[str] = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name == "overrides" and equals:
            expanded += expand(shlex.split(value))
        elif name in PATH_LISTS and equals and not value.startswith("["):
            expanded.append(f"{name}=[{','.join(_quoted(path) for path in value.split(',') if path)}]")
        elif name in LISTS and "," in value and not sweep and not value.startswith("["):
            expanded.append(f"{name}=[{value}]")
        elif name in QUOTED and equals and value[:1] not in ("'", '"'):
            expanded.append(f"{name}={_quoted(value)}")
        else:
            expanded.append(f"{name}{equals}{value}")
    return expanded


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


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
    sys.argv = [sys.argv[0], *expand(sys.argv[1:])]

    def guarded(config: DictConfig) -> None:
        # Ends inside of Hydra's job, which would print a line of its own on anything it sees raised.
        try:
            stage(config)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - of a fault too, a user sees one line
            sys.exit(exit_codes.end(_meant(config_name, error)))

    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)(guarded)()
    except (HydraException, OmegaConfBaseException) as error:
        sys.exit(exit_codes.end(_meant(config_name, error)))
    finally:
        if {"-h", "--help"} & set(sys.argv):  # after what Hydra prints, which exits then
            sys.stdout.write(f"Exit codes:\n{exit_codes.listing()}\n")


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
            raise UsageError(f"{key}={value}: give a {kind} of at least {smallest}")


def _meant(config_name: str, error: BaseException) -> BaseException:
    inner: BaseException | None = error
    while inner:  # Hydra wraps what is raised while it instantiates a part, twice if importing it raised
        if isinstance(inner, TokenApproxError):
            return inner
        inner = inner.__cause__
    meant: TokenApproxError
    if isinstance(error, HydraException | OmegaConfBaseException):
        meant = UsageError(_message(config_name, error))
    elif isinstance(error, MlflowException | SQLAlchemyError | ConnectionError):
        meant = StoreError(_store_message(error))
    else:
        return error
    meant.__cause__ = error
    return meant


def _store_message(error: Exception) -> str:
    reason = next(filter(None, str(error).splitlines()), type(error).__name__)
    store = hidden_password(mlflow.get_tracking_uri())
    return f"MLflow at {store}: {reason}: see that it can be reached, and run the same command again"


def hidden_password(uri: str) -> str:
    """Return an address with *** for its password, if it has one."""
    return re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1:***@", uri)


def _message(config_name: str, error: Exception) -> str:
    text = str(error)
    option = re.search(r"Could not (?:find|load) '(?P<group>[^']+)/(?P<name>[^'/]*)'", text)
    if option:
        valid = sorted(path.stem for path in (CONF / option["group"]).glob("*.yaml"))
        return _unknown(f"{option['group']}={option['name']}", option["name"], valid)
    key = re.search(r"Could not override '(?P<key>[^']+)'", text) or re.search(
        r"full_key: (?P<key>\S+)", text
    )
    if key:
        parent, _, name = key["key"].rpartition(".")
        return _unknown(key["key"], name, _keys(config_name, parent), parent)
    return text.splitlines()[0]


def _unknown(given: str, name: str, valid: list[str], parent: str = "") -> str:
    near = difflib.get_close_matches(name, valid, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    where = f" in {parent}" if parent else ""
    return f"unknown {given}{hint}: valid{where} are {', '.join(valid)}"


def _keys(config_name: str, parent: str) -> list[str]:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        node: Any = compose(config_name)
    for part in filter(None, parent.split(".")):
        if not isinstance(node, DictConfig) or part not in node:
            break
        node = node[part]
    if isinstance(node, DictConfig):
        return sorted(str(key) for key in node if not str(key).startswith("_"))
    return [str(index) for index in range(len(node))] if isinstance(node, ListConfig) else []
