"""Record files load whole or are refused with file, line, field and mend; nothing else is raised."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from token_approx.errors import InputError
from token_approx.labelling.records import Record, read_records, record_line, source_of_path, write_records

GOOD: dict[str, Any] = {
    "id": "a-1",
    "model": "m",
    "input_tokens": 12,
    "features": {"bytes": 40, "runes": 40, "words": 8, "lines": 1},
    "source": "a",
}
ORIGINAL = {
    "id": "rec-1",
    "model": "m",
    "input_tokens": 12,
    "features": {"bytes": 40, "runes": 40, "words": 8, "lines": 1},
    "source_path": "input/samples/some-book_part_001.txt",
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def load(tmp_path: Path, *lines: object) -> list[Record]:
    """Write lines (strings as they are, others as JSON) to a file and read it."""
    path = tmp_path / "r.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return read_records(path)


def test_round_trip(tmp_path: Path) -> None:
    """What is written is read again, and a second writing gives the same bytes."""
    records = load(tmp_path, GOOD, GOOD | {"id": "é", "lang": "fr", "features": {"x": 0.25}})
    write_records(tmp_path / "out.jsonl", records)
    assert read_records(tmp_path / "out.jsonl") == records
    assert (tmp_path / "out.jsonl").read_text() == "".join(map(record_line, records))


def test_the_original_format_loads(tmp_path: Path) -> None:
    """A record of the original experiment has no source: it is the file's name up to the part number."""
    assert load(tmp_path, ORIGINAL)[0].source == "some-book"


@pytest.mark.parametrize(
    ("path", "source"),
    [("a/b_part_012.txt", "b"), ("a\\c-sample-3.txt", "c"), ("007.txt", "007"), ("notes.md", "notes")],
)
def test_source_of_path(path: str, source: str) -> None:
    """Part numbers are no part of a source, and a source is never empty."""
    assert source_of_path(path) == source


@pytest.mark.parametrize(
    ("change", "field", "mend"),
    [
        ({"input_tokens": "12"}, "input_tokens", "without quotes"),
        ({"input_tokens": True}, "input_tokens", "whole number"),
        ({"input_tokens": -1}, "input_tokens", "Measure the sample again"),
        ({"input_tokens": 0, "features": {"bytes": 5105}}, "input_tokens", "is 0, of a sample of 5105 bytes"),
        ({"input_tokens": 1.5}, "input_tokens", "whole number"),
        ({"features": {"bytes": -1}}, "features.bytes", "Measure"),
        ({"features": {"bytes": 10, "runes": 11}}, "features.runes", "count again"),
        ({"features": {}}, "features", "at least 1"),
        ({"features": {"a b": 1}}, "features.a b", "letters"),
        ({"features": [1]}, "features", "object"),
        ({"id": ""}, "id", "at least 1"),
        ({"text": "secret words"}, "text", "never holds a text"),
        ({"source": None}, "source", "quotes"),
    ],
)
def test_a_bad_field_is_named(tmp_path: Path, change: dict[str, Any], field: str, mend: str) -> None:
    """The message has file, line, field and mend, on one line, and never a value that may be a text."""
    with pytest.raises(InputError) as refused:
        load(tmp_path, GOOD, GOOD | {"id": "a-2"} | change)
    message = str(refused.value)
    assert "r.jsonl:2:" in message
    assert f"'{field}'" in message
    assert mend in message
    assert "secret" not in message
    assert "\n" not in message


@pytest.mark.parametrize("line", ["{", "[1]", "null", '{"id": NaN}', "[" * 100_000, "1" * 5000])
def test_a_line_that_is_no_object(tmp_path: Path, line: str) -> None:
    """A line that is no JSON object is refused by its number."""
    with pytest.raises(InputError, match=r"r\.jsonl:2: "):
        load(tmp_path, GOOD, line)


def test_a_missing_field_a_duplicate_and_an_empty_file(tmp_path: Path) -> None:
    """Missing fields and both lines of a duplicate are named; no records at all is an error too."""
    with pytest.raises(InputError, match=r"field 'model' is missing. Add it"):
        load(tmp_path, {key: value for key, value in GOOD.items() if key != "model"})
    with pytest.raises(InputError, match=r"r\.jsonl:3: the field 'id' is 'a-1', as on line 1"):
        load(tmp_path, GOOD, "", GOOD)
    with pytest.raises(InputError, match="holds no records"):
        load(tmp_path, "")
    with pytest.raises(InputError, match="cannot be read"):
        read_records(tmp_path / "none.jsonl")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.binary(max_size=60)
    | json_values.map(lambda v: json.dumps(v).encode())
    | st.dictionaries(st.sampled_from([*GOOD, "source_path", "lang"]), json_values)
    .map(lambda change: json.dumps(GOOD | change).encode())
)  # fmt: skip
def test_fuzzed_lines_load_or_are_refused(tmp_path: Path, line: bytes) -> None:
    """Whatever a line holds, reading ends with records or with the documented error."""
    path = tmp_path / "fuzz.jsonl"
    path.write_bytes(line)
    with suppress(InputError):
        assert read_records(path)
