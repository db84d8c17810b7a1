"""MLflow's model registry: one registered model per reference model, of texts or of whole requests."""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version as installed
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.models.model import ModelInfo
from mlflow.models.signature import ModelSignature
from mlflow.tracking import MlflowClient
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

from token_approx.estimator.byte_bounds import REQUEST
from token_approx.lifecycle.contract import COEFS, table_files, write_json

CARD = "model_card.md"
# What MLflow's databases hold of a version's description.
LONGEST_DESCRIPTION = 5000
# The folders that hold the estimator and all that it imports, and the modules beside them: a copy of these
# runs with numpy alone.
CARRIED = ("text", "requests", "estimator")
BESIDE = ("__init__.py", "errors.py", "files.py")
CONFIDENCE = ParamSpec("confidence", "double", 0.95)
ANSWERS = (
    ColSpec("long", "input_tokens"),
    ColSpec("long", "upper_bound"),
    ColSpec("boolean", "in_domain"),
)


@dataclass(frozen=True)
class Kind:
    """What a registered model is given and gives: its code, an example, its outputs and parameters."""

    code: str
    example: str
    outputs: tuple[ColSpec, ...]
    params: tuple[ParamSpec, ...]

    @property
    def signature(self) -> ModelSignature:
        """The signature; its column has no name, so that MLflow takes lists of strings too.

        The model refuses a column of another name than its own.
        """
        return ModelSignature(
            inputs=Schema([ColSpec("string")]),
            outputs=Schema(list(self.outputs)),
            params=ParamSchema(list(self.params)),
        )


OF_TEXTS = Kind("text_model.py", "How many tokens will this be?", ANSWERS, (CONFIDENCE,))
OF_REQUESTS = Kind(
    "request_model.py",
    '{"messages": [{"role": "user", "content": "How many tokens will this be?"}]}',
    (*ANSWERS, ColSpec("string", "not_counted")),
    (CONFIDENCE, ParamSpec("model", "string", "")),
)


def registered_name(reference_model: str) -> str:
    """Return the registered model's name for a reference model."""
    return f"token-approx-{reference_model}"


def log_model(coefs: Mapping[str, Any], card: str) -> ModelInfo:
    """Log the model of texts, or of whole requests, with its card, to the active run.

    Its files are model_coefs.json and the tables it names, this package's estimator under a name of its own,
    and MLflow's description of them in text; nothing is pickled.
    """
    kind = OF_REQUESTS if coefs.get("counts_of") == REQUEST else OF_TEXTS
    with (
        tempfile.TemporaryDirectory() as folder,
        as_file(files("token_approx.lifecycle") / kind.code) as model,
    ):
        path = Path(folder, COEFS)
        write_json(path, coefs)
        # A model of requests names one table for many features.
        tables = {table.name: (name, table) for name, table in reversed(table_files(coefs).items())}
        artifacts = {"model_coefs": str(path)}
        for file, (name, table) in tables.items():
            artifacts[name] = str(Path(folder, file))
            Path(folder, file).write_bytes(table.data)
        package = package_estimator(Path(folder))
        logged: ModelInfo = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(model),
            artifacts=artifacts,
            code_paths=[str(package)],
            model_config={"package": package.name},
            signature=kind.signature,
            input_example=[kind.example],
            # Named outright: to infer them, MLflow would load the model in a process of its own.
            pip_requirements=[f"mlflow-skinny=={installed('mlflow-skinny')}", "numpy", "pandas"],
        )
        Path(folder, CARD).write_text(card, encoding="utf-8")
        MlflowClient().log_model_artifact(logged.model_id, str(Path(folder, CARD)))
    return logged


def package_estimator(folder: Path) -> Path:
    """Copy the estimator into a package in `folder` that is named after its content, and return it.

    Versions with the same code share one module in a process that loads both; others do not meet.
    """
    sources = {name: (files("token_approx") / name).read_bytes() for name in carried()}
    digest = hashlib.sha256(b"\0".join(sources.values())).hexdigest()
    package = folder / f"token_approx_{digest[:12]}"
    for name, source in sources.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source)
    return package


def carried() -> list[str]:
    """Return the modules that a registered version carries, as paths within this package, sorted."""
    root = Path(str(files("token_approx")))
    modules = [path for folder in CARRIED for path in (root / folder).rglob("*.py")]
    return sorted([*BESIDE, *(path.relative_to(root).as_posix() for path in modules)])


def create_version(
    client: MlflowClient, name: str, logged: ModelInfo, run: Run, card: str, tags: Mapping[str, str]
) -> str:
    """Register a logged model with its card and tags, all in one step, and return the new version.

    Called again for the same run, it returns the version that it made: a database that went away may have
    kept it.
    """
    for made in client.search_model_versions(f"name = '{name}' and run_id = '{run.info.run_id}'"):
        return str(made.version)
    with suppress(MlflowException):  # it exists: another run may make it at the same moment
        client.create_registered_model(name)
    created = client.create_model_version(
        name,
        logged.model_uri,
        run_id=run.info.run_id,
        tags=dict(tags),
        description=_description(card),
        model_id=logged.model_id,
    )
    return str(created.version)


def download(uri: str, folder: Path) -> Path:
    """Return the folder that holds the model_coefs.json of a model URI, downloaded into `folder`.

    Raises:
        MlflowException: there is no such model, or it cannot be read.
    """
    shutil.rmtree(folder, ignore_errors=True)
    local = mlflow.artifacts.download_artifacts(f"{uri.rstrip('/')}/artifacts", dst_path=str(folder))
    return Path(local)


def _description(card: str) -> str:
    if len(card) <= LONGEST_DESCRIPTION:
        return card
    more = f"\n\nThe rest is in {CARD}, beside the model's files."
    whole_lines, _, _ = card[: LONGEST_DESCRIPTION - len(more)].rpartition("\n")
    return whole_lines + more
