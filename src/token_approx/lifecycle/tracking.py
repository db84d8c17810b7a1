"""MLflow tracking: the parent run of a comparison and one nested run per candidate."""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME, MLFLOW_RUN_NOTE, MLFLOW_USER

from token_approx.fitting.comparison import Comparison
from token_approx.fitting.cross_validation import Evaluation
from token_approx.fitting.dataset import Dataset
from token_approx.fitting.search import Trial

RUN_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
# A run's parameter value may have this many characters in MLflow's databases.
LONGEST_PARAM = 6000


@contextmanager
def parent_run(experiment: str, name: str) -> Iterator[Run]:
    """Adopt the run that `mlflow run` made, or start one in the experiment; it fails if the block raises."""
    if "MLFLOW_RUN_ID" not in os.environ:
        # Where another process makes it at the same moment, MLflow returns it, but does not choose it.
        mlflow.set_experiment(experiment_id=mlflow.set_experiment(experiment).experiment_id)
    with mlflow.start_run() as run:
        mlflow.set_tag(MLFLOW_RUN_NAME, name)
        yield run


def log_configuration(run: Run, parameters: Mapping[str, Any], config: str) -> None:
    """Log the run's parameters, leaving those that `mlflow run` logged, and its whole configuration."""
    known = mlflow.get_run(run.info.run_id).data.params
    new = {key: str(value)[:LONGEST_PARAM] for key, value in parameters.items() if key not in known}
    mlflow.log_params(new)
    mlflow.log_text(config, "config.yaml")


def log_description(run: Run, text: str) -> None:
    """Show a text, in Markdown, above the run's details."""
    if text:
        MlflowClient().set_tag(run.info.run_id, MLFLOW_RUN_NOTE, text)


def dataset_input(dataset: Dataset, context: str = "training") -> DatasetInput:
    """Return the dataset as MLflow's record of an input: its schema, size and digest, and its use."""
    frame = dataset.features.assign(input_tokens=dataset.tokens, source=dataset.sources)
    logged = from_pandas(frame, source=str(dataset.path), name=dataset.name, targets="input_tokens")
    return DatasetInput(logged._to_mlflow_entity(), [InputTag("mlflow.data.context", context)])  # noqa: SLF001


def log_parent(
    run: Run,
    comparison: Comparison,
    dataset: DatasetInput,
    reported: Mapping[str, float],
    seconds: Mapping[str, float],
) -> None:
    """Log the champion's metrics with their intervals, the selection and the input on the parent run."""
    champion, selection = comparison.champion, comparison.selection
    values = _metrics(champion) | dict(reported)
    if selection.gain is not None:
        values |= dict(zip(("gain/mae", "gain/mae_low", "gain/mae_high"), selection.gain, strict=True))
    for name, (low, high) in comparison.test_intervals.items():
        values |= {f"test/{name}_low": low, f"test/{name}_high": high}
    values |= {f"seconds/{name}": value for name, value in seconds.items()}
    tags = {
        "champion": champion.candidate.name,
        "dataset": comparison.dataset.name,
        "reference_model": comparison.dataset.reference_model,
        "candidates": str(len(comparison.trials)),
        "passed_over": str(len(selection.passed_over)),
        "flags": "; ".join(comparison.flags[champion.candidate.name]),
        "selection_note": selection.note,
    }
    client = MlflowClient()
    client.log_batch(
        run.info.run_id,
        metrics=_as_metrics(values) + _curve(champion),
        tags=[RunTag(key, value) for key, value in tags.items() if value],
    )
    client.log_inputs(run.info.run_id, [dataset])


def log_candidate(
    parent: Run,
    trial: Trial,
    *,
    champion: bool,
    flags: Sequence[str],
    dataset: DatasetInput,
    files: Mapping[str, bytes],
) -> str:
    """Log one candidate as a nested run with its files (path to content), and return the run's id."""
    client = MlflowClient()
    candidate = trial.candidate
    started = int(time.time() * 1000)
    name = candidate.name if trial.number is None else f"{candidate.name} · trial {trial.number}"
    run = client.create_run(
        parent.info.experiment_id,
        start_time=started,
        run_name=name,
        tags={
            MLFLOW_PARENT_RUN_ID: parent.info.run_id,
            MLFLOW_USER: parent.data.tags.get(MLFLOW_USER, ""),
            "state": trial.state,
            "champion": str(champion).lower(),
            **({"reason": trial.reason} if trial.reason else {}),
            **({"worker": trial.worker} if trial.worker else {}),
            **({"flags": "; ".join(flags)} if flags else {}),
        },
    )
    params = {
        "feature_set": candidate.feature_set,
        "features": " ".join(candidate.features),
        "estimator": candidate.model_name,
        **{name: repr(value) for name, value in candidate.hyperparameters.items()},
    }
    evaluation = trial.evaluation
    client.log_batch(
        run.info.run_id,
        params=[Param(key, value) for key, value in params.items()],
        metrics=_as_metrics(_metrics(evaluation)) + _curve(evaluation) if evaluation else [],
    )
    client.log_inputs(run.info.run_id, [dataset])
    if files:
        log_files(run.info.run_id, files)
    client.set_terminated(run.info.run_id, RUN_STATUS[trial.state])
    return str(run.info.run_id)


def log_inputs(run: Run, inputs: Sequence[DatasetInput]) -> None:
    """Log the datasets that a run read."""
    MlflowClient().log_inputs(run.info.run_id, list(inputs))


def log_metrics(run: Run, values: Mapping[str, float]) -> None:
    """Log metrics of a run in one call."""
    MlflowClient().log_batch(run.info.run_id, metrics=_as_metrics(values))


def log_files(run_id: str, files: Mapping[str, bytes]) -> None:
    """Log files given as relative path to content, in one call."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        MlflowClient().log_artifacts(run_id, folder)


def table_csv(table: pd.DataFrame) -> bytes:
    """Return a table as CSV, with 7 significant digits: as many as different machines agree on."""
    return table.to_csv(index=False, float_format="%.7g", lineterminator="\n").encode()


def _metrics(evaluation: Evaluation) -> dict[str, float]:
    return (
        {f"cv/{name}": value for name, value in evaluation.cv.items()}
        | {f"unseen_source/{name}": value for name, value in evaluation.unseen_source.items()}
        | {f"test/{name}": value for name, value in evaluation.test.items()}
    )


def _as_metrics(values: Mapping[str, float]) -> list[Metric]:
    now = int(time.time() * 1000)
    return [Metric(name, value, now, 0) for name, value in values.items()]


def _curve(evaluation: Evaluation) -> list[Metric]:
    now = int(time.time() * 1000)
    points = zip(evaluation.curve["records"], evaluation.curve["cv_mae"], strict=True)
    return [Metric("learning_curve/cv_mae", float(mae), now, int(records)) for records, mae in points]
