"""model_coefs.json is valid, complete, and gives scikit-learn's predictions without scikit-learn."""

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from token_approx.errors import InputError
from token_approx.estimator.estimator import Estimator, rounded
from token_approx.fitting.candidates import Model
from token_approx.fitting.comparison import Comparison, compare
from token_approx.fitting.cross_validation import ComparisonSettings
from token_approx.fitting.dataset import read_dataset
from token_approx.fitting.feature_sets import exactly
from token_approx.fitting.search import Grid
from token_approx.fitting.selection import SelectionRule
from token_approx.fitting.splits import random_split
from token_approx.lifecycle.contract import schema_text, write_json
from token_approx.lifecycle.export import model_coefs
from token_approx.reporting.report import report
from token_approx.text.counts import count

PROVENANCE = {
    "run_id": "r",
    "registered_model": None,
    "registered_version": None,
    "git_commit": None,
    "time": "2026-01-01T00:00:00+00:00",
}
SETTINGS = ComparisonSettings(
    grouped=False, folds=4, repeats=1, curve_sizes=2, curve_repeats=1, resamples=20, seed=1
)
FEATURES = ["bytes", "words", "lines"]


def export(compared: Comparison) -> dict[str, Any]:
    """Return what the main job would write."""
    reported = report(compared, SETTINGS, None, "unseen_source")
    return model_coefs(compared, reported, "one-user-message", PROVENANCE)


@pytest.fixture
def compared(make_records: Callable[..., Path], ols: Model) -> Comparison:
    """Return a comparison with one candidate."""
    return compare(
        read_dataset("d", str(make_records(60))),
        partial(random_split, test_size=0.2, seed=1),
        {"three": partial(exactly, names=FEATURES)},
        {"ols": ols},
        Grid(workers=1),
        SETTINGS,
        SelectionRule(["ols"]),
    )


def test_coefficients_reproduce_scikit_learn(compared: Comparison, tmp_path: Path) -> None:
    """The exported file, read back, gives what a LinearRegression on the same records predicts, to 1e-9."""
    path = tmp_path / "model_coefs.json"
    write_json(
        path,
        model_coefs(
            compared, report(compared, SETTINGS, None, "unseen_source"), "one-user-message", PROVENANCE
        ),
    )
    dataset = compared.dataset
    peer = LinearRegression().fit(dataset.matrix(FEATURES, compared.train), dataset.tokens[compared.train])
    estimator = Estimator.load(path)
    rows = dataset.matrix(FEATURES)
    sums = [estimator.linear_sum(dict(zip(FEATURES, row, strict=True))) for row in rows]
    np.testing.assert_allclose(sums, peer.predict(dataset.matrix(FEATURES)), rtol=1e-9)


def test_the_original_reader_s_fields_are_there(compared: Comparison) -> None:
    """A reader of the published experiment's export finds what it needs, and our additions are valid."""
    content = model_coefs(
        compared, report(compared, SETTINGS, None, "unseen_source"), "one-user-message", PROVENANCE
    )
    assert content["type"] == "linear"
    assert content["model"] == "made-up"
    assert content["feature_set"] == FEATURES
    assert {f"w_{name}" for name in FEATURES} <= set(content)
    assert (
        content["provenance"]["records_sha256"]
        == hashlib.sha256(compared.dataset.path.read_bytes()).hexdigest()
    )
    changes: list[dict[str, object]] = [{"extra": 1}, {"w0": "1"}, {"schema_version": 3}, {"feature_set": []}]
    for broken in changes:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(content | broken, json.loads(schema_text()))


def test_the_domain_is_the_training_records_range(compared: Comparison) -> None:
    """The domain spans the training records, not the test's."""
    content = export(compared)
    size = compared.dataset.features["bytes"].to_numpy()
    assert content["domain"]["bytes"] == [size[compared.train].min(), size[compared.train].max()]
    ratio = (size / compared.dataset.features["words"].to_numpy())[compared.train]
    assert content["domain"]["bytes/words"] == [ratio.min(), ratio.max()]


def test_committed_results_are_valid(root: Path) -> None:
    """What is committed in output/ follows the package's schema."""
    committed = sorted((root / "output").glob("**/model_coefs.json"))
    assert len(committed) > 1
    for path in committed:
        jsonschema.validate(json.loads(path.read_text()), json.loads(schema_text()))


def test_an_export_of_the_original_loads(tmp_path: Path) -> None:
    """The published coefficients, in their own format, estimate a text."""
    path = tmp_path / "original.json"
    content = {"type": "linear", "w0": -4001.201841273387, "model": "claude-3-7-sonnet-latest",
               "scope": "en-long-one-turn", "estimator": "OLS_best_subset", "feature_set": ["bytes", "words"],
               "w_bytes": 0.5758117480861196, "w_words": -1.1822491809479783}  # fmt: skip
    path.write_text(json.dumps(content))
    text = "It was the best of times. " * 1000
    counts = count(text)
    expected = -4001.201841273387 + 0.5758117480861196 * counts.bytes - 1.1822491809479783 * counts.words
    assert Estimator.load(path).estimate(text) == round(expected)
    assert Estimator.load(path).estimate("") == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{", "is not a valid model_coefs.json"),
        ("[]", "is not a valid model_coefs.json"),
        ('{"model": "m", "feature_set": ["bytes"]}', "field 'w_bytes' is missing"),
        (
            '{"feature_set": ["bytes"], "w_bytes": "x", "model": "m", "w0": 0}',
            "is not a valid model_coefs.json",
        ),
    ],
)
def test_bad_coefficient_files(tmp_path: Path, content: str | None, message: str) -> None:
    """A file that is no export is refused with its name and the mend."""
    path = tmp_path / "coefs.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message) as refused:
        Estimator.load(path)
    assert "coefs.json" in str(refused.value)


@pytest.mark.parametrize(
    ("linear_sum", "tokens"), [(0.49, 0), (0.5, 1), (1.5, 2), (2.5, 3), (-3.0, 0), (-0.5, 0)]
)
def test_rounding(linear_sum: float, tokens: int) -> None:
    """Halves go up and nothing is below zero: no language's own rounding rule."""
    assert rounded(linear_sum) == tokens
