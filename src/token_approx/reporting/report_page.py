"""The report: one page that needs nothing but itself, for people without MLflow at hand."""

import base64
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from token_approx.estimator.coefs_file import COEFS
from token_approx.fitting.comparison import Comparison
from token_approx.reporting.facts import error_tables, known_gaps
from token_approx.reporting.figures import DPI
from token_approx.reporting.ranking import COLUMNS, barred, beaten_by, ranking
from token_approx.reporting.report import Report
from token_approx.reporting.request_errors import shown_tables

REPORT = "report.html"
TEMPLATE = "report_page.html"
MOST_RANKED = 60
# A figure's inch is as wide as 100 pixels of the page: its text is then as large as the page's small print.
PAGE_DPI = 100
# Title, what is drawn (for those who do not see it), and what to look for.
FIGURES = {
    "candidates_ranked": (
        "The best candidates",
        "Bars, diamonds and dots of the mean absolute error, a row per candidate",
        "MAE in folds (bars), on sources left out (diamonds) and on the test records (dots).",
    ),
    "label_efficiency": (
        "Error against the number of labels",
        "Falling lines with bands, one per feature set, both axes logarithmic",
        "How many labelled samples an estimate needs on a source it never saw, by what it is made from.",
    ),
    "estimate_vs_truth": (
        "Estimate against truth",
        "Dots along the line of equality, a colour per source",
        "The test records, which took no part in fitting or choosing; on the line the estimate is exact.",
    ),
    "errors_by_category": (
        "Errors by category",
        "Bars of the mean absolute error in percent with dots for the bias, a row per category",
        "Where the winner is worst, and in which direction, on the test records.",
    ),
    "residuals_by_size": (
        "Deviation against size",
        "Dots around the line of zero, over the counted tokens",
        "Every record's deviation in percent of the truth; above zero the estimate is too high.",
    ),
    "learning_curves": (
        "Learning curves",
        "Lines with bands, one per candidate, over the number of training records",
        "What more records of the same sources would buy: the error in folds of the best candidates.",
    ),
    "coverage": (
        "Coverage of the upper bounds",
        "Lines over the confidence level, beside the diagonal of what was asked for",
        "How often the bounds hold where they were not calibrated; below the grey line, too seldom.",
    ),
    "guard": (
        "The guard",
        "Two lines over the confidence level: calls avoided, and wrong decisions",
        "How many calls to the provider the bounds save, and how many decisions they get wrong.",
    ),
    "residuals": (
        "Errors on the test records",
        "Dots around the line of zero, over the counted tokens",
        "Estimate minus truth in tokens, by source.",
    ),
    "absolute_error": (
        "How large the errors are",
        "A histogram with lines at the median and at the 95th percentile",
        "The absolute errors on the test records.",
    ),
    "learning_curve": (
        "The winner's learning curve",
        "A line with its band over the number of training records",
        "The winner's error in folds, with its 95 % interval.",
    ),
    "ablation": (
        "What each feature is worth",
        "A bar per feature",
        "How much the error in folds grows without it.",
    ),
    "coefficient_stability": (
        "How stable the coefficients are",
        "A mark with its interval per coefficient",
        "Each coefficient over bootstrap resamples of the training records.",
    ),
    "influence": (
        "The most influential records",
        "A bar and a dot per record",
        "How far the mean estimate moves when a record is left out of the fit.",
    ),
    "residuals_by_feature": (
        "Deviation against each feature",
        "One panel of dots per feature",
        "A pattern here is something that the winner does not see.",
    ),
    "feature_scatter": (
        "The features",
        "One panel of dots per feature, over which the counted tokens stand",
        "What the candidates have to work with.",
    ),
    "feature_correlation": (
        "Correlation of the features",
        "A matrix of coefficients, red where positive and blue where negative",
        "Features that say the same, and how much each says of the tokens.",
    ),
}
FOLDED = list(FIGURES).index("residuals")


@dataclass(frozen=True)
class Drawn:
    """A figure on the page: its size in the page's pixels, and its bytes as text."""

    name: str
    title: str
    shows: str
    caption: str
    width: int
    height: int
    data: str
    folded: bool


@dataclass(frozen=True)
class Headline:
    """A number that stands out: what it is, its value, and what it has to be read with."""

    label: str
    value: str
    note: str


def report_page(compared: Comparison, reported: Report, coefs: Mapping[str, Any]) -> bytes:
    """Return the page, in HTML and UTF-8.

    It names no other file or address to load. Runs that find the same differ in the provenance alone.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["unbroken"] = lambda text: text.replace(" %", "\N{NO-BREAK SPACE}%")
    source = (files("token_approx.reporting") / TEMPLATE).read_text(encoding="utf-8")
    basis = {"unseen_source": "sources left out", "cv": "folds"}[compared.rule.basis(compared.winner)]
    page = environment.from_string(source).render(
        compared=compared,
        coefs=coefs,
        winner=compared.winner.candidate,
        sources=len(set(compared.dataset.sources[compared.train])),
        rule=f"{compared.rule.metric.upper()} on {basis}",
        formula=" + ".join(
            [f"{coefs['w0']:.6g}", *(f"{coefs[f'w_{name}']:.6g} · {name}" for name in coefs["feature_set"])]
        ),
        headline=list(_headline(compared)),
        beaten_by=beaten_by(compared),
        columns=COLUMNS,
        ranking=ranking(compared, MOST_RANKED),
        barred=barred(compared, MOST_RANKED),
        figures=list(_drawn(reported.figures)),
        tables=[*error_tables(reported.tables), *shown_tables(reported.tables)],
        gaps=known_gaps(compared, reported.tables, coefs),
        confidence=max(bound["confidence"] for bound in coefs["upper_bound"]),
        coefs_file=COEFS,
        registered=coefs["provenance"]["registered_model"],
        refused=compared.refused,
    )
    return page.encode()


def _headline(compared: Comparison) -> Iterator[Headline]:
    test, intervals = compared.winner.test, compared.test_intervals
    shown = (
        ("mape", "Test MAPE", "{:.2f} %"),
        ("mae", "Test MAE", "{:.1f} tokens"),
        ("p95_abs_error", "Test p95 of the error", "{:.1f} tokens"),
        ("bias", "Test bias", "{:+.1f} tokens"),
    )
    for name, label, style in shown:
        low, high = (style.format(value).split(" ", maxsplit=1)[0] for value in intervals[name])
        yield Headline(label, style.format(test[name]), f"95 % interval {low} to {high}")
    unseen = compared.winner.unseen_source
    if unseen:
        yield Headline(
            "MAPE on sources left out", f"{unseen['mape']:.2f} %", f"MAE {unseen['mae']:.1f} tokens"
        )
    gain = compared.selection.gain
    if gain:
        yield Headline(
            "Gain over least squares on bytes",
            f"{gain[0]:.1f} tokens",
            f"of MAE, 95 % interval {gain[1]:.1f} to {gain[2]:.1f}",
        )


def _drawn(figures: Mapping[str, bytes]) -> Iterator[Drawn]:
    order = list(FIGURES)
    for name in sorted(figures, key=lambda name: order.index(name) if name in FIGURES else len(order)):
        title, shows, caption = FIGURES.get(name, (name, name, ""))
        # PNG holds the width and the height in its first chunk.
        width, height = struct.unpack(">II", figures[name][16:24])
        yield Drawn(
            name=name,
            title=title,
            shows=shows,
            caption=caption,
            width=round(width * PAGE_DPI / DPI),
            height=round(height * PAGE_DPI / DPI),
            data=base64.b64encode(figures[name]).decode(),
            folded=name not in order[:FOLDED],
        )
