"""The report of requests shows errors by part and repository, and the worst ten by features alone."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd

from token_approx.fitting.candidates import LinearFit
from token_approx.fitting.comparison import Comparison
from token_approx.fitting.dataset import read_requests
from token_approx.reporting.request_errors import request_tables, shown_tables

NAMES = ("requests", "text_user", "tools_on")
WEIGHTS = np.array([3.0, 1.0, 300.0])
RECORDS = "output/records/requests.parquet"


def compared(*, left_out: bool) -> Comparison:
    """Return what the tables look at of a comparison: 40 requests to Claude and a fixed fit."""
    dataset = read_requests("requests-claude-4-7", RECORDS, ["claude_4_7"], NAMES)
    estimates = dataset.matrix(NAMES) @ WEIGHTS
    train, test = np.arange(40), np.arange(40, 50)
    winner = SimpleNamespace(
        candidate=SimpleNamespace(features=NAMES),
        fit=LinearFit(0.0, WEIGHTS),
        out_of_fold={"unseen_source": estimates[train]} if left_out else {},
    )
    found = SimpleNamespace(
        winner=winner, dataset=dataset, train=train, test=test, estimates=lambda rows: estimates[rows]
    )
    return cast("Comparison", found)


def test_errors_by_part_and_repository() -> None:
    """Each row is of the requests that have the part, or are of the repository, by the estimates given."""
    made = compared(left_out=True)
    dataset, tables = made.dataset, request_tables(made)
    tokens, sources = dataset.tokens[:40], dataset.sources[:40]
    error = 100 * (dataset.matrix(NAMES)[:40] @ WEIGHTS / tokens - 1)
    by_part = tables["errors_by_part"].set_index("part")
    with_tools = dataset.matrix(NAMES)[:40, 2] > 0
    assert 0 < with_tools.sum() < 40
    assert by_part["requests"]["tools"] == with_tools.sum()
    assert np.isclose(by_part["mape"]["tools"], np.abs(error[with_tools]).mean())
    assert by_part["requests"]["framing"] == 40
    assert set(by_part.index) <= {"framing", "messages", "tools"}
    by_repository = tables["errors_by_repository"].set_index("repository")
    for name in set(sources.tolist()):
        mine = sources == name
        assert by_repository["requests"][name] == mine.sum()
        assert np.isclose(by_repository["bias"][name], error[mine].mean())


def test_the_worst_ten_by_features() -> None:
    """They have the largest errors of all, and say what they held in numbers."""
    made = compared(left_out=True)
    worst = request_tables(made)["worst_requests"]
    error = 100 * np.abs(made.dataset.matrix(NAMES)[:40] @ WEIGHTS / made.dataset.tokens[:40] - 1)
    assert np.allclose(worst["error"].abs(), np.sort(error)[::-1][:10])
    first = worst.iloc[0]
    row = list(made.dataset.ids).index(first["id"])
    user = made.dataset.features["text_user"][row]
    assert f"text_user {user:.4g}" in first["features"]


def test_without_repositories_left_out_it_is_the_test_records() -> None:
    """A random split of one repository has none: then the test records show the errors."""
    tables = request_tables(compared(left_out=False))
    assert tables["errors_by_repository"]["requests"].sum() == 10
    titles = [table.title for table in shown_tables(tables)]
    assert titles == ["Errors by part", "Errors by repository", "The ten worst requests"]
    assert shown_tables({"errors_by_size": pd.DataFrame()}) == []
