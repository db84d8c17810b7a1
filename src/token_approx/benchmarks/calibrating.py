"""What calibrating on usage is worth: recorded usage of models, as if nobody knew their tokenizer."""

import json
from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
from hydra.utils import instantiate
from omegaconf import DictConfig

from token_approx.benchmarks.agent_steps import COLUMNS, RESULTS
from token_approx.benchmarks.measuring import read_parquet
from token_approx.errors import InputError
from token_approx.files import write_whole
from token_approx.labelling.exchange_log import ExchangeLog
from token_approx.labelling.observations import OF_STEPS, Observation
from token_approx.lifecycle.tracking import table_csv
from token_approx.pretraining.calibrating import Calibrated, calibrated
from token_approx.pretraining.priors import load_priors
from token_approx.reporting.calibration import curve, errors
from token_approx.stages import console
from token_approx.stages.command_line import run_stage
from token_approx.text.ngrams import shipped_tables


def calibrating(config: DictConfig) -> None:
    """Write the errors and learning curves of the usage that the configuration names."""
    spec, rows = instantiate(config.fit, _convert_="all"), []
    for line in config.cases:
        case = str(line)
        title, kind, model, without = (part.strip() for part in (case + ";;;").split(";")[:4])
        observations = _steps(config.steps, model) if kind == "steps" else _requests(config.log, model)
        priors = load_priors([name for name in shipped_tables() if name != without])
        before = config.borrowed
        for seed in map(int, config.seeds):
            found = calibrated(observations, priors, spec, config.held_out, seed)
            rows += _rows(found, title, kind, before, seed, range(int(config.draws)))
            write_whole(Path(config.out), table_csv(pd.DataFrame(rows)))
    frame = pd.DataFrame(rows)
    whole = frame[frame["part"] == "all"].groupby(["title", "fit"], sort=False)
    shown = whole[["observations", "mape", "median", "bias", "p95"]].mean().reset_index()
    console.table(f"{config.out}: means over {len(config.seeds)} choices of what is held out", shown)


def _rows(
    found: Calibrated, title: str, kind: str, before: str, seed: int, draws: Iterable[int]
) -> list[dict[str, object]]:
    case = {"title": title, "kind": kind, "seed": seed, "adapts": found.adapts}
    whole = errors(found, before, seed).to_dict("records")
    by_size = curve(found, list(draws)).to_dict("records")
    return [{**case, "part": "all", **row} for row in whole] + [
        {**case, "part": "curve", **row} for row in by_size
    ]


def _steps(path: str, model: str) -> list[Observation]:
    # Recorded steps whose texts are as they were sent: tool results alone.
    frame = read_parquet(Path(str(path)), COLUMNS)
    chosen = frame[(frame["replaced"] == 0) & (frame["kind"] == RESULTS) & (frame["model"] == model)]
    if chosen.empty:
        raise InputError(f"{path}: there is no step of {model} whose texts are whole. Name another model.")
    return [
        _step(row["session"], row["tokens"], json.loads(row["blocks"]), model)
        for row in chosen.to_dict("records")
    ]


def _step(session: str, tokens: float, blocks: Sequence[dict[str, str]], model: str) -> Observation:
    texts = tuple(str(block["text"]) for block in blocks)
    framing = dict.fromkeys(OF_STEPS, 0.0) | {RESULTS: float(len(texts))}
    return Observation(model, str(session), RESULTS, float(tokens), texts, framing)


def _requests(path: str, pattern: str) -> list[Observation]:
    # Models of few repositories: each request stands for itself, which says too little of other projects.
    left_out: Tally[str] = Tally()
    found = ExchangeLog(str(path), pattern=pattern, grouped=False).observe(left_out, lambda *_: None)
    console.notice(f"{pattern}: {len(found)} requests; left out: {dict(left_out)}")
    return found


def main() -> None:
    """Run the benchmark from the command line."""
    run_stage("calibrating", calibrating)


if __name__ == "__main__":
    main()
