"""A limit says of every estimate what its bound says, down to the last float that is within it."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_approx import Estimator
from token_approx.errors import InputError
from token_approx.estimator.bounds import Bound, evaluate_many
from token_approx.estimator.limits import Limit

FACTORS = st.floats(0, 3) | st.sampled_from([0.0, 1.0, 1.05])


@st.composite
def drawn_bounds(draw: st.DrawFn) -> tuple[Bound, ...]:
    """Draw the bounds of one level: size classes that join, or with gaps, and offsets that jump."""
    borders = sorted({0.0, *draw(st.lists(st.floats(0, 1000), max_size=4)), math.inf})
    classes = [
        Bound(0.95, draw(FACTORS), draw(st.floats(-50, 50)), low, high) for low, high in pairwise(borders)
    ]
    return tuple(classes)


@given(bounds=drawn_bounds(), tokens=st.integers(0, 1500), sums=st.lists(st.floats(-100, 2000), min_size=1))
def test_a_limit_holds_where_the_bound_is_within(
    bounds: tuple[Bound, ...], tokens: int, sums: list[float]
) -> None:
    """For any size classes, estimates anywhere, at borders and where a bound meets the limit are right."""
    near = [bound.start for bound in bounds]
    near += [(tokens - bound.offset) / bound.factor for bound in bounds if bound.factor > 1e-3]
    around = [value for x in near for value in (math.nextafter(x, -math.inf), x, math.nextafter(x, math.inf))]
    estimates = np.array(sums + around)
    expected = evaluate_many(bounds, estimates, 0.95) <= tokens
    assert Limit(bounds, 0.95, tokens).holds(estimates).tolist() == expected.tolist()


def test_shipped_bounds() -> None:
    """Of a shipped model, each level of its bounds is told from as it is."""
    model = Estimator.for_model("o200k_base")
    estimates = np.linspace(-5, 30_000, 60_001)
    for level in {bound.confidence for bound in model.upper}:
        for tokens in (0, 1, 20, 1000, 10_000):
            expected = evaluate_many(model.upper, estimates, level) <= tokens
            assert np.array_equal(Limit(model.upper, level, tokens).holds(estimates), expected)


def test_what_bounds_refuse_is_refused() -> None:
    """A level that there is not, and an estimate in no class, are the errors that the bound itself gives."""
    gap = (Bound(0.95, 1, 0, 0, 10), Bound(0.95, 1, 0, 20, math.inf))
    with pytest.raises(InputError, match=r"no bound of confidence 0\.5"):
        Limit(gap, 0.5, 7)
    with pytest.raises(InputError, match="for an estimate of 15"):
        Limit(gap, 0.95, 7).holds(np.array([1.0, 15.0]))
    falling = (Bound(0.95, -1, 5, 0, math.inf),)
    assert Limit(falling, 0.95, 3).holds(np.array([1.0, 3.0])).tolist() == [False, True]
