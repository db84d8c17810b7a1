"""Figures: names are drawn letter by letter, and none is missing from a legend."""

import numpy as np
import pytest
from matplotlib.cbook import is_math_text

from token_approx.reporting.figures import estimate_vs_truth, literal, png


@pytest.mark.parametrize("name", ["$^$", "a$x$b", "one $", r"\\$", "_hidden", "__", "plain"])
def test_any_name_of_a_source_is_in_the_legend(name: str) -> None:
    """Whatever a source is called, it is drawn, no part of it as a formula."""
    tokens = np.array([10.0, 20.0, 30.0])
    figure = estimate_vs_truth(tokens, tokens + 1, np.array([name, "other", name]), "candidate")
    png(figure)
    legend = figure.axes[0].get_legend()
    assert legend is not None
    shown = {text.get_text() for text in legend.get_texts()}
    assert shown == {"estimate = truth", literal(name), "other"}
    assert not any(is_math_text(text.get_text()) for text in legend.get_texts())
