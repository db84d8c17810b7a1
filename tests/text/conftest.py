"""The made-up tables, one after the other."""

import pytest

from tests.text.made_tables import TABLES
from token_approx.text.ngrams import NgramTable


@pytest.fixture(params=sorted(TABLES))
def table(request: pytest.FixtureRequest) -> NgramTable:
    """Every set of orders that the scorer treats in its own way."""
    return TABLES[request.param]
