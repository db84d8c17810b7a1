"""A model_coefs.json that would answer nonsense is refused with one error, whatever is wrong in it."""

import json
from pathlib import Path
from typing import Any

import pytest

from token_approx import Estimator, InputError
from token_approx.lifecycle.pull import pull
from token_approx.text.ngrams import NgramTable

BOUND: dict[str, Any] = {"confidence": 0.95, "factor": 1.1, "offset": 0, "from": 0, "to": None}
SOUND: dict[str, Any] = {
    "schema_version": 1,
    "type": "linear",
    "model": "m",
    "feature_set": ["bytes"],
    "w0": 3.0,
    "w_bytes": 0.25,
    "upper_bound": [BOUND],
    "lower_bound": [BOUND | {"factor": 0.9}],
    "domain": {"bytes": [1, 1000]},
}
HUGE = int("9" * 400)
CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"w_bytes": float("nan")}, "w_bytes is nan"),
    ({"w_bytes": float("inf")}, "w_bytes is inf"),
    ({"w_bytes": HUGE}, "w_bytes is 9999"),
    ({"w_bytes": "0.25"}, "w_bytes is '0.25', not a number"),
    ({"w_bytes": True}, "w_bytes is True"),
    ({"w0": float("nan")}, "w0 is nan"),
    ({"w0": -HUGE}, "w0 is -9999"),
    ({"schema_version": 99}, "schema_version is 99"),
    ({"schema_version": "1"}, "schema_version is '1'"),
    ({"feature_set": []}, "feature_set is list, not a list of at least one"),
    ({"feature_set": "bytes"}, "feature_set is 'bytes'"),
    ({"feature_set": ["bytes", "bytes"]}, "feature_set is 'bytes', not a list of different names"),
    ({"feature_set": ["by\0tes"]}, "feature_set is"),
    ({"upper_bound": [BOUND | {"factor": -1.1}]}, r"upper_bound\[0\].factor is -1.1"),
    ({"upper_bound": [BOUND | {"factor": 0}]}, r"upper_bound\[0\].factor is 0"),
    ({"upper_bound": [BOUND | {"offset": float("-inf")}]}, r"upper_bound\[0\].offset is -inf"),
    ({"lower_bound": [BOUND | {"confidence": 95}]}, r"lower_bound\[0\].confidence is 95"),
    ({"lower_bound": [BOUND | {"from": 9, "to": 3}]}, r"lower_bound\[0\].to is 3, not more than its from, 9"),
    ({"upper_bound": {"a": 1}}, "upper_bound is dict, not a list"),
    ({"domain": {"bytes": [float("nan"), 1]}}, "domain.bytes is nan"),
    ({"domain": {"bytes": [2, 1]}}, "domain.bytes is list, not a list of the smaller"),
    ({"domain": {"bytes": 2}}, "domain.bytes is 2, not a list of two"),
    ({"model": "a\0b"}, "model is"),
    ({"model": "\ud800"}, "model is .* without half a surrogate pair"),
    ({"model": ""}, "model is ''"),
    ({"tables": {"ngram_x": {"file": "a\0.json", "sha256": ""}}}, "tables.ngram_x.file is"),
    ({"tables": {"ngram_x": {"file": "a" * 300, "sha256": ""}}}, "tables.ngram_x.file is"),
    ({"tables": {"ngram_x": {"file": "\udcff.json", "sha256": ""}}}, "tables.ngram_x.file is"),
    ({"kinds_without_bound": "tools"}, "kinds_without_bound is 'tools', not a list"),
    ({"kinds_without_bound": [1]}, "kinds_without_bound is 1, not a text"),
    ({"tables": [1]}, "tables is list, not a JSON object"),
]


def write(folder: Path, text: str) -> Path:
    """Write a model_coefs.json."""
    path = folder / "model_coefs.json"
    path.write_text(text)
    return path


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    """What the changes below are made to is itself accepted, with the version and without."""
    for content in (SOUND, {name: SOUND[name] for name in ("model", "feature_set", "w0", "w_bytes")}):
        assert Estimator.load(write(tmp_path, json.dumps(content))).estimate("abcd") == 4


@pytest.mark.parametrize(("change", "message"), CHANGES, ids=[message for _, message in CHANGES])
def test_what_is_not_sound_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    """Numbers that are not finite or not sane, unknown versions and names that no file can have: one line."""
    path = write(tmp_path, json.dumps(SOUND | change))
    with pytest.raises(InputError, match=message) as refused:
        Estimator.load(path)
    assert str(refused.value).startswith(f"{path} is not a valid model_coefs.json: ")
    str(refused.value).encode()
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < len(str(path)) + 250


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * 200_000,
        "[" * 200_000,
        '{"w0": ' + "9" * 5000 + "}",
        "\xff\xfe{\0}\0",
    ],
)
def test_no_text_ends_in_a_traceback(text: str, tmp_path: Path) -> None:
    """Deep nesting, numbers beyond what Python reads, and another encoding."""
    with pytest.raises(InputError, match=r"is not a valid model_coefs\.json"):
        Estimator.load(write(tmp_path, text))


@pytest.mark.parametrize("name", ["a" * 300, "a/" * 3000, "a\0b"])
def test_paths_that_no_file_has(name: str, tmp_path: Path) -> None:
    """A path that is too long, or holds a NUL, is the one error, of a model, a table and a pull alike."""
    for load in (Estimator.load, NgramTable.load):
        with pytest.raises(InputError, match=r"cannot be read|is not a valid"):
            load(tmp_path / name)
    with pytest.raises(InputError):
        pull(f"models:/{name}/1", tmp_path)


def test_estimators_are_hashable() -> None:
    """Two loads of one model share a place in a dictionary's order; other models do not."""
    first, second = Estimator.for_model("claude_3"), Estimator.for_model("o200k_base")
    assert {first: 1, second: 2}[second] == 2
    assert hash(first) == hash(Estimator.for_model("claude_3")) != hash(second)
