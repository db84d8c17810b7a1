"""MLflow tracking: a stage's run, what it is given, what it read and what it found."""

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
from mlflow.entities import DatasetInput, InputTag, Metric, Run, RunTag
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME, MLFLOW_RUN_NOTE

from token_approx.fitting.comparison import Comparison
from token_approx.fitting.cross_validation import Evaluation
from token_approx.fitting.dataset import Dataset
from token_approx.lifecycle.killed_runs import mark_killed_runs, name_process

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
        name_process()
        mark_killed_runs(MlflowClient(), run)
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
    """Log the winner's metrics with their intervals, the selection and the input on the parent run."""
    winner, selection = comparison.winner, comparison.selection
    values = metrics_of(winner) | dict(reported)
    if selection.gain is not None:
        values |= dict(zip(("gain/mae", "gain/mae_low", "gain/mae_high"), selection.gain, strict=True))
    for name, (low, high) in comparison.test_intervals.items():
        values |= {f"test/{name}_low": low, f"test/{name}_high": high}
    values |= {f"seconds/{name}": value for name, value in seconds.items()}
    tags = {
        "winner": winner.candidate.name,
        "dataset": comparison.dataset.name,
        "reference_model": comparison.dataset.reference_model,
        "candidates": str(len(comparison.trials)),
        "passed_over": str(len(selection.passed_over)),
        "title": winner.candidate.title,
        "flags": "; ".join(map(str, comparison.flags[winner.candidate.name])),
        "selection_note": selection.note,
    }
    client = MlflowClient()
    client.log_batch(
        run.info.run_id,
        metrics=as_metrics(values) + curve_of(winner),
        tags=[RunTag(key, value) for key, value in tags.items() if value],
    )
    client.log_inputs(run.info.run_id, [dataset])


def log_inputs(run: Run, inputs: Sequence[DatasetInput]) -> None:
    """Log the datasets that a run read."""
    MlflowClient().log_inputs(run.info.run_id, list(inputs))


def log_metrics(run: Run, values: Mapping[str, float]) -> None:
    """Log metrics of a run in one call."""
    MlflowClient().log_batch(run.info.run_id, metrics=as_metrics(values))


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


def metrics_of(evaluation: Evaluation) -> dict[str, float]:
    """Return a candidate's metrics, by basis and name."""
    return (
        {f"cv/{name}": value for name, value in evaluation.cv.items()}
        | {f"unseen_source/{name}": value for name, value in evaluation.unseen_source.items()}
        | {f"test/{name}": value for name, value in evaluation.test.items()}
    )


def as_metrics(values: Mapping[str, float]) -> list[Metric]:
    """Return values by name as metrics of this moment."""
    now = int(time.time() * 1000)
    return [Metric(name, value, now, 0) for name, value in values.items()]


def curve_of(evaluation: Evaluation) -> list[Metric]:
    """Return a candidate's learning curve as one metric, whose steps are numbers of records."""
    now = int(time.time() * 1000)
    points = zip(evaluation.curve["records"], evaluation.curve["cv_mae"], strict=True)
    return [Metric("learning_curve/cv_mae", float(mae), now, int(records)) for records, mae in points]
