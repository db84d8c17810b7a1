"""The main job: records -> compared candidates -> winner, tracked, registered and exported."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from mlflow.entities import DatasetInput, Run
from omegaconf import DictConfig, OmegaConf

from token_approx.errors import UsageError
from token_approx.fitting.comparison import Comparison, compare
from token_approx.fitting.cross_validation import ComparisonSettings
from token_approx.fitting.dataset import Dataset
from token_approx.fitting.feature_sets import named
from token_approx.fitting.metrics import MOST_RESAMPLED
from token_approx.fitting.sanity import Sanity
from token_approx.fitting.study.storage import VARIABLE, has_password, shown
from token_approx.labelling.counters.protocol import REQUEST
from token_approx.lifecycle import export, promotion, registry, tracking
from token_approx.lifecycle.candidate_runs import log_candidates
from token_approx.lifecycle.registration import register
from token_approx.lifecycle.results import check_folder, model_files, write_results
from token_approx.lifecycle.views import share_leaderboard
from token_approx.reporting.report import Report, report
from token_approx.reporting.report_page import REPORT, report_page
from token_approx.requests.named import is_feature
from token_approx.stages import console
from token_approx.stages.command_line import check_numbers, run_stage
from token_approx.text.features import known_features
from token_approx.text.own_tables import tables_in, with_tables

CHOICES = {
    "selection.by": ("unseen_source", "cv"),
    "selection.metric": ("mae", "mape"),
    "selection.tolerance": ("margin", "one_standard_error"),
    "bounds.calibration": ("unseen_source", "cv"),
}
# The least that each whole number of the configuration may be.
LEAST = {
    "seed": 0,
    "workers": 1,
    "trials": 1,
    "candidate_figures": 0,
    "cross_validation.folds": 2,
    "cross_validation.repeats": 1,
    "learning_curve.sizes": 1,
    "learning_curve.repeats": 1,
    "bootstrap.resamples": 1,
}


@dataclass(frozen=True)
class Besides:
    """What another stage adds to the run of a comparison: files by their names, and metrics."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


def train(config: DictConfig, besides: Besides | None = None) -> None:
    """Run the comparison that the configuration describes."""
    features, paths = tables_in(config.features)
    config.features = features
    with with_tables([*config.tables, *paths]):
        _train(config, besides or Besides())


def _train(config: DictConfig, besides: Besides) -> None:
    choices = HydraConfig.get().runtime.choices
    output = _check(config, choices["search"])
    seconds: dict[str, float] = {}
    with _timed(seconds, "load"):
        dataset = instantiate(config.dataset, _convert_="all")
    with tracking.parent_run(config.experiment, f"{dataset.name} · {choices['search']}") as run:
        with _timed(seconds, "log"):
            tracking.log_configuration(run, _parameters(config, choices), OmegaConf.to_yaml(config))
        with _timed(seconds, "fit"):
            compared = _compare(config, dataset)
        if len(compared.train) > MOST_RESAMPLED:
            console.notice(
                f"Intervals of mean errors over more than {MOST_RESAMPLED:,} records are normal ones:"
                " resampling would give the same."
            )
        with _timed(seconds, "report"):
            bounds = config.bounds
            reported = report(compared, _settings(config), bounds.levels, bounds.calibration, config.workers)
        with _timed(seconds, "log"):
            logged = _log_candidates(config, run, compared)
        coefs = export.model_coefs(
            compared, reported, dataset.counts_of or config.counts_of, _provenance(run)
        )
        with _timed(seconds, "register"):
            decision = _register(config, run, compared, reported, coefs)
        with _timed(seconds, "draw"):  # what other processes have not yet drawn by now
            files = {REPORT: report_page(compared, reported, coefs)}
        files |= {f"tables/{name}.csv": tracking.table_csv(table) for name, table in reported.tables.items()}
        files |= {f"figures/{name}.png": figure for name, figure in reported.figures.items()}
        files |= besides.files
        files |= {} if compared.refused else model_files(coefs)
        with _timed(seconds, "log"):
            leaderboard = _log(run, compared, logged, {**reported.metrics, **besides.metrics}, files, seconds)
        write_results(output, files)
    console.summary(compared, coefs, output, leaderboard, seconds, decision)


def _compare(config: DictConfig, dataset: Dataset) -> Comparison:
    part = partial(instantiate, _convert_="all")
    with console.progress("candidates") as advance:
        return compare(
            dataset=dataset,
            split=part(config.split),
            feature_sets=named(config.features, config.default_features),
            models=part(config.estimator),
            search=part(config.search),
            settings=_settings(config),
            rule=part(config.selection),
            sanity=Sanity.read(Path(config.sanity.documents)),
            on_trial=lambda _, expected: advance(expected),
        )


def _register(
    config: DictConfig, run: Run, compared: Comparison, reported: Report, coefs: dict[str, Any]
) -> promotion.PromotionDecision | None:
    # The version is named in the coefficients' provenance.
    of_requests = coefs["counts_of"] == REQUEST
    known = is_feature if of_requests else known_features().__contains__
    unknown = [name for name in coefs["feature_set"] if not known(name)]
    if unknown and config.register:
        what = "a request" if of_requests else "a text"
        console.notice(
            f"The winner is not registered: it weighs {unknown[0]!r}, which cannot be computed from {what}."
        )
    if unknown or not config.register:
        return None
    version, decision = register(run, compared, reported, coefs, instantiate(config.promotion))
    name = registry.registered_name(compared.dataset.reference_model)
    coefs["provenance"] |= {"registered_model": name, "registered_version": version}
    return decision


def _log_candidates(config: DictConfig, run: Run, compared: Comparison) -> DatasetInput:
    # Returns the dataset as it was logged.
    logged = tracking.dataset_input(compared.dataset)
    with console.progress("runs") as advance:
        for _ in log_candidates(run, compared, logged, config.workers, config.candidate_figures):
            advance(len(compared.trials))
    return logged


def _log(
    run: Run,
    compared: Comparison,
    logged: DatasetInput,
    metrics: Mapping[str, float],
    files: Mapping[str, bytes],
    seconds: Mapping[str, float],
) -> str:
    # Returns the leaderboard's address at the server.
    tracking.log_files(run.info.run_id, files)
    tracking.log_parent(run, compared, logged, metrics, seconds)
    by = f"{compared.rule.basis(compared.winner)}/{compared.rule.metric}"
    return share_leaderboard(run, by, REPORT)


def _check(config: DictConfig, search: str) -> Path:
    # All that can be seen before the first fit; returns the folder of the results.
    check_numbers(config, LEAST)
    _check_selection(config)
    _check_study(config, search)
    if config.publish and not config.reference:
        raise UsageError(
            "publish=true is not possible: this dataset has no reference results. Leave publish out."
        )
    output = Path(config.reference if config.publish else config.output)
    check_folder(output)
    return output


def _check_selection(config: DictConfig) -> None:
    for key, valid in CHOICES.items():
        value = OmegaConf.select(config, key)
        if value not in valid:
            raise UsageError(f"{key}={value} is unknown. Valid values: {', '.join(valid)}.")
    for level in config.bounds.levels or ():
        if not isinstance(level, float) or not 0 < level < 1:
            raise UsageError(
                f"bounds.levels: {level} is not a level between 0 and 1. Give 0.95, for example."
            )
    margin = config.selection.margin
    if not isinstance(margin, int | float) or not margin >= 0:
        raise UsageError(f"selection.margin={margin} is not a share of at least 0. Give one, such as 0.03.")


def _check_study(config: DictConfig, search: str) -> None:
    for key in ("study", "storage"):
        if config[key] and key not in config.search:
            raise UsageError(f"{key} has no use with search={search}. Give search=optuna with it.")
    for key in ("storage", "search.storage"):
        url = str(OmegaConf.select(config, key) or "")
        if has_password(url):
            run = os.environ.get("MLFLOW_RUN_ID")
            logged = (
                f", and `mlflow run` has logged it. Change the password, and delete the run {run}"
                if run
                else ""
            )
            raise UsageError(
                f"{key}={shown(url)}: a password must not be there{logged}. Give the URL in the environment"
                f" variable {VARIABLE}, or the password in PGPASSWORD or ~/.pgpass."
            )


def _settings(config: DictConfig) -> ComparisonSettings:
    return ComparisonSettings(
        grouped=config.cross_validation.grouped,
        folds=config.cross_validation.folds,
        repeats=config.cross_validation.repeats,
        curve_sizes=config.learning_curve.sizes,
        curve_repeats=config.learning_curve.repeats,
        resamples=config.bootstrap.resamples,
        seed=config.seed,
    )


def _parameters(config: DictConfig, choices: Mapping[str, Any]) -> dict[str, Any]:
    # Under the names that MLproject gives them, where `mlflow run` logs them itself.
    return {
        "dataset": choices["dataset"],
        "split": choices["split"],
        "features": config.features if isinstance(config.features, str) else " ".join(config.features),
        "estimator": " ".join(config.estimator),
        "search": choices["search"],
        **({"study": config.study} if config.study else {}),
        "seed": config.seed,
        "selection.by": config.selection.by,
        "selection.tolerance": config.selection.tolerance,
        "selection.margin": config.selection.margin,
    }


def _provenance(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.info.run_id,
        "registered_model": None,
        "registered_version": None,
        "git_commit": run.data.tags.get("mlflow.source.git.commit"),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started


def main() -> None:
    """Run the stage from the command line."""
    run_stage("train", train)


if __name__ == "__main__":
    main()
