"""A model on labelled records, beside baselines: how far off it is, and an error when that is too far."""

from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path

import mlflow
import numpy as np
from mlflow.entities import Run
from omegaconf import DictConfig, OmegaConf

from token_approx.errors import DriftError, InputError, UsageError
from token_approx.estimator.bounds import Bound
from token_approx.fitting.dataset import Dataset, Floats, read_dataset
from token_approx.lifecycle import tracking
from token_approx.lifecycle.contract import sha256
from token_approx.lifecycle.loading import LoadedModel, load_model
from token_approx.lifecycle.views import run_address
from token_approx.reporting.evaluation import MODEL, Assessment, assess
from token_approx.reporting.figures import png
from token_approx.reporting.peers import BASELINES
from token_approx.stages import console
from token_approx.stages.command_line import check_numbers, optional_number, run_stage

LIMITS = {"max_mape": "mape", "max_bias_percent": "bias_percent"}
LEAST = {"seed": 0, "bootstrap.resamples": 1}
SHOWN = {"mae": "MAE", "mape": "MAPE %", "p95_abs_error": "p95", "bias_percent": "bias %"}


def evaluate(config: DictConfig) -> None:
    """Measure the model on the records that the configuration names."""
    check_numbers(config, LEAST)
    limits = _limits(config)
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
        _check(model.name, path, assessment, limits)


def _limits(config: DictConfig) -> dict[str, float]:
    limits = {name: optional_number(config, name, "a number of percent, such as 5") for name in LIMITS}
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


def _check(name: str, path: Path, assessment: Assessment, limits: Mapping[str, float]) -> None:
    for limit, most in limits.items():
        found = assessment.metrics[f"{MODEL}/{LIMITS[limit]}"]
        if abs(found) > most:
            raise DriftError(
                f"{LIMITS[limit]} is {found:.2f} %, over {limit}={most:g}: {name} no longer holds for {path}."
                " Look at its run, label fresh samples, and train on them."
            )


def main() -> None:
    """Run the stage from the command line."""
    run_stage("evaluate", evaluate)


if __name__ == "__main__":
    main()
