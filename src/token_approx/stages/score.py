"""Texts or requests in Parquet -> the same rows with tokens, bounds and domain; their totals, tracked."""

import time
from collections.abc import Mapping
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.entities import Run
from omegaconf import DictConfig, OmegaConf

from token_approx.errors import MissingExtraError, UsageError
from token_approx.lifecycle import tracking
from token_approx.lifecycle.loading import load_model
from token_approx.lifecycle.views import run_address
from token_approx.scoring import spark
from token_approx.scoring.answers import Scorer, checked_scorer
from token_approx.scoring.parquet_input import REQUEST, RESULTS, TEXT, Input, open_input
from token_approx.scoring.parquet_output import check_output, reasons, staged, totals
from token_approx.scoring.pieces import score_in_turn
from token_approx.stages import console
from token_approx.stages.command_line import check_numbers, optional_number, run_stage

NEEDED = {
    "input": "score needs an input. Give input=<Parquet file, or folder of them>.",
    "output": "score needs an output. Give output=<the folder to make>.",
}
ENGINES = ("auto", "arrow", "spark")
PARAMETERS = ("input", "output", "holds", "confidence", "group_by", "price_per_million", "engine", "master")
# A run of requests without a model is named after this.
EACH_OWN = "each request's model"
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
    """Score the texts or requests that the configuration names."""
    _check(config)
    source, output = Path(config.input), Path(config.output)
    column = config.column or config.holds
    rows = open_input(source, column, config.group_by, config.holds)
    check_output(output, source, overwrite=config.overwrite)
    engine = chosen_engine(config, rows)
    model = load_model(config.model) if config.model else None
    scorer = checked_scorer(config.holds, config.confidence, model.estimator if model else None)
    name = model.name if model else EACH_OWN
    with tracking.parent_run(config.experiment, f"score · {name} on {source.name}") as run:
        parameters = {"model": config.model} | {key: config[key] for key in PARAMETERS} | {"column": column}
        tracking.log_configuration(run, parameters, OmegaConf.to_yaml(config))
        mlflow.set_tags({"model": name, "engine": engine})
        with staged(output, source, overwrite=config.overwrite) as folder:
            started = time.perf_counter()
            _score(config, engine, rows, scorer, folder)
            seconds = time.perf_counter() - started
            groups = _priced(
                totals(folder, config.group_by, config.holds),
                optional_number(config, "price_per_million", PRICE),
            )
            unread = reasons(folder) if config.holds == REQUEST else pd.DataFrame()
        tables = {"totals": groups} if config.group_by else {}
        tables |= {"not_read": unread} if len(unread) else {}
        files = {f"tables/{title}.csv": tracking.table_csv(table) for title, table in tables.items()}
        if files:
            tracking.log_files(run.info.run_id, files)
        whole = {str(key): float(value) for key, value in groups.drop(columns="group").sum().items()}
        whole |= {"seconds": seconds, "rows_per_second": len(rows) / seconds}
        tracking.log_metrics(run, {f"score/{key}": value for key, value in whole.items()})
    if config.group_by:
        title = f"{len(groups)} values of {config.group_by}, those with most tokens first"
        console.table(
            title, groups.head(MOST_SHOWN)[[name for name in SHOWN if name in groups]].rename(columns=SHOWN)
        )
    if len(unread):
        console.table("requests that cannot be read", unread.head(MOST_SHOWN))
    _summary(whole, config.holds, engine, output, run)


def chosen_engine(config: DictConfig, rows: Input) -> str:
    """Return which engine scores the rows.

    Raises:
        MissingExtraError: Spark was asked for, by its name or by a master, and is not installed.
    """
    cluster = bool(config.master) or spark.submitted()
    small = rows.bytes < config.spark_from_gb * 1e9
    if config.engine == "arrow" or (config.engine == "auto" and small and not cluster):
        return "arrow"
    reason = spark.missing()
    if reason and (cluster or config.engine != "auto"):
        raise MissingExtraError(f"engine=spark: {reason}")
    return "arrow" if reason else "spark"


def _check(config: DictConfig) -> None:
    if config.holds not in RESULTS:
        raise UsageError(f"holds={config.holds} is unknown. Valid values: {', '.join(RESULTS)}.")
    if not config.model and config.holds == TEXT:
        raise UsageError("score needs a model. Give model=models:/<name>@champion.")
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


def _score(config: DictConfig, engine: str, rows: Input, scorer: Scorer, folder: Path) -> None:
    if engine == "arrow":
        with console.progress("rows") as advance:
            score_in_turn(rows, scorer, folder, lambda done: advance(len(rows), done))
        return
    here = "the master of spark-submit" if spark.submitted() else "this machine"
    console.notice(f"Spark scores on {config.master or here}.")
    with spark.session(config.master) as session:
        spark.score_with_spark(session, rows, scorer, folder)


def _priced(groups: pd.DataFrame, price_per_million: float | None) -> pd.DataFrame:
    if price_per_million is None:
        return groups
    return groups.assign(
        cost=groups["input_tokens"] * price_per_million / 1e6,
        cost_upper_bound=groups["upper_bound"] * price_per_million / 1e6,
    )


def _summary(whole: Mapping[str, float], holds: str, engine: str, output: Path, run: Run) -> None:
    pace = f"{whole['seconds']:.1f} s ({whole['rows_per_second']:,.0f}/s, {engine})"
    known = f"{whole[f'{holds}s']:,.0f}"
    lines = {
        "scored": f"{whole['rows']:,.0f} rows in {pace}",
        "tokens": f"{whole['input_tokens']:,.0f}, upper bounds {whole['upper_bound']:,.0f}",
        "domain": f"{whole['out_of_domain']:,.0f} of {known} {holds}s are outside the domain",
    }
    if holds == REQUEST:
        lines["partly"] = f"{whole['partly_counted']:,.0f} requests have something that is not counted"
        lines["not read"] = f"{whole['not_read']:,.0f} rows are no request that can be read"
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
