"""A model on what was already asked, by model and week: what drifted, and the estimates as feedback."""

from collections import Counter as Tally
from collections.abc import Iterable, Mapping

import mlflow
import pandas as pd
from hydra.utils import instantiate
from mlflow.entities import Run
from omegaconf import DictConfig, OmegaConf

from token_approx.errors import DriftError
from token_approx.lifecycle import tracking
from token_approx.lifecycle.feedback import write_feedback
from token_approx.lifecycle.labelling_run import UNFIT
from token_approx.lifecycle.views import run_address
from token_approx.lifecycle.watching import Watched
from token_approx.reporting import drift
from token_approx.reporting.figures import png
from token_approx.stages import console

# Where logs are may say whose they are.
NOT_LOGGED = {"path": "not logged"}
# What to make records of again, by the source.
AGAIN = {
    "mlflow_traces": "Make records of these calls (-e usage -P reader=mlflow_traces), and train on them.",
    "transcripts": "Make records of these sessions (-e usage), and train on them.",
}
MOST_SHOWN = 30
PREFIX = "evaluate"


def watch(config: DictConfig, limits: Mapping[str, float]) -> None:
    """Measure the model, or the shipped ones, on the traces or sessions that the configuration names.

    Raises:
        DriftError: a model is over a limit, or its bound does not hold.
    """
    source = str(config.source)
    left_out: Tally[str] = Tally()
    with console.progress(source) as advance:
        found: Watched = instantiate(config.usage[source])(left_out=left_out, on_progress=advance)
    if found.notice:
        console.notice(found.notice)
    weeks, kinds = tables_of(found.rows, config.bootstrap.resamples, config.seed)
    jumps = drift.jumps(weeks)
    with tracking.parent_run(config.experiment, f"evaluate · {found.name} on {source}") as run:
        logged = OmegaConf.to_yaml(OmegaConf.merge(config, NOT_LOGGED))
        parameters = {"model": config.model, "source": source, **limits}
        tracking.log_configuration(run, parameters, logged)
        _log(run, weeks, kinds, left_out)
        tags = {"model": found.name, "source": source, "jumps": "; ".join(jumps)}
        mlflow.set_tags({name: tag for name, tag in tags.items() if tag})
        written = write_feedback(found.new) if config.feedback else 0
        _summary(found, weeks, jumps, left_out, written if config.feedback else None, run)
        check(f"the estimates of {found.name} no longer hold", weeks, kinds, limits, AGAIN[source])


def tables_of(rows: pd.DataFrame, resamples: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the errors by model and week, and by kind."""
    return drift.by_model_and_week(rows, resamples, seed), drift.by_kind(rows, resamples, seed)


def check(
    failed: str, weeks: pd.DataFrame, kinds: pd.DataFrame, limits: Mapping[str, float], mend: str
) -> None:
    """Compare the tables with the limits, and the bound with its level.

    Raises:
        DriftError: something is beyond; the message begins with `failed` and ends with `mend`.
    """
    found = drift.findings(weeks, kinds, limits)
    if found:
        raise DriftError(f"{failed}: {_told(found)}. {mend}")


def _told(found: Iterable[drift.Finding]) -> str:
    reasons: dict[str, list[str]] = {}
    for each in found:
        reasons.setdefault(each.model, []).append(each.reason)
    return "; ".join(f"for {model} {', and '.join(told)}" for model, told in reasons.items())


def _log(run: Run, weeks: pd.DataFrame, kinds: pd.DataFrame, left_out: Mapping[str, int]) -> None:
    tables = {"by_model_and_week": weeks, "by_kind": kinds}
    files = {f"tables/{name}.csv": tracking.table_csv(table) for name, table in tables.items()}
    if (~weeks[drift.WEEK].isin([drift.ALL, ""])).any():
        files["figures/bias_by_week.png"] = png(drift.bias_figure(weeks))
    tracking.log_files(run.info.run_id, files)
    values = {f"{PREFIX}/{UNFIT.sub('', name)}": value for name, value in drift.metrics(weeks)}
    values |= {"left_out": float(sum(left_out.values()))}
    values |= {f"left_out/{UNFIT.sub('', reason)}": float(number) for reason, number in left_out.items()}
    tracking.log_metrics(run, values)


def _summary(
    found: Watched,
    weeks: pd.DataFrame,
    jumps: list[str],
    left_out: Tally[str],
    written: int | None,
    run: Run,
) -> None:
    shown = pd.DataFrame(
        {
            "model": weeks[drift.MODEL],
            "week": weeks[drift.WEEK].replace("", "unknown"),
            "number": weeks["records"],
            "MAPE %": weeks["mape"],
            "bias % (95 % interval)": [
                f"{bias:+.1f} ({low:+.1f} to {high:+.1f})"
                for bias, low, high in weeks[["bias_percent", "bias_low", "bias_high"]].to_numpy()
            ],
            "bound holds": [
                f"{share:.1f} % of {number}" if number else "none"
                for share, number in zip(weeks["coverage"], weeks["bounded"], strict=True)
            ],
        }
    )
    more = "" if len(shown) <= MOST_SHOWN else f", the first {MOST_SHOWN} of {len(shown)} rows"
    console.table(f"{found.name} by model and week{more}", shown.head(MOST_SHOWN))
    lines = {}
    if jumps:
        lines["jumps"] = "; ".join(jumps) + ". Perhaps the provider counts otherwise now"
    if left_out:
        reasons = ", ".join(f"{number} {reason}" for reason, number in left_out.most_common())
        lines["left out"] = f"{left_out.total()} ({reasons})"
    if written is not None:
        lines["feedback"] = f"{written} estimates written to their traces"
    console.print_lines(lines | console.runs(run_address(run.info.experiment_id, run.info.run_id)))
