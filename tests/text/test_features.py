"""The one place where features are computed gives every feature, as numbers a record accepts."""

from token_approx.labelling.records import Record
from token_approx.text.features import features


def test_features_fit_into_a_record() -> None:
    """Names and values are a record's, the same for a string and its bytes, and defined for no text."""
    text = "naïve café\n東京"
    assert features(text) == features(text.encode()) == {"bytes": 19, "runes": 13, "words": 3, "lines": 2}
    assert set(features("").values()) == {0.0}
    record = Record(id="x", model="m", input_tokens=1, features=features(text), source="s")
    assert record.features == features(text)
