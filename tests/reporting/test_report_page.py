"""The report needs nothing but itself, says what was found, and lets no name become markup."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import load_part, write_records
from token_approx.fitting.comparison import Comparison, compare
from token_approx.fitting.cross_validation import ComparisonSettings
from token_approx.fitting.dataset import read_dataset
from token_approx.fitting.feature_sets import exactly
from token_approx.fitting.sanity import Flag
from token_approx.fitting.search import Grid
from token_approx.fitting.selection import SelectionRule
from token_approx.fitting.splits import random_split
from token_approx.lifecycle.export import model_coefs
from token_approx.reporting.card import model_card
from token_approx.reporting.facts import error_tables, known_gaps
from token_approx.reporting.ranking import barred, ranking
from token_approx.reporting.report import Report, report
from token_approx.reporting.report_page import report_page

PROVENANCE = {
    "run_id": "r",
    "registered_model": "token-approx-made-up",
    "registered_version": "1",
    "git_commit": None,
    "time": "2026-01-01T00:00:00+00:00",
}
SETTINGS = ComparisonSettings(
    grouped=False, folds=4, repeats=1, curve_sizes=2, curve_repeats=1, resamples=20, seed=1
)
HOSTILE = "<img src=https://example.org/x.png onerror=alert(1)>\"'|`*"
VOID = {"meta", "img", "br", "hr", "link", "input"}


@dataclass
class Found:
    """A run of the comparison, all that its report is made of."""

    compared: Comparison
    reported: Report
    coefs: dict[str, Any]

    def page(self, **provenance: str | None) -> str:
        """Return the page, with another provenance if asked."""
        coefs = self.coefs | {"provenance": self.coefs["provenance"] | provenance}
        return report_page(self.compared, self.reported, coefs).decode()


def find(path: Path) -> Found:
    """Compare two candidates on records whose categories are hostile."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("\n".join(json.dumps(line | {"category": HOSTILE}) for line in lines))
    models = {name: load_part("estimator", name)[name] for name in ("ols", "ols_origin")}
    compared = compare(
        replace(read_dataset("d", str(path)), name=HOSTILE, reference_model=HOSTILE),
        partial(random_split, test_size=0.2, seed=1),
        {name: partial(exactly, names=[name]) for name in ("bytes", "words")},
        models,
        Grid(workers=1),
        SETTINGS,
        SelectionRule(list(models), sane=False),
    )
    reported = report(compared, SETTINGS, None, "unseen_source")
    coefs = model_coefs(compared, reported, "one-user-message", PROVENANCE)
    return Found(compared, reported, coefs)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Return a run on 60 records."""
    return find(write_records(tmp_path_factory.mktemp("found") / "records.jsonl", 60))


class Parsed(HTMLParser):
    """A page's elements with their attributes, its text, and what is not closed as it was opened."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(page)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Note an element that is closed out of its order."""
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        """Keep text, with its spaces as they are read."""
        self.text += re.sub(r"\s+", " ", data)

    def all(self, *tags: str) -> list[tuple[str, dict[str, str | None]]]:
        """Return the elements of some kinds, in their order."""
        return [element for element in self.elements if element[0] in tags]


def test_the_page_is_well_formed_and_loads_nothing(found: Found) -> None:
    """Every element is closed in its order; all that would be loaded is in the page; no script runs."""
    page = found.page()
    parsed = Parsed(page)
    assert not parsed.wrong
    loaded = [
        str(value)
        for _, attributes in parsed.elements
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "data", "action", "poster"}
    ]
    assert loaded
    assert all(value.startswith(("data:", "#")) for value in loaded)
    assert not re.findall(r"url\(|@import", page)
    assert not parsed.all("script", "link", "iframe", "object")


def test_the_page_is_accessible(found: Found) -> None:
    """It names its language, skips no level of headings, describes every figure, and scrolls by keys."""
    parsed = Parsed(found.page())
    assert parsed.all("html")[0][1] == {"lang": "en"}
    levels = [int(tag[1]) for tag, _ in parsed.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))
    figures = [attributes for _, attributes in parsed.all("img")]
    assert all(each["alt"] and each["width"] and each["height"] for each in figures)
    boxes = [attributes for _, attributes in parsed.all("div") if attributes.get("class") == "scroll"]
    assert len(boxes) == len(parsed.all("table"))
    assert all(each["tabindex"] == "0" and each["role"] == "region" for each in boxes)


def test_the_page_says_what_was_found(found: Found) -> None:
    """The winner, its errors, every candidate, every gap and every figure of the run stand in it."""
    page = found.page()
    parsed = Parsed(page)
    text = parsed.text.replace("\N{NO-BREAK SPACE}", " ")
    winner = found.compared.winner
    low, high = found.compared.test_intervals["mae"]
    assert f"candidates is {winner.candidate.name} ({winner.candidate.title}), fitted on" in text
    assert f"{winner.test['mape']:.2f} %" in text
    assert f"{winner.test['mae']:.1f} tokens" in text
    assert f"95 % interval {low:.1f} to {high:.1f}" in text
    assert f"{winner.unseen_source['mape']:.2f} %" in text
    for evaluation in found.compared.ranked:
        assert evaluation.candidate.name in text
    gaps = known_gaps(found.compared, found.reported.tables, found.coefs)
    assert len(gaps) > 2
    assert [gap for gap in gaps if " ".join(gap.split()) not in text] == []
    drawn = {str(attributes["src"]).partition(",")[2] for _, attributes in parsed.all("img")}
    assert drawn == {base64.b64encode(data).decode() for data in found.reported.figures.values()}
    assert 'load_model("models:/token-approx-made-up@champion")' in text


@pytest.mark.parametrize("sane", [True, False])
def test_a_winner_that_makes_no_sense_on_short_texts_is_told(found: Found, *, sane: bool) -> None:
    """The page says that the winner makes sense below the sizes it was fitted on only where it does."""
    flags = {
        name: [] if sane else [Flag("says -9 tokens for an empty text")] for name in found.compared.flags
    }
    text = Parsed(replace(found, compared=replace(found.compared, flags=flags)).page()).text
    assert ("and makes sense far below the sizes it was fitted on." in text) == sane
    assert ("it makes no sense (see the known gaps)." in text) != sane
    assert not re.search(r"[a-z]\.[A-Z]|\)\.[A-Z]", text.partition("Leaderboard")[2][:600]), (
        "a space is missing"
    )
    assert ("-9 tokens for an empty text" in text) != sane


def test_the_ranking_ends_with_what_may_not_be_chosen(found: Found) -> None:
    """The winner is the first row; what makes no sense stands in a table of its own, with an example."""
    compared = found.compared
    _, worse, *_ = compared.ranked
    flags: dict[str, list[Flag]] = {name: [] for name in compared.flags} | {
        worse.candidate.name: [Flag("says -9 tokens for a chat message of about 12"), Flag("is 80 % off")]
    }
    ruled = replace(compared, flags=flags, rule=replace(compared.rule, sane=True))
    first, *others = ranking(ruled, 99)
    assert first.winner
    assert first.place == 1
    assert worse.candidate.name not in {each.name for each in others}
    (last,) = barred(ruled, 99)
    assert last.name == worse.candidate.name
    assert last.place == len(compared.ranked)
    text = Parsed(replace(found, compared=ruled).page()).text
    assert text.index("Candidates that make no sense on short texts") < text.index(
        "says -9 tokens for a chat"
    )


def test_an_unregistered_model_is_not_loaded_from_the_registry(found: Found) -> None:
    """Without a version there is no way to it through MLflow."""
    text = Parsed(found.page(registered_model=None, registered_version=None)).text
    assert "models:/" not in text
    assert "Estimator.load" in text


def test_names_stay_names(found: Found) -> None:
    """A model, a dataset and a category that look like markup are text on the page and in the card."""
    page = found.page()
    parsed = Parsed(page)
    assert HOSTILE in parsed.text
    assert "onerror" not in {name for _, attributes in parsed.elements for name in attributes}
    assert "<img src=https" not in page
    card = model_card(found.compared, found.reported, found.coefs)
    assert len(re.findall(r"^```$", card, re.MULTILINE)) == 2 * len(error_tables(found.reported.tables))
    outside_code = re.sub(r"^```$.*?^```$|`[^`\n]*`", "", card, flags=re.DOTALL | re.MULTILINE)
    assert HOSTILE.replace("`", "'") in card
    assert not re.findall(r"(?<!\\)[<*]", outside_code.replace("**", ""))


def test_the_same_run_writes_the_same_page(found: Found, make_records: Callable[..., Path]) -> None:
    """A rerun gives the same bytes; another run's provenance changes nothing but its own lines."""
    again = find(make_records(60))
    assert found.page() == again.page()
    other = again.page(run_id="other", time="2027-01-01T00:00:00+00:00")
    before, after = ({*page.splitlines()} for page in (found.page(), other))
    assert before - after == {
        "<dt>run id</dt><dd>r</dd>", "<dt>time</dt><dd>2026-01-01T00:00:00+00:00</dd>",
    }  # fmt: skip
