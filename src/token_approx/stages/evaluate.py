"""A model on records, or on what was already asked: how far off it is, and an error when that is too far."""

from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.entities import Run
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf

from token_approx.errors import InputError, UsageError
from token_approx.estimator.bounds import Bound
from token_approx.fitting.bounds import DEFAULT_LEVEL, evaluate_bounds
from token_approx.fitting.dataset import Dataset, Floats, read_dataset
from token_approx.lifecycle import tracking
from token_approx.lifecycle.contract import sha256
from token_approx.lifecycle.loading import LoadedModel, load_model
from token_approx.lifecycle.views import run_address
from token_approx.reporting import drift
from token_approx.reporting.evaluation import MODEL, Assessment, assess
from token_approx.reporting.figures import png
from token_approx.reporting.peers import BASELINES
from token_approx.stages import console
from token_approx.stages.command_line import check_numbers, optional_number, run_stage
from token_approx.stages.overrides import unknown
from token_approx.stages.watching import check, tables_of, watch

RECORDS = "records"
# What only one source makes use of.
BELONGS = {
    "records": RECORDS,
    "sources": RECORDS,
    "langs": RECORDS,
    "experiments": "mlflow_traces",
    "since": "mlflow_traces",
    "feedback": "mlflow_traces",
}
FRESH = "Look at its run, label fresh samples, and train on them."
LEAST = {"seed": 0, "bootstrap.resamples": 1}
SHOWN = {"mae": "MAE", "mape": "MAPE %", "p95_abs_error": "p95", "bias_percent": "bias %"}


def evaluate(config: DictConfig) -> None:
    """Measure the model on the records, traces or sessions that the configuration names."""
    check_numbers(config, LEAST)
    _check_source(config)
    limits = _limits(config)
    if config.source == RECORDS:
        _evaluate_records(config, limits)
    else:
        watch(config, limits)


def _evaluate_records(config: DictConfig, limits: Mapping[str, float]) -> None:
    if not config.model:
        raise UsageError("evaluate needs a model. Give model=models:/<name>@champion, or a model_coefs.json.")
    if not config.records:
        raise UsageError("evaluate needs records. Give records=<path> (-P records=<path>).")
    path = Path(config.records)
    dataset = read_dataset(path.name, config.records, config.sources, config.langs)
    model = load_model(config.model)
    features = {name: dataset.features[name].to_numpy(np.float64) for name in dataset.names}
    sums = _linear_sums(dataset, features, model)
    in_domain = model.estimator.in_domain(features)
    records_sha256 = sha256(path)
    _tell_differences(dataset, records_sha256, model)
    with tracking.parent_run(config.experiment, f"evaluate · {model.name} on {path.name}") as run:
        parameters = {"model": config.model, "records": config.records, **limits}
        tracking.log_configuration(run, parameters, OmegaConf.to_yaml(config))
        bounds = [Bound(*astuple(line)) for line in model.estimator.upper]
        assessment = assess(dataset, sums, bounds, in_domain, config.bootstrap.resamples, config.seed)
        files = {f"tables/{name}.csv": tracking.table_csv(table) for name, table in assessment.tables.items()}
        files |= {f"figures/{name}.png": png(figure) for name, figure in assessment.figures.items()}
        tracking.log_files(run.info.run_id, files)
        tracking.log_metrics(run, assessment.metrics)
        tracking.log_inputs(run, [tracking.dataset_input(dataset, "evaluation")])
        tags = {"model": model.name, "reference_model": dataset.reference_model}
        mlflow.set_tags(tags | {"records_sha256": records_sha256})
        _summary(model.name, dataset, assessment, run)
        rows = _rows(dataset, sums[model.name], model, in_domain)
        tables = tables_of(rows, config.bootstrap.resamples, config.seed)
        check(f"{model.name} no longer holds for {path}", *tables, limits, FRESH)


def _check_source(config: DictConfig) -> None:
    valid = [RECORDS, *config.usage]
    if config.source not in valid:
        raise UsageError(unknown(f"source={config.source}", str(config.source), valid))
    if not isinstance(config.feedback, bool):
        raise UsageError(f"feedback={config.feedback} is not valid. Give true or false.")
    for key, source in BELONGS.items():
        if config[key] and config.source != source:
            raise UsageError(f"{key} has no use with source={config.source}. Give source={source} with it.")


def _rows(
    dataset: Dataset, linear_sums: Floats, model: LoadedModel, in_domain: NDArray[np.bool_]
) -> pd.DataFrame:
    # As reporting.drift describes them; records keep no time.
    upper = np.full(len(dataset), np.nan)
    own = [Bound(*astuple(line)) for line in model.estimator.upper if line.confidence == DEFAULT_LEVEL]
    if own:
        upper[in_domain] = np.ceil(evaluate_bounds(own, linear_sums))[in_domain]
    return pd.DataFrame(
        {
            drift.MODEL: dataset.reference_model,
            drift.WEEK: "",
            drift.KIND: dataset.categories,
            drift.TOKENS: dataset.tokens,
            drift.ESTIMATE: np.maximum(0.0, np.floor(linear_sums + 0.5)),
            drift.UPPER: upper,
        }
    )


def _limits(config: DictConfig) -> dict[str, float]:
    limits = {name: optional_number(config, name, "a number of percent, such as 5") for name in drift.LIMITED}
    return {name: limit for name, limit in limits.items() if limit is not None}


def _linear_sums(dataset: Dataset, features: Mapping[str, Floats], model: LoadedModel) -> dict[str, Floats]:
    sums = {}
    for name, estimator in {model.name: model.estimator, **BASELINES}.items():
        lacking = [feature for feature in estimator.weights if feature not in features]
        if not lacking:
            sums[name] = estimator.linear_sums(features)
        elif name == model.name:
            raise InputError(
                f"{dataset.path}: not all its records have the feature {lacking[0]!r}, which {name} weighs."
                " Label the samples again, or keep those that have it (sources=[…], langs=[…])."
            )
        else:
            console.notice(f"{name} is left out: not all records have the feature {lacking[0]!r}.")
    return sums


def _tell_differences(dataset: Dataset, records_sha256: str, model: LoadedModel) -> None:
    reference_model, counts_of = model.coefs["model"], model.estimator.counts_of
    if dataset.reference_model != reference_model:
        console.notice(
            f"The records are counts of {dataset.reference_model}, but the model is of {reference_model}."
        )
    if dataset.counts_of not in (None, counts_of):
        console.notice(f"The records count {dataset.counts_of}, but the model estimates {counts_of}.")
    if model.coefs.get("provenance", {}).get("records_sha256") == records_sha256:
        console.notice("The model was fitted on this file. Its error on other records is larger.")


def _summary(name: str, dataset: Dataset, assessment: Assessment, run: Run) -> None:
    metrics = assessment.tables["metrics"]
    wide = metrics.pivot_table(index="estimator", columns="metric", values="value", sort=False)
    shown = wide[list(SHOWN)].rename(columns=SHOWN)
    mape = metrics[metrics["metric"] == "mape"]
    ranges = [f"{low:.2f} to {high:.2f}" for low, high in zip(mape["low"], mape["high"], strict=True)]
    shown.insert(2, "95 % interval", ranges)
    title = f"{name} on {dataset.path}: {len(dataset)} records"
    console.table(title, shown.rename(index={name: "the model"}).reset_index())
    out = int(assessment.metrics[f"{MODEL}/out_of_domain"])
    lines = {"domain": f"{out} of {len(dataset)} records are unlike those that the model was fitted on"}
    if "coverage" in assessment.tables:
        held = assessment.tables["coverage"]
        each = zip(held["level"], held["coverage"], strict=True)
        lines["bounds"] = ", ".join(f"{100 * level:g} % holds for {share:.1f} %" for level, share in each)
    lines |= console.runs(run_address(run.info.experiment_id, run.info.run_id))
    console.print_lines(lines)


def main() -> None:
    """Run the stage from the command line."""
    run_stage("evaluate", evaluate)


if __name__ == "__main__":
    main()
