"""The main job: records -> compared candidates -> champion, tracked, registered and exported."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from joblib import Parallel, delayed
from omegaconf import DictConfig, OmegaConf

from token_approx.errors import InputError
from token_approx.files import write_whole
from token_approx.fitting import comparison as results
from token_approx.fitting.breakdown import breakdown, by_size, category_figure
from token_approx.fitting.comparison import Comparison, compare
from token_approx.fitting.cross_validation import Settings
from token_approx.fitting.figures import candidate_figure, figures, png
from token_approx.fitting.search import Trial
from token_approx.lifecycle import export, registry, tracking
from token_approx.stages import console
from token_approx.stages.command_line import check_numbers, run_stage

COEFS = "model_coefs.json"
# The least that each whole number of the configuration may be.
LEAST = {
    "seed": 0,
    "workers": 1,
    "trials": 1,
    "cross_validation.folds": 2,
    "cross_validation.repeats": 1,
    "learning_curve.sizes": 1,
    "learning_curve.repeats": 1,
    "bootstrap.resamples": 1,
}


def train(config: DictConfig) -> None:
    """Run the comparison that the configuration describes."""
    check_numbers(config, LEAST)
    _check_selection(config)
    seconds: dict[str, float] = {}
    part = partial(instantiate, _convert_="all")
    choices = HydraConfig.get().runtime.choices
    with _timed(seconds, "load"):
        dataset = part(config.dataset)
    with tracking.parent_run(config.experiment, f"{dataset.name} · {choices['search']}") as run:
        with _timed(seconds, "log"):
            tracking.log_configuration(run, _parameters(config, choices), OmegaConf.to_yaml(config))
        with _timed(seconds, "fit"), console.progress("candidates") as advance:
            compared = compare(
                dataset=dataset,
                split=part(config.split),
                feature_sets=part(config.features),
                models=part(config.model),
                search=part(config.search),
                settings=_settings(config),
                margin=config.selection.margin,
                simpler_first=config.selection.simpler_first,
                metric=config.selection.metric,
                on_trial=lambda _, expected: advance(expected),
            )
        with _timed(seconds, "draw"):
            tables = _tables(compared)
            drawn = _figures(compared)
            own_figures = _candidate_figures(compared, config.workers)
        with _timed(seconds, "log"), console.progress("runs") as advance:
            logged = tracking.dataset_input(dataset)
            for trial, figure in zip(compared.trials, own_figures, strict=True):
                champion = trial.evaluation is compared.champion
                files = _candidate_files(trial, figure)
                tracking.log_candidate(run, trial, champion=champion, dataset=logged, files=files)
                advance(len(compared.trials))
        coefs = export.model_coefs(compared, dataset.scope or config.scope, _provenance(run))
        with _timed(seconds, "register"):
            if config.register:
                name = registry.registered_name(dataset.reference_model)
                version = registry.register(run, compared, coefs, promote=config.promote)
                coefs["provenance"] |= {"registered_model": name, "registered_version": version}
        with _timed(seconds, "log"):
            tracking.log_files(run.info.run_id, tables | drawn)
            tracking.log_parent(run, compared, logged, seconds)
            leaderboard = tracking.share_leaderboard(run)
        output = Path(config.output)
        for name, data in (tables | drawn).items():
            write_whole(output / name, data)
        write_whole(output / export.SCHEMA_FILE, export.schema_text().encode())
        for table in export.tables_of(coefs["feature_set"]).values():
            write_whole(output / table.name, table.read_bytes())
        export.write_json(output / COEFS, coefs)
    console.summary(compared, coefs, output, leaderboard, seconds)


def _check_selection(config: DictConfig) -> None:
    if config.selection.metric not in ("mae", "mape"):
        raise InputError(f"selection.metric={config.selection.metric}: valid are mae, mape")
    margin = config.selection.margin
    if not isinstance(margin, int | float) or not margin >= 0:
        raise InputError(f"selection.margin={margin}: give a share of at least 0, such as 0.03")


def _settings(config: DictConfig) -> Settings:
    return Settings(
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
        "features": " ".join(config.features),
        "models": " ".join(config.model),
        "search": choices["search"],
        "seed": config.seed,
        "selection.margin": config.selection.margin,
    }


def _provenance(run: Any) -> dict[str, Any]:  # noqa: ANN401 - mlflow's Run
    return {
        "run_id": run.info.run_id,
        "registered_model": None,
        "registered_version": None,
        "git_commit": run.data.tags.get("mlflow.source.git.commit"),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _tables(compared: Comparison) -> dict[str, bytes]:
    tokens, estimates = compared.dataset.tokens[compared.test], compared.estimates(compared.test)
    tables = {
        "candidates": results.candidates_table(compared),
        "test_metrics": results.metrics_table(compared),
        "learning_curve": compared.champion.curve,
        "coefficients": results.coefficients_table(compared),
        "unseen_sources": results.unseen_table(compared),
        "errors_by_size": by_size(tokens, estimates),
        "errors_by_category": _by_category(compared),
    }
    return {f"tables/{name}.csv": tracking.table_csv(table) for name, table in tables.items() if len(table)}


def _by_category(compared: Comparison) -> pd.DataFrame:
    labels = compared.dataset.categories[compared.test]
    if not labels.any():
        return pd.DataFrame()
    tokens = compared.dataset.tokens[compared.test]
    return breakdown("category", labels, tokens, compared.estimates(compared.test))


def _figures(compared: Comparison) -> dict[str, bytes]:
    drawn = figures(compared)
    categories = _by_category(compared)
    if len(categories):
        drawn["errors_by_category"] = category_figure(categories, compared.champion.candidate.name)
    return {f"figures/{name}.png": png(figure) for name, figure in drawn.items()}


def _candidate_figures(compared: Comparison, workers: int) -> Iterator[bytes | None]:
    # One per candidate and 0.2 s each: drawn by the processes that fitted them, while runs are logged here.
    work = (delayed(_candidate_figure)(trial, compared) for trial in compared.trials)
    drawn: Iterator[bytes | None] = Parallel(n_jobs=workers, return_as="generator")(work)
    return drawn


def _candidate_figure(trial: Trial, compared: Comparison) -> bytes | None:
    if trial.evaluation is None:
        return None
    tokens, sources = compared.dataset.tokens[compared.test], compared.dataset.sources[compared.test]
    estimates = trial.evaluation.fit.predict(compared.dataset.matrix(trial.candidate.features, compared.test))
    return png(candidate_figure(tokens, estimates, sources, trial.candidate.name), dpi=100)


def _candidate_files(trial: Trial, figure: bytes | None) -> dict[str, bytes]:
    if trial.evaluation is None or figure is None:
        return {}
    files = {
        "figures/test_records.png": figure,
        "tables/learning_curve.csv": tracking.table_csv(trial.evaluation.curve),
    }
    if not trial.evaluation.unseen.empty:
        files["tables/unseen_sources.csv"] = tracking.table_csv(trial.evaluation.unseen)
    return files | {"tables/coefficients.csv": tracking.table_csv(results.terms(trial.evaluation))}


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
