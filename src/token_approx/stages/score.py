"""Texts in Parquet -> the same rows with tokens, bounds and domain; what they add up to, tracked."""

import time
from collections.abc import Mapping
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.entities import Run
from omegaconf import DictConfig, OmegaConf

from token_approx.errors import InputError, MissingExtraError, UsageError
from token_approx.lifecycle import tracking
from token_approx.lifecycle.views import run_address
from token_approx.scoring import spark
from token_approx.scoring.arrow import ScoringModel, downloaded, score_with_arrow
from token_approx.scoring.parquet_input import Texts, open_texts
from token_approx.scoring.parquet_output import check_output, staged, totals
from token_approx.stages import console
from token_approx.stages.command_line import check_numbers, optional_number, run_stage

NEEDED = {
    "model": "score needs a model. Give model=models:/<name>@champion.",
    "input": "score needs texts. Give input=<Parquet file, or folder of them>.",
    "output": "score needs an output. Give output=<the folder to make>.",
}
ENGINES = ("auto", "arrow", "spark", "spark-files")
PARAMETERS = ("input", "output", "column", "confidence", "group_by", "price_per_million", "engine", "master")
MOST_SHOWN = 20
PRICE = "a number of at least 0"
SHOWN = {
    "group": "value",
    "rows": "rows",
    "input_tokens": "tokens",
    "upper_bound": "tokens at most",
    "cost": "cost",
    "cost_upper_bound": "cost at most",
}


def score(config: DictConfig) -> None:
    """Score the texts that the configuration names."""
    _check(config)
    source, output = Path(config.input), Path(config.output)
    texts = open_texts(source, config.column, config.group_by)
    check_output(output, source, overwrite=config.overwrite)
    engine = chosen_engine(config, texts)
    with (
        downloaded(config.model, config.confidence) as model,
        tracking.parent_run(config.experiment, f"score · {model.name} on {source.name}") as run,
    ):
        parameters = {"model": config.model} | {key: config[key] for key in PARAMETERS}
        tracking.log_configuration(run, parameters, OmegaConf.to_yaml(config))
        mlflow.set_tags({"model": model.name, "engine": engine})
        with staged(output, source, overwrite=config.overwrite) as folder:
            started = time.perf_counter()
            _score(config, engine, texts, model, folder)
            seconds = time.perf_counter() - started
            groups = _priced(
                totals(folder, config.group_by), optional_number(config, "price_per_million", PRICE)
            )
        if config.group_by:
            tracking.log_files(run.info.run_id, {"tables/totals.csv": tracking.table_csv(groups)})
        whole = {str(key): float(value) for key, value in groups.drop(columns="group").sum().items()}
        whole |= {"seconds": seconds, "rows_per_second": len(texts) / seconds}
        tracking.log_metrics(run, {f"score/{key}": value for key, value in whole.items()})
    if config.group_by:
        title = f"{len(groups)} values of {config.group_by}, those with most tokens first"
        console.table(
            title, groups.head(MOST_SHOWN)[[name for name in SHOWN if name in groups]].rename(columns=SHOWN)
        )
    _summary(whole, engine, output, run)


def chosen_engine(config: DictConfig, texts: Texts) -> str:
    """Return which engine scores the texts.

    Raises:
        MissingExtraError: Spark was asked for, by its name or by a master, and is not installed.
        InputError: Spark was asked for and would change the input.
    """
    cluster = bool(config.master) or spark.submitted()
    small = texts.bytes < config.spark_from_gb * 1e9
    if config.engine == "arrow" or (config.engine == "auto" and small and not cluster):
        return "arrow"
    wanted = {"auto": "spark" if cluster else "spark-files"}.get(config.engine, config.engine)
    reason = missing = spark.missing()
    if not reason and wanted == "spark":
        changed = spark.changed_by_spark(texts)
        reason = (
            f"Spark would change the type of the column {changed!r}. Give engine=arrow." if changed else ""
        )
    if reason and (cluster or config.engine != "auto"):
        raise (MissingExtraError if missing else InputError)(f"engine={wanted}: {reason}")
    return "arrow" if reason else wanted


def _check(config: DictConfig) -> None:
    for name, message in NEEDED.items():
        if not config[name]:
            raise UsageError(message)
    check_numbers(config, {"spark_from_gb": 0}, fractions=("spark_from_gb",))
    if config.engine not in ENGINES:
        raise UsageError(f"engine={config.engine} is unknown. Valid values: {', '.join(ENGINES)}.")
    if not isinstance(config.confidence, float) or not 0 < config.confidence < 1:
        raise UsageError(
            f"confidence={config.confidence} is not a level between 0 and 1. Give one, such as 0.95."
        )
    if not isinstance(config.overwrite, bool):
        raise UsageError(f"overwrite={config.overwrite} is not true or false. Give one of them.")
    optional_number(config, "price_per_million", PRICE)


def _score(config: DictConfig, engine: str, texts: Texts, model: ScoringModel, folder: Path) -> None:
    if engine == "arrow":
        with console.progress("rows") as advance:
            score_with_arrow(
                texts, model.model, config.confidence, folder, lambda rows: advance(len(texts), rows)
            )
        return
    here = "the master of spark-submit" if spark.submitted() else "this machine"
    console.notice(f"Spark scores on {config.master or here}.")
    scorer = spark.score_with_spark if engine == "spark" else spark.score_files_with_spark
    with spark.session(config.master, config.spark_memory) as session:
        scorer(session, texts, model.path, config.confidence, folder)


def _priced(groups: pd.DataFrame, price_per_million: float | None) -> pd.DataFrame:
    if price_per_million is None:
        return groups
    return groups.assign(
        cost=groups["input_tokens"] * price_per_million / 1e6,
        cost_upper_bound=groups["upper_bound"] * price_per_million / 1e6,
    )


def _summary(whole: Mapping[str, float], engine: str, output: Path, run: Run) -> None:
    pace = f"{whole['seconds']:.1f} s ({whole['rows_per_second']:,.0f}/s, {engine})"
    lines = {
        "scored": f"{whole['rows']:,.0f} rows in {pace}",
        "tokens": f"{whole['input_tokens']:,.0f}, upper bounds {whole['upper_bound']:,.0f}",
        "domain": f"{whole['out_of_domain']:,.0f} of {whole['texts']:,.0f} texts are outside the domain",
    }
    if "cost" in whole:
        lines["cost"] = f"{whole['cost']:,.2f}, by upper bounds {whole['cost_upper_bound']:,.2f}"
    lines["output"] = str(output)
    lines |= console.runs(run_address(run.info.experiment_id, run.info.run_id))
    console.print_lines(lines)


def main() -> None:
    """Run the stage from the command line."""
    run_stage("score", score)


if __name__ == "__main__":
    main()
