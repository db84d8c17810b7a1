"""The model card in Markdown: what a version is for, how far to trust it, and how to recalibrate it."""

import re
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

from rich.console import Console
from rich.table import Table as DrawnTable

from token_approx.fitting.comparison import Comparison
from token_approx.labelling.counters.protocol import REQUEST
from token_approx.reporting.facts import Table, error_tables, known_gaps
from token_approx.reporting.report import Report

RECALIBRATE = (
    "Label some thirty texts of your own (`mlflow run . -e prepare`, `-e label`), then fit on them:"
    " `mlflow run . -P dataset=custom -P records=labelled.jsonl`. `-e evaluate` measures this version on any"
    " records first."
)
# What would begin a link, code, emphasis or HTML; names have underscores inside words alone.
MARKUP = re.compile(r"[\\`*\[\]<>#]")
FENCE = "```"
OF_TEXTS = (
    "- **In:** strings, as a list, a Series or a column `text`",
    "- **Out:** `input_tokens`, `upper_bound` (at `confidence`), `in_domain`; null where no text is",
)
OF_REQUESTS = (
    "- **In:** requests' bodies in JSON: a list, a Series or a column `request`; `model` names their model",
    "- **Out:** `input_tokens`, `upper_bound` (at `confidence`), `in_domain`; null where no body is",
    "- **Not counted:** `not_counted` is a JSON list of what cannot be known, and comes on top",
)
# A line of a table is never broken.
WIDEST = 10_000


def model_card(compared: Comparison, reported: Report, coefs: Mapping[str, Any]) -> str:
    """Return the card of a comparison's winner; every figure is from the comparison and its report."""
    gaps = [f"- {_plain(gap)}" for gap in known_gaps(compared, reported.tables, coefs)]
    parts = [
        _head(compared, coefs),
        ["## Error", "", *_error(compared)],
        *(_table(table) for table in error_tables(reported.tables)),
        ["## Known gaps", "", *gaps],
        ["## Recalibrate", "", RECALIBRATE],
    ]
    return "\n".join(line for part in parts for line in [*part, ""]).rstrip() + "\n"


def _head(compared: Comparison, coefs: Mapping[str, Any]) -> list[str]:
    sources = len(set(compared.dataset.sources[compared.train]))
    features = " + ".join(f"{coefs[f'w_{name}']:.6g} · {_plain(name)}" for name in coefs["feature_set"])
    records = (
        f"{len(compared.train)} training records of {sources} sources ({_sizes(compared)} tokens each),"
        f" {len(compared.test)} test records"
    )
    counts_of = _plain_code(coefs["counts_of"])
    of_requests = coefs["counts_of"] == REQUEST
    what = "request" if of_requests else "text"
    return [
        f"# Input tokens of {_plain(coefs['model'])}",
        "",
        f"Estimates how many input tokens `{_plain_code(coefs['model'])}` counts for a {what}, locally.",
        "",
        f"- **Estimate:** {coefs['w0']:.6g} + {features} ({coefs['estimator']})",
        f"- **Domain:** counts of `{counts_of}`, for {what}s like the training records (`in_domain`)",
        f"- **Data:** {_plain(compared.dataset.name)}, {records}",
        *(OF_REQUESTS if of_requests else OF_TEXTS),
    ]


def _sizes(compared: Comparison) -> str:
    tokens = compared.dataset.tokens[compared.train]
    return f"{tokens.min():.0f} to {tokens.max():.0f}"


def _error(compared: Comparison) -> Iterator[str]:
    test, intervals = compared.winner.test, compared.test_intervals
    low, high = intervals["mae"]
    yield (
        f"On the test records: MAE {test['mae']:.1f} tokens (95 % interval {low:.1f} to {high:.1f}), MAPE"
        f" {test['mape']:.2f} % ({intervals['mape'][0]:.2f} to {intervals['mape'][1]:.2f}), p95"
        f" {test['p95_abs_error']:.1f}, bias {test['bias']:+.1f}."
    )
    unseen = compared.winner.unseen_source
    if unseen:
        yield f"On sources left out of the fit: MAE {unseen['mae']:.1f} tokens, MAPE {unseen['mape']:.2f} %."


def _table(table: Table) -> list[str]:
    # MLflow draws Markdown's tables without any space between the columns: a block keeps what stands here.
    drawn = DrawnTable(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, column in enumerate(table.columns):
        drawn.add_column(_plain_code(column), justify="left" if place < table.labels else "right")
    for row in table.rows:
        drawn.add_row(*map(_plain_code, row))
    page = Console(file=StringIO(), width=WIDEST, markup=False, color_system=None)
    with page.capture() as captured:
        page.print(drawn)
    lines = (line.rstrip() for line in captured.get().splitlines())
    return [f"## {table.title}", "", table.note, "", FENCE, *lines, FENCE]


def _plain_code(text: str) -> str:
    return " ".join(text.split()).replace("`", "'")


def _plain(text: str) -> str:
    return MARKUP.sub(r"\\\g<0>", " ".join(text.split()))
