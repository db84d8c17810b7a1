"""The main job: records -> compared candidates -> champion, tracked, registered and exported."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from joblib import Parallel, delayed
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from omegaconf import DictConfig, OmegaConf

from token_approx.errors import InputError
from token_approx.files import write_whole
from token_approx.fitting import comparison as results
from token_approx.fitting.comparison import Comparison, compare
from token_approx.fitting.cross_validation import ComparisonSettings
from token_approx.fitting.sanity import Sanity
from token_approx.fitting.search import Trial
from token_approx.fitting.study.storage import VARIABLE, has_password, shown
from token_approx.lifecycle import contract, export, promotion, registry, tracking
from token_approx.lifecycle.golden import write_golden_vectors
from token_approx.lifecycle.patience import patiently
from token_approx.lifecycle.views import share_leaderboard
from token_approx.reporting.card import model_card
from token_approx.reporting.figures import candidate_figure, png
from token_approx.reporting.report import Report, report
from token_approx.reporting.report_page import REPORT, report_page
from token_approx.stages import console
from token_approx.stages.command_line import check_numbers, run_stage
from token_approx.text.features import FEATURES

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


def train(config: DictConfig) -> None:
    """Run the comparison that the configuration describes."""
    check_numbers(config, LEAST)
    _check_selection(config)
    seconds: dict[str, float] = {}
    part = partial(instantiate, _convert_="all")
    choices = HydraConfig.get().runtime.choices
    _check_study(config, choices["search"])
    search = part(config.search)
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
                models=part(config.estimator),
                search=search,
                settings=_settings(config),
                rule=part(config.selection),
                sanity=Sanity.read(Path(config.sanity.documents)),
                on_trial=lambda _, expected: advance(expected),
            )
        with _timed(seconds, "report"):
            reported = report(compared, _settings(config), config.bounds.levels, config.bounds.calibration)
            tables = {
                f"tables/{name}.csv": tracking.table_csv(table) for name, table in reported.tables.items()
            }
            figures = {name: png(figure) for name, figure in reported.figures.items()}
            drawn = {f"figures/{name}.png": data for name, data in figures.items()}
        with _timed(seconds, "log"), console.progress("runs") as advance:
            logged = tracking.dataset_input(dataset)
            own_figures = _candidate_figures(compared, config.workers, config.candidate_figures)
            for trial, figure in zip(compared.trials, own_figures, strict=True):
                champion = trial.evaluation is compared.champion
                own = _candidate_files(trial, figure)
                flags = compared.flags.get(trial.candidate.name, ()) if trial.evaluation else ()
                tracking.log_candidate(run, trial, champion=champion, flags=flags, dataset=logged, files=own)
                advance(len(compared.trials))
        coefs = export.model_coefs(
            compared, reported, dataset.counts_of or config.counts_of, _provenance(run)
        )
        decision = None
        with _timed(seconds, "register"):
            unknown = [name for name in coefs["feature_set"] if name not in FEATURES]
            if config.register and unknown:
                console.notice(f"not registered: the champion weighs {unknown[0]!r}, which no text gives")
            elif config.register:
                version, decision = _register(run, compared, reported, coefs, part(config.promotion))
                name = registry.registered_name(dataset.reference_model)
                coefs["provenance"] |= {"registered_model": name, "registered_version": version}
        files = tables | drawn | {REPORT: report_page(compared, reported, coefs, figures)}
        with _timed(seconds, "log"):
            tracking.log_files(run.info.run_id, files)
            tracking.log_parent(run, compared, logged, reported.metrics, seconds)
            by = f"{compared.rule.basis(compared.champion)}/{compared.rule.metric}"
            leaderboard = share_leaderboard(run, by, REPORT)
        output = Path(config.output)
        _write(output, files, coefs, dataset.table)
    console.summary(compared, coefs, output, leaderboard, seconds, decision)


def _register(
    run: Run, compared: Comparison, reported: Report, coefs: dict[str, Any], rule: promotion.PromotionRule
) -> tuple[str, promotion.PromotionDecision]:
    client, dataset, champion = MlflowClient(), compared.dataset, compared.champion
    name = registry.registered_name(dataset.reference_model)
    card = model_card(compared, reported, coefs)
    tags = {
        "candidate": champion.candidate.name,
        "dataset": dataset.name,
        "test_mae": f"{champion.test['mae']:.6g}",
        promotion.RECORDS: dataset.digest,
    }
    logged = patiently(lambda: registry.log_text_model(coefs, card), rule.patience)
    version = patiently(lambda: registry.create_version(client, name, logged, run, card, tags), rule.patience)
    challenge = promotion.Challenge(
        name=name,
        version=version,
        features=dataset.features.iloc[compared.test],
        tokens=dataset.tokens[compared.test],
        estimates=compared.estimates(compared.test),
        records=dataset.digest,
        barred="; ".join(compared.flags[champion.candidate.name])
        if compared.rule.sane and not compared.sane
        else "",
    )
    return version, patiently(lambda: promotion.promote(client, challenge, rule), rule.patience)


def _write(output: Path, files: Mapping[str, bytes], coefs: dict[str, Any], table: str | None) -> None:
    for name, data in files.items():
        write_whole(output / name, data)
    for shipped in set(contract.tables_of(coefs["feature_set"], table).values()):
        write_whole(output / shipped.name, shipped.read_bytes())
    contract.write_json(output / contract.COEFS, coefs)
    write_golden_vectors(output / contract.COEFS)


def _check_selection(config: DictConfig) -> None:
    for key, valid in CHOICES.items():
        value = OmegaConf.select(config, key)
        if value not in valid:
            raise InputError(f"{key}={value}: valid are {', '.join(valid)}")
    for level in config.bounds.levels or ():
        if not isinstance(level, float) or not 0 < level < 1:
            raise InputError(f"bounds.levels: {level} is no level between 0 and 1")
    margin = config.selection.margin
    if not isinstance(margin, int | float) or not margin >= 0:
        raise InputError(f"selection.margin={margin}: give a share of at least 0, such as 0.03")


def _check_study(config: DictConfig, search: str) -> None:
    for key in ("study", "storage"):
        if config[key] and key not in config.search:
            raise InputError(f"{key} is nothing to search={search}: give search=optuna with it")
    for key in ("storage", "search.storage"):
        url = str(OmegaConf.select(config, key) or "")
        if has_password(url):
            run = os.environ.get("MLFLOW_RUN_ID")
            logged = f", and `mlflow run` has logged it: change it, and delete the run {run}" if run else ""
            raise InputError(
                f"{key}={shown(url)}: no password belongs there{logged}: give the URL in the environment"
                f" variable {VARIABLE}, or the password in PGPASSWORD or ~/.pgpass"
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
        "features": " ".join(config.features),
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


def _candidate_figures(compared: Comparison, workers: int, most: int) -> Iterator[bytes | None]:
    # 0.2 s each: drawn for the best by the processes that fitted them, while runs are logged here.
    best = {evaluation.candidate.name for evaluation in [*compared.ranked[:most], compared.champion]}
    shown = ((trial if trial.candidate.name in best else None) for trial in compared.trials)
    work = (delayed(_candidate_figure)(trial, compared) for trial in shown)
    drawn: Iterator[bytes | None] = Parallel(n_jobs=workers, return_as="generator")(work)
    return drawn


def _candidate_figure(trial: Trial | None, compared: Comparison) -> bytes | None:
    if trial is None or trial.evaluation is None:
        return None
    tokens, sources = compared.dataset.tokens[compared.test], compared.dataset.sources[compared.test]
    estimates = trial.evaluation.fit.predict(compared.dataset.matrix(trial.candidate.features, compared.test))
    return png(candidate_figure(tokens, estimates, sources, trial.candidate.name), dpi=100)


def _candidate_files(trial: Trial, figure: bytes | None) -> dict[str, bytes]:
    if trial.evaluation is None:
        return {}
    tables = {
        "learning_curve": trial.evaluation.curve,
        "coefficients": results.terms(trial.evaluation),
        "unseen_sources": trial.evaluation.unseen,
    }
    files = {f"tables/{name}.csv": tracking.table_csv(table) for name, table in tables.items() if len(table)}
    return files | ({"figures/test_records.png": figure} if figure else {})


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
