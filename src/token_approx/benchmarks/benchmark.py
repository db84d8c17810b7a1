"""Speed and error of the estimates beside exact tokenizers, on the same text in the same run."""

import json
import os
import sysconfig
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from token_approx.benchmarks.jobs import (
    DESCRIBED,
    SHIPPED,
    adverse_speed,
    job_speed,
    shown,
    speed_table,
    thread_speed,
)
from token_approx.benchmarks.request_speed import request_speed
from token_approx.benchmarks.throughput import error_throughput_figure, load_seconds, mixed_text, speed
from token_approx.errors import InputError
from token_approx.estimator.estimator import Estimator
from token_approx.files import write_whole
from token_approx.fitting.dataset import read_corpus
from token_approx.fitting.metrics import metrics
from token_approx.fitting.splits import by_group
from token_approx.lifecycle.tracking import table_csv
from token_approx.reporting.figures import png
from token_approx.reporting.peers import PEERS, TARGET, Count, available
from token_approx.stages import console
from token_approx.stages.command_line import run_stage
from token_approx.text import kernel
from token_approx.text.ngrams import shipped_tables

MAIN_JOB = "main job's winner"
PEER = "from token_approx.reporting import peers; peers.{name}()('a')"
LOADS = {
    "n-gram table": f"from token_approx.text.ngrams import NgramTable as T; T.load('{TARGET}').score('a')",
    SHIPPED: f"from token_approx import Estimator; Estimator.for_model('{TARGET}').estimate('a')",
    MAIN_JOB: "from token_approx import Estimator; Estimator.load({coefs!r}).estimate('a')",
    "tiktoken": PEER.format(name="tiktoken"),
    "rs-bpe": PEER.format(name="rs_bpe"),
    "bpe-openai": PEER.format(name="bpe_openai"),
}


def benchmark(config: DictConfig) -> None:
    """Measure what the configuration names, write a table and a figure, and print the table."""
    # One core each, as an agent's process would use.
    os.environ.setdefault("RAYON_NUM_THREADS", "1")
    if config.rounds < 1:
        raise InputError(f"rounds={config.rounds} is too small. Give at least 1.")
    coefs = str(config.coefs)
    shipped = Estimator.for_model(TARGET)
    ours = {MAIN_JOB: Estimator.load(coefs).estimate, SHIPPED: shipped.estimate}
    ours[DESCRIBED] = lambda text: shipped.describe(text).input_tokens
    counts, absent = available(PEERS)
    counts |= ours
    for name, reason in absent.items():
        console.notice(f"{name} is left out: {reason}")
    folders = [Path(folder) for folder in config.text] or [Path(sysconfig.get_path("stdlib"))]
    text = mixed_text(folders, config.size, config.seed)
    table = speed(counts, text, config.rounds)
    table["times_tiktoken"] = table["mb_per_second"] / table["mb_per_second"].get("tiktoken", np.nan)
    table["times_rs_bpe"] = table["mb_per_second"] / table["mb_per_second"].get("rs-bpe", np.nan)
    loads = {name: load_seconds(code.format(coefs=coefs)) for name, code in LOADS.items() if name in counts}
    table["load_seconds"] = pd.Series(loads)
    table["bytes_on_disk"] = pd.Series(_sizes(coefs, counts)).astype("Int64")
    table["mape"] = pd.Series(_errors(config.corpus))
    table = table.rename_axis("counter")
    out = Path(config.out)
    write_whole(out / "benchmark.csv", table_csv(table.reset_index()))
    text_bytes = text.encode()
    score = shipped.tables[f"ngram_{TARGET}"].score
    adverse = pd.concat(
        [
            adverse_speed(score, text_bytes, config.seed, config.rounds),
            thread_speed(score, text_bytes, config.rounds),
        ]
    )
    exact: dict[str, Count] = {name: counts[name] for name in ("rs-bpe", "tiktoken") if name in counts}
    jobs = [*job_speed(shipped, text), request_speed(text, exact, config.rounds)]
    summary = speed_table(table, loads, adverse, jobs)
    write_whole(out / "speed.csv", table_csv(summary))
    write_whole(out / "error_against_throughput.png", png(error_throughput_figure(table)))
    title = f"{len(text_bytes) / 1e6:.1f} MB of mixed text, one core, median of {config.rounds}"
    console.table(title, table.reset_index())
    console.table(f"Speed in the same run, {kernel.name()} kernel", shown(summary))
    console.notice(f"written: {out}/benchmark.csv, speed.csv and error_against_throughput.png")


def _errors(corpus: str) -> dict[str, float]:
    # Percent, against o200k_base, on the corpora's test documents: exact tokenizers have none; the basic
    # counts are fitted (least squares on relative error) on other groups than they are measured on; the
    # main job's winner estimates another reference model, so it has no place here.
    dataset = read_corpus("corpus", corpus, TARGET)
    train, test = by_group(dataset, 0.2, 42)
    truth = dataset.tokens[test]
    X = dataset.matrix(["bytes", "runes", "words", "lines"])
    X = np.column_stack([X, np.ones(len(X))])
    weight = 1 / np.maximum(dataset.tokens[train], 1)
    solved = np.linalg.lstsq(X[train] * weight[:, None], dataset.tokens[train] * weight, rcond=None)[0]
    estimates = {
        "chars/4": dataset.matrix(["runes"], test)[:, 0] / 4,
        "basic counts": X[test] @ solved,
        "n-gram table": dataset.matrix([f"ngram_{TARGET}"], test)[:, 0],
    }
    errors = {name: metrics(truth, values)["mape"] for name, values in estimates.items()}
    return errors | dict.fromkeys(["tiktoken", "rs-bpe", "bpe-openai"], 0.0)


def _sizes(coefs: str, counts: Mapping[str, Count]) -> dict[str, int]:
    shipped = shipped_tables()
    named = json.loads(Path(coefs).read_bytes())["tables"].values()
    beside = [Path(coefs).parent / entry["file"] for entry in named]
    tables = [path if path.is_file() else shipped[path.stem] for path in beside]
    sizes = {
        "n-gram table": shipped[TARGET].stat().st_size,
        MAIN_JOB: Path(coefs).stat().st_size + sum(path.stat().st_size for path in tables),
    }
    if "bpe-openai" in counts:
        vocabulary = Path(str(files("bpe_openai") / "data" / f"{TARGET}.tiktoken.gz"))
        sizes |= dict.fromkeys(["tiktoken", "bpe-openai"], vocabulary.stat().st_size)
    return sizes


def main() -> None:
    """Run the stage from the command line."""
    run_stage("benchmark", benchmark)


if __name__ == "__main__":
    main()
