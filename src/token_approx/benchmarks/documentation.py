"""The tables of README.md and docs/, made from what output/ holds; cog writes them into the pages.

`python -m cogapp -r README.md docs/*.md` writes them anew; with `--check` it only says whether they differ.
"""

import json
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from token_approx.benchmarks.adapting import CHOSEN, RANDOM, summary
from token_approx.benchmarks.request_speed import REQUEST
from token_approx.benchmarks.requests_figure import FEWEST_REQUESTS
from token_approx.benchmarks.results_table import markdown

ROOT = Path(__file__).parents[3]
OUTPUT = ROOT / "output"
# Fewer texts say little of others: the README leaves them out, docs/ has them all.
FEWEST_TEXTS = 100
OURS = "**token-approx**"
# What others use instead, by the names that results.csv has.
OTHERS = ("chars/4", "tokenx 2.2.0", "o200k_base")
# What people make of a request: counts of its JSON.
JSON_COUNTS = ("chars/4 of the JSON", "o200k_base of the JSON")
# The families of the README's table of requests, by the name of their dataset.
REQUESTS = {
    "claude-4-7": "Claude 4.7 and newer",
    "claude-3": "Claude 3 to 4.6",
    "openai": "GPT-4o and newer",
    "gemini": "Gemini",
}
# What stands beside an adapted table, and the share that is held out of usage (conf/calibrating.yaml).
BEFORE = ("before", "before, and framing", "best table times a factor")
HELD_OUT = 0.25
PUBLISHED = {"bytes": "154.600783", "bytes words": "128.641883"}


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table.

    >>> print(table(["a", "b"], [[1, "x"]]), end="")
    | a | b |
    |---|---|
    | 1 | x |
    """
    lines = [_row(header), "|" + "---|" * len(header), *map(_row, rows)]
    return "\n".join(lines) + "\n"


def results() -> str:
    """Return the README's results, a row per set of 100 texts or more: ours in full, the others' errors."""
    found = pd.read_csv(OUTPUT / "results.csv")
    found = found[found["texts"] >= FEWEST_TEXTS]
    rows = []
    for title, of_texts in found.groupby("measured_on", sort=False):
        by_name = {row["estimate"]: row for row in of_texts.to_dict("records")}
        if OURS not in by_name:
            continue
        ours = by_name[OURS]
        held = ours["bound_holds"]
        factor = next((name for name in by_name if "×" in name), "")
        rows.append(
            [
                title,
                f"{ours['texts']:,}",
                f"**{percent(ours['mape'], 1)}** ({ours['low']:.1f} to {ours['high']:.1f})",
                f"{ours['bias']:+.1f} %",
                percent(ours["p95"], 1),
                "" if pd.isna(held) else percent(held, 1),
                *(percent(by_name[name]["mape"], 0) if name in by_name else "" for name in OTHERS),
                f"{percent(by_name[factor]['mape'], 0)} ({factor.split()[-1]})" if factor else "",
            ]
        )
    ours_columns = ["error (95 % interval)", "bias", "p95", "95 % bound holds"]
    return table(["texts", "number", *ours_columns, *OTHERS, "o200k_base × factor"], rows)


def all_results() -> str:
    """Return every result: those of few texts, and of the novel, too."""
    return markdown(pd.read_csv(OUTPUT / "results.csv"))


def tables() -> str:
    """Return the errors of the n-gram tables on documents of groups that they never saw."""
    rows = [
        [
            f"`{row['table']}`",
            row["corpus"],
            f"{row['documents']:,}",
            percent(row["mape"], 2),
            percent(row["worst_category_mape"], 2),
            percent(row["within_10_percent"], 1),
            f"{row['short_mae']:.2f}",
        ]
        for row in pd.read_csv(OUTPUT / "ngram_tables.csv").to_dict("records")
    ]
    header = ["table", "corpus", "documents", "mean error", "worst category", "within 10 %", "short, MAE"]
    return table(header, rows)


def bounds() -> str:
    """Return how often the 95 % bounds hold, and what the guard decides, on groups not fitted on."""
    rows = []
    for folder in sorted(OUTPUT.glob("corpus-*")):
        coverage = pd.read_csv(folder / "tables/coverage.csv")
        own = coverage.query("calibrated_on == 'sources left out' and level == 0.95").iloc[0]
        guard = pd.read_csv(folder / "tables/guard.csv").query("chosen").iloc[0]
        shown = [own["coverage"], own["excess"], guard["test_avoided"]]
        rows.append(
            [
                f"`{folder.name.removeprefix('corpus-')}`",
                *(percent(value, 1) for value in shown),
                percent(guard["test_wrong"], 2),
            ]
        )
    header = ["texts of", "95 % bound holds", "is above the truth by", "calls avoided", "wrong decisions"]
    return table(header, rows)


def original() -> str:
    """Return the original experiment's candidates, with the errors that it did not look at."""
    candidates = pd.read_csv(OUTPUT / "oliver-twist/tables/candidates.csv")
    found = {row["features"]: row for row in candidates.to_dict("records")}
    rows = []
    for features in ("bytes words lines", "bytes words", "bytes runes words lines", "bytes"):
        row = found[features]
        rows.append(
            [
                features,
                PUBLISHED.get(features, ""),
                f"{row['test_mae']:.4f}",
                f"{row['test_p95_abs_error']:.2f}",
                percent(row["test_mape"], 2),
                f"{row['cv_mae']:.2f}",
                f"{row['unseen_source_mae']:.2f}",
                percent(row["unseen_source_mape"], 2),
            ]
        )
    errors = ["test MAE", "p95", "test MAPE", "cross-validated MAE", "unseen book MAE", "unseen book MAPE"]
    return table(["features", "published test MAE", *errors], rows)


def requests() -> str:
    """Return the errors and bounds of whole requests on repositories left out, by family and kind."""
    rows = []
    for row in pd.read_csv(OUTPUT / "requests.csv").to_dict("records"):
        if row["records"] < FEWEST_REQUESTS:
            continue
        interval = f"{row['mape_low']:.1f} to {row['mape_high']:.1f}"
        held = [row["coverage"], row["median_excess"]]
        rows.append(
            [
                row["dataset"].removeprefix("requests-"),
                row["kind"],
                f"{row['records']:,} of {row['sources']}",
                f"{percent(row['mape'], 1)} ({interval})",
                percent(row["median"], 1),
                percent(row["p95"], 1),
                f"{row['bias']:+.1f} %",
                *("" if pd.isna(value) else percent(value, 1) for value in held),
            ]
        )
    errors = ["mean error (95 % interval)", "median error", "p95", "bias"]
    header = [
        "requests to",
        "kind",
        "requests of repositories",
        *errors,
        "95 % bound holds",
        "is above by (median)",
    ]
    return table(header, rows)


def adapting() -> str:
    """Return the learning curve of an adapted table: errors by how many documents are labelled."""
    curves = summary(pd.read_csv(OUTPUT / "adapting.csv"))
    by_pick = {pick: rows.set_index("documents") for pick, rows in curves.groupby("picked", sort=False)}
    rows = []
    for number in by_pick[RANDOM].index:
        errors = []
        for curve in (by_pick[RANDOM], by_pick[CHOSEN]):
            found = curve.loc[number] if number in curve.index else None
            interval = "" if found is None else f"({found['low']:.1f} to {found['high']:.1f})"
            errors.append("" if found is None else f"{percent(found['adapted'], 1)} {interval}")
        rows.append([f"{number:,}", percent(by_pick[RANDOM]["scale"][number], 1), *errors])
    return table(
        ["labelled documents", "best prior times a factor", "adapted, drawn at random", "adapted, chosen"],
        rows,
    )


def calibrating() -> str:
    """Return what calibrating on recorded usage is worth, by model: errors before and after."""
    found = pd.read_csv(OUTPUT / "calibrating.csv").query("part == 'all'")
    rows = []
    for title, of_model in found.groupby("title", sort=False):
        columns = ["observations", "mape", "median", "bias", "p95"]
        by_fit = of_model.groupby("fit", sort=False)[columns].mean().to_dict("index")
        adapted = by_fit["adapted table"]
        number = adapted["observations"]
        used = number * (1 - HELD_OUT) / HELD_OUT
        rows.append(
            [
                f"{title}, {of_model['kind'].iloc[0]}",
                f"{used:.0f} and {number:.0f}",
                *(percent(by_fit[fit]["mape"], 1) for fit in BEFORE),
                f"**{percent(adapted['mape'], 1)}**",
                percent(adapted["median"], 1),
                f"{adapted['bias']:+.1f} %",
                percent(adapted["p95"], 1),
            ]
        )
    fits = ["before", "with framing", "best table × factor", "adapted", "median", "bias", "p95"]
    return table(["usage of", "fitted to and tested on", *fits], rows)


def decisions() -> str:
    """Return, by family, how many limits each step decides, and how many decisions are wrong."""
    found = pd.read_csv(OUTPUT / "decisions.csv")
    rows = []
    for family, steps in found.groupby("family", sort=False):
        by_step = {str(row["step"]): row for row in steps.to_dict("records")}
        exact, total = by_step["exact"], by_step["all"]
        rows.append(
            [
                f"`{family}`",
                f"{total['decisions']:,}",
                *(percent(by_step[step]["share"], 1) for step in ("bytes", "bound", "exact", "ask")),
                percent(total["wrong"], 2),
                f"{by_step['bound']['mean_us'] / 1000:.2f} ms",
                f"{exact['mean_us'] / 1000:.2f} ms",
            ]
        )
    header = ["texts of", "decisions", "by bytes", "by bounds", "by a tokenizer", "to ask", "wrong"]
    return table([*header, "mean time by bounds", "by a tokenizer"], rows)


def request_peers() -> str:
    """Return the errors of whole requests beside those of what people do with the request's JSON."""
    rows = [
        [
            row["dataset"].removeprefix("requests-"),
            row["kind"],
            f"{row['records']:,}",
            *(percent(row[name], 1) for name in ("mape", "chars4_mape", "o200k_mape")),
            *(percent(row[name], 1) for name in ("decided", "wrong")),
        ]
        for row in pd.read_csv(OUTPUT / "requests.csv").to_dict("records")
        if row["records"] >= FEWEST_REQUESTS
    ]
    return table(
        ["requests to", "kind", "requests", "token-approx", *JSON_COUNTS, "limits decided", "wrong"], rows
    )


def request_results() -> str:
    """Return the README's results of whole requests: the families of which most were recorded."""
    found = {
        (row["dataset"], row["kind"]): row for row in pd.read_csv(OUTPUT / "requests.csv").to_dict("records")
    }
    rows = []
    for name, title in REQUESTS.items():
        for kind in ("plain", "tools"):
            row = found[f"requests-{name}", kind]
            rows.append(
                [
                    title,
                    "with tools" if kind == "tools" else kind,
                    f"{row['records']:,.0f} of {row['sources']:.0f}",
                    f"**{percent(row['mape'], 1)}** ({row['mape_low']:.1f} to {row['mape_high']:.1f})",
                    f"{row['bias']:+.1f} %",
                    percent(row["p95"], 1),
                    percent(row["coverage"], 1),
                    percent(row["chars4_mape"], 0),
                    percent(row["o200k_mape"], 0),
                ]
            )
    columns = ["error (95 % interval)", "bias", "p95", "95 % bound holds"]
    return table(["requests to", "kind", "requests of repositories", *columns, *JSON_COUNTS], rows)


def speed() -> str:
    """Return the README's sentence on the speed of a shipped model beside exact tokenizers."""
    found = pd.read_csv(OUTPUT / "benchmark/benchmark.csv").set_index("counter")
    ours, rs_bpe = found.loc["shipped model"], found.loc["rs-bpe"]
    of_tiktoken, of_rs_bpe = ours["times_tiktoken"], ours["times_rs_bpe"]
    return _wrapped(
        f"A shipped model estimates {ours['mb_per_second']:.0f} MB/s of text, {of_rs_bpe:.0f} times as much"
        f" as rs-bpe and {of_tiktoken:.0f} times as much as tiktoken. A message of 200 bytes takes it"
        f" {ours['us_per_message']:.1f} µs; rs-bpe takes {rs_bpe['us_per_message']:.0f}"
        " ([all speeds](docs/how-it-works.md#speed))."
    )


def speeds() -> str:
    """Return speed, size and error of all that the last benchmark measured."""
    found = pd.read_csv(OUTPUT / "benchmark/benchmark.csv")
    rows = []
    for row in found.to_dict("records"):
        size = f"{row['bytes_on_disk'] / 1e6:.2f} MB" if pd.notna(row["bytes_on_disk"]) else ""
        load = f"{row['load_seconds']:.2f} s" if pd.notna(row["load_seconds"]) else ""
        error = percent(row["mape"], 1) if pd.notna(row["mape"]) else ""
        speeds = [f"{row['mb_per_second']:,.0f}", f"{row['us_per_message']:.1f}"]
        rows.append([row["counter"], *speeds, load, size, error])
    header = ["counter", "MB/s", "µs for 200 bytes", "import and load", "size", "error on o200k_base"]
    return table(header, rows)


def request_speed() -> str:
    """Return a sentence on the speed of a whole request beside exact tokenizers."""
    found = pd.read_csv(OUTPUT / "benchmark/speed.csv").set_index("measure").loc[REQUEST]
    return _wrapped(
        f"A {REQUEST} takes {found['value']:.1f} ms, the bound included. To count its texts alone"
        f" takes rs-bpe {found['times_rs_bpe']:.0f} times as long, and tiktoken"
        f" {found['times_tiktoken']:.0f} times."
    )


def install() -> str:
    """Return what `pip install token-approx` brings, as measured in an empty environment."""
    found = json.loads((OUTPUT / "benchmark/install.json").read_text(encoding="utf-8"))
    return _wrapped(
        f"It brings {found['packages']} packages and {found['megabytes']:.0f} MB. To import it, load one"
        f" table and estimate a text takes {found['cpu_seconds']:.2f} s of a processor."
    )


def _wrapped(sentences: str) -> str:
    return textwrap.fill(sentences, 110, break_long_words=False, break_on_hyphens=False) + "\n"


def percent(value: float, digits: int) -> str:
    """Return a number of percent."""
    return f"{value:.{digits}f} %"


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"
