"""A model, registered or in a file -> its estimator, and what its model_coefs.json says besides."""

import json
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.utils.models import get_model_name_and_version
from mlflow.tracking import MlflowClient

from token_approx.estimator.estimator import Estimator
from token_approx.lifecycle.contract import COEFS
from token_approx.lifecycle.pull import pull

# A scheme of one letter is a drive.
URI = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)


@dataclass(frozen=True)
class LoadedModel:
    """A model: `name` is `<name>/<version>` if registered, else its URI or path; `coefs` is its file."""

    name: str
    coefs: Mapping[str, Any]
    estimator: Estimator


def load_model(model: str) -> LoadedModel:
    """Load a model by its URI (`models:/…`, `runs:/…`) or by the path of a model_coefs.json or its folder.

    Raises:
        InputError: it cannot be had, or is none of ours.
    """
    if not URI.match(model):
        return _loaded(model, Path(model))
    uri = pinned(model)
    with tempfile.TemporaryDirectory() as folder:
        pull(uri, Path(folder))
        return _loaded(uri.removeprefix("models:/"), Path(folder, COEFS))


def pinned(uri: str) -> str:
    """Return models:/<name>/<version> for the URI of a registered version, by an alias too; others as given.

    An alias may be moved in between two questions; a version stays what it is.
    """
    if uri.startswith("models:/"):
        with suppress(MlflowException):  # asking for its files raises what is wrong
            found = get_model_name_and_version(MlflowClient(), uri)  # type: ignore[no-untyped-call]
            return "models:/" + "/".join(map(str, found))
    return uri


def _loaded(name: str, path: Path) -> LoadedModel:
    path = path / COEFS if path.is_dir() else path
    estimator = Estimator.load(path)  # checks what is read below
    return LoadedModel(name, json.loads(path.read_bytes()), estimator)
