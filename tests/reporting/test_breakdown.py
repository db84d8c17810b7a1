"""Errors by category and size, worked by hand."""

import numpy as np
import pytest

from token_approx.reporting.breakdown import breakdown, by_size

TOKENS = np.array([100.0, 100.0, 10.0, 50.0, 1000.0])
ESTIMATES = np.array([105.0, 85.0, 13.0, 50.0, 1010.0])
LABELS = np.array(["a", "a", "a", "b", "b"])


def test_breakdown_by_category() -> None:
    """Long texts are in percent, short ones in tokens, and the worst category stands first."""
    table = breakdown("category", LABELS, TOKENS, ESTIMATES)
    assert table["category"].tolist() == ["a", "b"]
    first = table.iloc[0]
    assert first["documents"] == 2
    assert first["mape"] == pytest.approx(10)
    assert first["bias_percent"] == pytest.approx(-5)
    assert first["within_10_percent"] == 50
    assert first["short_documents"] == 1
    assert first["short_mae"] == 3
    assert np.isnan(table.iloc[1]["short_mae"])


def test_breakdown_by_size() -> None:
    """Each size class that occurs has its row."""
    table = by_size(TOKENS, ESTIMATES).set_index("tokens")
    assert table["records"].to_dict() == {"under 20": 1, "20 to 199": 3, "200 and more": 1}
    assert table.loc["20 to 199", "mae"] == pytest.approx(20 / 3)
    assert table.loc["200 and more", "mape"] == pytest.approx(1)
