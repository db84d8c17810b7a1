"""How fast whole jobs and the worst inputs are: what the throughput of ordinary text does not tell."""

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from token_approx.estimator.estimator import Estimator
from token_approx.text import kernel

# How many times the benchmark's text is split, and its bytes for each of many texts.
SPLIT_COPIES, TEXT_SPACING = 20, 5
TEXT, TOKENS, ROUNDS = 500, 1000, 3
# The counters of a shipped model: its estimate alone, and with its bound and domain.
SHIPPED, DESCRIBED = "shipped model", "described"
# The ratios of a table, as people read them.
HEADINGS = {"times_rs_bpe": "/ rs-bpe", "times_tiktoken": "/ tiktoken", "times_mixed_text": "/ mixed"}


def adverse_inputs(size: int, seed: int) -> dict[str, bytes]:
    """Return inputs of `size` bytes that are unlike the text that a kernel's caches are good for."""
    random = np.random.default_rng(seed)
    letters = random.integers(ord("a"), ord("z") + 1, size).astype(np.uint8)
    return {
        "one character": b"a" * size,
        "base64": base64.b64encode(random.bytes(size))[:size],
        "random bytes": random.bytes(size),
        "no space": letters.tobytes(),
    }


def adverse_speed(count: Callable[[bytes], object], text: bytes, seed: int, rounds: int) -> pd.DataFrame:
    """Return the throughput (MB/s) of each adverse input and, by it, how many times that of `text` it is.

    The inputs take turns with the text in every round; the median round counts.
    """
    inputs = {"mixed text": text, **adverse_inputs(len(text), seed)}
    took: dict[str, list[float]] = {name: [] for name in inputs}
    for _ in range(rounds):
        for name, data in inputs.items():
            took[name].append(_seconds(lambda data=data: count(data)))  # type: ignore[misc]
    speeds = pd.Series({name: len(text) / 1e6 / np.median(values) for name, values in took.items()})
    table = pd.DataFrame({"mb_per_second": speeds, "times_mixed_text": speeds / speeds["mixed text"]})
    return table.drop("mixed text")


def thread_speed(count: Callable[[bytes], object], text: bytes, rounds: int) -> pd.DataFrame:
    """Return the throughput (MB/s) of two threads with a text each, and how many times that of one it is.

    It is of the clock on the wall, so two cores have to be free for it; the best round counts.
    """
    texts = [text, bytes(bytearray(text))]
    one, two = [], []
    with ThreadPoolExecutor(2) as pool:
        for _ in range(rounds):
            one.append(_seconds(lambda: count(text), time.perf_counter))
            two.append(_seconds(lambda: list(pool.map(count, texts)), time.perf_counter))
    speeds = len(text) / 1e6 / min(one), 2 * len(text) / 1e6 / min(two)
    return pd.DataFrame(
        {"mb_per_second": speeds[1], "times_mixed_text": speeds[1] / speeds[0]}, index=["two threads"]
    )


def many_texts(text: str, number: int) -> list[str]:
    """Return texts of 500 characters, each a string of its own, from places all over a text."""
    starts = np.linspace(0, max(0, len(text) - TEXT), number).astype(int)
    return [text[start : start + TEXT] for start in starts]


def job_speed(estimator: Estimator, text: str, rounds: int = ROUNDS) -> list[dict[str, object]]:
    """Return rows on splitting a large text and estimating many texts in one process: medians."""
    large, texts = text * SPLIT_COPIES, many_texts(text, len(text) // TEXT_SPACING)
    split = _median(lambda: estimator.split(large, TOKENS), rounds)
    many = _median(lambda: estimator.estimate_many(texts), rounds)
    described = _median(lambda: estimator.describe_many(texts), rounds)
    name = f"of {len(texts):,} x {TEXT}"
    return [
        _row(f"split of {len(large.encode()) / 1e6:.0f} MB at {TOKENS}", split, "s"),
        _row(f"estimate_many {name}", len(texts) / many, "rows/s"),
        _row(f"describe_many {name}", len(texts) / described, "rows/s"),
    ]


def speed_table(
    speeds: pd.DataFrame,
    loads: Mapping[str, float],
    adverse: pd.DataFrame,
    jobs: Sequence[Mapping[str, object]],
) -> pd.DataFrame:
    """Return what is measured in one table, with ratios to exact tokenizers of the same run.

    `speeds` has the columns of `throughput.speed` and the rows of the counters; a ratio says how many times
    as fast as the other it is.
    """
    named = {
        "n-gram table": "one table",
        SHIPPED: "estimate",
        DESCRIBED: "with bound, domain",
    }
    rows = [
        _row(f"mixed, {what}", float(speeds["mb_per_second"][name]), "MB/s", _ratios(speeds, name))
        for name, what in named.items()
    ] + [
        _row(f"200 bytes, {what}", float(speeds["us_per_message"][name]), "us", _latencies(speeds, name))
        for name, what in named.items()
    ]
    rows += map(dict, jobs)
    rows.append(_row("import, first estimate", loads[SHIPPED], "s"))
    rows += [
        _row(f"{name}", row["mb_per_second"], "MB/s", {"times_mixed_text": row["times_mixed_text"]})
        for name, row in adverse.to_dict("index").items()
    ]
    return pd.DataFrame(rows, columns=["measure", "value", "unit", *HEADINGS]).assign(kernel=kernel.name())


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of `speed_table` for people: values with units, and blanks where there are no ratios."""
    values = [f"{value:,.2f} {unit}" for value, unit in zip(table["value"], table["unit"], strict=True)]
    ratios = {
        heading: ["" if np.isnan(ratio) else f"{ratio:.2f}" for ratio in table[name]]
        for name, heading in HEADINGS.items()
    }
    return pd.DataFrame({"measure": table["measure"], "value": values, **ratios})


def _ratios(speeds: pd.DataFrame, name: str) -> dict[str, float]:
    column = speeds["mb_per_second"]
    return {
        f"times_{peer.replace('-', '_')}": column[name] / column.get(peer, np.nan)
        for peer in ("rs-bpe", "tiktoken")
    }


def _latencies(speeds: pd.DataFrame, name: str) -> dict[str, float]:
    column = speeds["us_per_message"]
    return {
        f"times_{peer.replace('-', '_')}": column.get(peer, np.nan) / column[name]
        for peer in ("rs-bpe", "tiktoken")
    }


def _row(
    measure: str, value: float, unit: str, ratios: Mapping[str, float] | None = None
) -> dict[str, object]:
    return {"measure": measure, "value": value, "unit": unit, **(ratios or {})}


def _median(job: Callable[[], object], rounds: int) -> float:
    return float(np.median([_seconds(job) for _ in range(rounds)]))


def _seconds(job: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    # By default of this process alone: what else the machine does is not counted.
    started = clock()
    job()
    return clock() - started
