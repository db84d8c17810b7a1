"""How fast an estimate is, beside its peers in the same run: throughput, latency, loading, size, error."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from token_approx.errors import InputError
from token_approx.reporting.peers import Count

SUFFIXES = frozenset({".c", ".css", ".csv", ".h", ".html", ".js", ".json", ".md", ".py", ".rst", ".txt"})
# Of one file, so that no kind of text fills the sample.
MOST_OF_A_FILE = 20_000
PIECE, MESSAGE, MESSAGES = 20_000, 200, 500


def mixed_text(folders: Sequence[Path], size: int, seed: int) -> str:
    """Return about `size` bytes of text of all kinds found below some folders, in a seeded order.

    Raises:
        InputError: the folders hold less.
    """
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in SUFFIXES)
    parts, have = [], 0
    for number in np.random.default_rng(seed).permutation(len(paths)):
        try:
            part = paths[number].read_text(encoding="utf-8")[:MOST_OF_A_FILE]
        except (OSError, ValueError):
            continue
        parts.append(part)
        have += len(part.encode())
        if have >= size:
            return "".join(parts)
    names = ", ".join(map(str, folders))
    raise InputError(f"{names} hold {have} bytes of text, which is fewer than {size}. Name more folders.")


def speed(counts: Mapping[str, Count], text: str, rounds: int) -> pd.DataFrame:
    """Return throughput (MB/s) and latency of one 200-byte message (us) of each counter.

    All counters take turns in every round, so that a change of the machine's speed meets all; the median
    round counts. Throughput is on pieces of 20,000 characters.
    """
    size = len(text.encode())
    pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
    messages = list(_messages(text))
    bulk: dict[str, list[float]] = {name: [] for name in counts}
    single: dict[str, list[float]] = {name: [] for name in counts}
    for _ in range(rounds):
        for name, count in counts.items():
            bulk[name].append(_seconds(count, pieces))
            single[name].append(_seconds(count, messages) / len(messages))
    return pd.DataFrame(
        {
            "mb_per_second": {name: size / 1e6 / np.median(values) for name, values in bulk.items()},
            "us_per_message": {name: 1e6 * np.median(values) for name, values in single.items()},
        }
    )


def load_seconds(statement: str, rounds: int = 5) -> float:
    """Return the median seconds that a fresh interpreter computes for a statement, beyond starting up."""
    timed = "import time\n{}\nprint(time.process_time())"
    took = []
    for _ in range(rounds):
        for code in (statement, "pass"):
            command = [sys.executable, "-c", timed.format(code)]
            ran = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
            took.append(float(ran.stdout.splitlines()[-1]))
    return float(np.median(took[::2]) - np.median(took[1::2]))


def error_throughput_figure(table: pd.DataFrame) -> Figure:
    """Return error against throughput, one point per counter, with the Pareto front.

    `table` has the columns `mb_per_second` and `mape` and is indexed by the counter's name.
    """
    known = table.dropna(subset=["mape"]).sort_values("mb_per_second", ascending=False)
    columns = ["mb_per_second", "mape"]
    front = known[known["mape"] <= known["mape"].cummin()]
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    axes = figure.subplots()
    axes.step(*front[columns].to_numpy().T, where="post", color="grey", linewidth=1, label="Pareto front")
    axes.plot(*known[columns].to_numpy().T, "o", color="#0072B2", label="counter")
    for name, speed_of, error in known[columns].itertuples():
        axes.annotate(str(name), (speed_of, error), xytext=(5, 6), textcoords="offset points")
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=-0.2)
    axes.set(xlabel="throughput on one core (MB/s)", ylabel="mean absolute error (% of o200k_base tokens)")
    axes.set_title("Error against throughput")
    axes.legend()
    return figure


def _messages(text: str) -> Iterator[str]:
    for start in np.linspace(0, max(0, len(text) - 4 * MESSAGE), MESSAGES).astype(int):
        yield text[start : start + MESSAGE].encode()[:MESSAGE].decode(errors="ignore")


def _seconds(count: Count, texts: Sequence[str]) -> float:
    # Of this process alone: what else the machine does is not counted.
    started = time.process_time()
    for text in texts:
        count(text)
    return time.process_time() - started
