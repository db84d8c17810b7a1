"""The candidates of a comparison as runs in MLflow, nested in the run that compared them."""

import time
from collections.abc import Iterator, Mapping

from mlflow.entities import DatasetInput, Metric, Param, Run
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_USER

from token_approx.fitting.comparison import Comparison
from token_approx.fitting.search import Trial
from token_approx.lifecycle.tracking import as_metrics, curve_of, log_files, metrics_of, table_csv
from token_approx.reporting.candidate_files import candidate_figures, candidate_tables

# A candidate that was given up early or tried twice has ended as it should: its tag `state` says so.
STATUS = {"complete": "FINISHED", "pruned": "FINISHED", "duplicate": "FINISHED", "failed": "FAILED"}
# What the leaderboard is sorted by: the place in the ranking, 1 for the winner.
RANK = "rank"


def log_candidates(
    parent: Run, compared: Comparison, dataset: DatasetInput, workers: int, most_figures: int
) -> Iterator[str]:
    """Log each candidate as a nested run with its files, and yield its run's id."""
    places = {each.candidate.name: place for place, each in enumerate(compared.ranked, start=1)}
    figures = candidate_figures(compared, workers, most_figures)
    for trial, figure in zip(compared.trials, figures, strict=True):
        files = {f"tables/{name}.csv": table_csv(table) for name, table in candidate_tables(trial).items()}
        files |= {"figures/test_records.png": figure} if figure else {}
        place = places[trial.candidate.name] if trial.evaluation else None
        yield _log(parent, trial, _tags(compared, trial), place, dataset, files)


def _tags(compared: Comparison, trial: Trial) -> dict[str, str]:
    tags = {
        "state": trial.state,
        "title": trial.candidate.title,
        "reason": trial.reason,
        "worker": trial.worker,
    }
    winner = trial.evaluation is compared.winner
    tags |= {"winner": str(winner).lower(), "eligible": "no"}
    if trial.evaluation:
        flags = compared.flags[trial.candidate.name]
        tags |= {
            "eligible": "yes" if compared.eligible(trial.evaluation) else "no",
            "flags": "; ".join(map(str, flags)),
        }
    return {name: value for name, value in tags.items() if value}


def _log(
    parent: Run,
    trial: Trial,
    tags: Mapping[str, str],
    place: int | None,
    dataset: DatasetInput,
    files: Mapping[str, bytes],
) -> str:
    client, candidate = MlflowClient(), trial.candidate
    number = [] if trial.number is None else [f"trial {trial.number}"]
    state = [] if trial.state == "complete" else [trial.state]
    now = int(time.time() * 1000)
    run = client.create_run(
        parent.info.experiment_id,
        start_time=now,
        run_name=" · ".join([candidate.name, *number, *state]),
        tags={
            MLFLOW_PARENT_RUN_ID: parent.info.run_id,
            MLFLOW_USER: parent.data.tags.get(MLFLOW_USER, ""),
            **tags,
        },
    )
    run_id = str(run.info.run_id)
    params = {
        "feature_set": candidate.feature_set,
        "features": " ".join(candidate.features),
        "estimator": candidate.model_name,
        **{name: repr(value) for name, value in candidate.hyperparameters.items()},
    }
    metrics = []
    if trial.evaluation:
        metrics = as_metrics(metrics_of(trial.evaluation)) + curve_of(trial.evaluation)
        metrics += [] if place is None else [Metric(RANK, place, now, 0)]
    client.log_batch(run_id, params=[Param(key, value) for key, value in params.items()], metrics=metrics)
    client.log_inputs(run_id, [dataset])
    if files:
        log_files(run_id, files)
    client.set_terminated(run_id, STATUS[trial.state])
    return run_id
