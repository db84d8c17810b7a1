"""Which model drifted, when and by how much, worked by hand."""

import pandas as pd
import pytest
from scipy.stats import beta

from token_approx.reporting import drift

RESAMPLES, SEED = 200, 1


def rows(
    model: str, week: str, estimate: float, *, number: int = 21, bound: float = 110, kind: str = "plain"
) -> pd.DataFrame:
    """Return rows of 100 tokens with estimates around one, 1 token more or less."""
    around = [estimate + (place % 3 - 1) for place in range(number)]
    return pd.DataFrame(
        {
            "model": model,
            "week": week,
            "kind": kind,
            "input_tokens": 100,
            "estimate": around,
            "upper_bound": bound,
        }
    )  # fmt: skip


def tables(*parts: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both tables of some rows."""
    whole = pd.concat(parts, ignore_index=True)
    return drift.by_model_and_week(whole, RESAMPLES, SEED), drift.by_kind(whole, RESAMPLES, SEED)


def test_errors_and_coverage_by_week() -> None:
    """Percent of the truth; the interval of coverage is Clopper and Pearson's, over rows with a bound."""
    held = rows("m", "2026-W01", 90, number=21)
    held.loc[:3, "upper_bound"] = 99
    held.loc[20, "upper_bound"] = float("nan")
    weeks, _ = tables(held, rows("m", "2026-W02", 120, number=3))
    assert weeks["week"].tolist() == ["all", "2026-W01", "2026-W02"]
    first, second = weeks.iloc[1], weeks.iloc[2]
    assert (first["records"], first["bounded"], first["coverage"]) == (21, 20, 80)
    assert first["mape"] == 10
    assert (first["bias_percent"], second["bias_percent"]) == (-10, 20)
    assert first["bias_low"] < -10 < first["bias_high"]
    assert first["coverage_low"] == pytest.approx(100 * beta.ppf(0.025, 16, 5))
    assert first["coverage_high"] == pytest.approx(100 * beta.ppf(0.975, 17, 4))
    assert weeks.iloc[0]["bias_percent"] == pytest.approx((-10 * 21 + 20 * 3) / 24)


def test_short_rows_count_only_where_there_are_no_others() -> None:
    """One token off in three says little beside a row of 100 tokens."""
    short = rows("m", "", 5, number=9).assign(input_tokens=4)
    assert tables(short)[0]["bias_percent"].tolist() == [pytest.approx(25)]
    both = pd.concat([short, rows("m", "", 100, number=9)])
    assert tables(both)[0]["bias_percent"].tolist() == [pytest.approx(0)]


def test_a_jump_is_between_weeks_of_enough_rows() -> None:
    """Of two models, the one whose bias changes; a week of 7 rows is passed over, noise is none."""
    weeks, _ = tables(
        rows("steady", "2026-W01", 100), rows("steady", "2026-W02", 100, number=33),
        rows("new", "2026-W01", 100), rows("new", "2026-W02", 300, number=7), rows("new", "2026-W03", 80),
        rows("new", "", 500),
    )  # fmt: skip
    (jump,) = drift.jumps(weeks)
    assert jump == "new: from 2026-W01 to 2026-W03 the bias went from +0.0 % to -20.0 %"
    known = drift.bias_figure(weeks)
    assert [text.get_text() for text in known.axes[0].get_xticklabels()] == [
        "2026-W01",
        "2026-W02",
        "2026-W03",
    ]


def test_what_is_over_a_limit_is_named() -> None:
    """The model, by how much, its worst week and kind; a week alone counts with its whole interval."""
    weeks, kinds = tables(
        rows("good", "2026-W01", 101),
        rows("bad", "2026-W01", 100, number=201),
        rows("bad", "2026-W02", 88, kind="tools"),
    )
    (found,) = drift.findings(weeks, kinds, {"max_mape": 5})
    assert found.model == "bad"
    assert found.reason == (
        "MAPE is 12.00 % in 2026-W02, over max_mape=5 (1.74 % over all weeks), worst for tools (12.0 %)"
    )
    assert drift.findings(weeks, kinds, {"max_mape": 13, "max_bias_percent": 13}) == []
    assert [each.reason.split(",")[0] for each in drift.findings(weeks, kinds, {"max_bias_percent": 5})] == [
        "bias is -12.00 % in 2026-W02"
    ]
    (found,) = drift.findings(*tables(rows("m", "2026-W01", 90), rows("m", "2026-W02", 80)), {"max_mape": 5})
    assert found.reason == "MAPE is 15.00 %, worst in 2026-W02 (20.0 %), over max_mape=5"
    few, kinds = tables(rows("m", "2026-W01", 100, number=201), rows("m", "2026-W02", 50, number=7))
    assert drift.findings(few, kinds, {"max_mape": 5}) == [], "a week of 7 rows alone proves nothing"


@pytest.mark.parametrize(("missed", "fails"), [(0, False), (1, False), (3, False), (4, True), (20, True)])
def test_a_bound_fails_beyond_its_binomial_interval(missed: int, *, fails: bool) -> None:
    """Of 20 that should hold in 95 %, 3 may be missed by chance: 85 % has an interval up to 96.8 %."""
    part = rows("m", "2026-W01", 100, number=20)
    part.loc[: missed - 1, "upper_bound"] = 99
    found = drift.findings(*tables(part), {})
    assert bool(found) == fails
    if fails:
        assert found[0].reason.startswith(
            f"the 95 % bound holds for {100 - 5 * missed:.1f} % of 20 (at most "
        )
    assert drift.findings(*tables(part.assign(upper_bound=float("nan"))), {}) == [], "no bound, no failure"
