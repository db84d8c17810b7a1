"""The published experiment comes out to the last digit that was published."""

from pathlib import Path

import pytest

from token_approx.fitting.candidates import Candidate, Model, fit
from token_approx.fitting.dataset import Dataset, read_dataset
from token_approx.fitting.metrics import metrics
from token_approx.fitting.splits import original_split


@pytest.fixture
def oliver_twist(root: Path) -> Dataset:
    """Return the original experiment's 25 records."""
    return read_dataset("oliver-twist", str(root / "output/records.jsonl"), sources=["oliver-twist"])


@pytest.mark.parametrize(
    ("features", "mae", "p95", "intercept"),
    [
        (("bytes",), 154.600783, None, -7013.629247668539),
        (("bytes", "words"), 128.641883, 265.69, -4001.201841273387),
    ],
)
def test_published_errors(
    oliver_twist: Dataset,
    ols: Model,
    features: tuple[str, ...],
    mae: float,
    p95: float | None,
    intercept: float,
) -> None:
    """Least squares on the original split has the published test MAE, p95 and intercept."""
    train, test = original_split(oliver_twist, 0.2, 42)
    fitted = fit(
        Candidate("ols", ols, "any", features),
        oliver_twist.matrix(features, train),
        oliver_twist.tokens[train],
    )
    found = metrics(oliver_twist.tokens[test], fitted.predict(oliver_twist.matrix(features, test)))
    assert found["mae"] == pytest.approx(mae, abs=1e-6)
    assert fitted.intercept == pytest.approx(intercept, rel=1e-9)
    if p95:
        assert found["p95_abs_error"] == pytest.approx(p95, abs=0.005)


def test_all_published_measurements_are_there(root: Path) -> None:
    """The 151 measurements have the published sums."""
    dataset = read_dataset("all", str(root / "output/records.jsonl"))
    assert len(dataset) == 151
    assert dataset.tokens.sum() == 1530161
    assert dataset.features.sum().to_dict() == {
        "bytes": 5557100, "runes": 5392120, "words": 940761, "lines": 116010,
    }  # fmt: skip
