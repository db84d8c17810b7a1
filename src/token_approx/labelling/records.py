"""Records: one labelled measurement per line of JSON, validated on the way in, without any text."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from token_approx.errors import InputError
from token_approx.files import write_whole

FeatureName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
FeatureValue = Annotated[float, Field(ge=0, allow_inf_nan=False)]
NonEmpty = Annotated[str, Field(min_length=1)]
# Beyond 2^53 a count is no longer exact in double precision, and no text is that long.
TokenCount = Annotated[int, Field(ge=0, le=2**53)]

MENDS = {
    "missing": "add it",
    "extra_forbidden": "remove it: a record holds these fields alone, and never a text",
    "int_type": "write a whole number without quotes",
    "float_type": "write a number without quotes",
    "string_type": "write a string in quotes",
    "dict_type": "write an object {name: number}",
    "finite_number": "write a finite number",
    "string_pattern_mismatch": "use letters, digits and underscores, starting with no digit",
    "greater_than_equal": "measure the sample again or remove the line",
}


class Record(BaseModel):
    """One labelled sample: its features (name to number >= 0), the tokens counted, where it came from."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: NonEmpty
    model: NonEmpty
    input_tokens: TokenCount
    features: Annotated[dict[FeatureName, FeatureValue], Field(min_length=1)]
    source: NonEmpty
    source_path: str | None = None
    category: str | None = None
    lang: str | None = None
    note: str | None = None


def read_records(path: Path) -> list[Record]:
    """Read and validate a records file (JSON Lines); blank lines are skipped.

    Records of the original experiment, which have a `source_path` and no `source`, get as source the
    file name up to its part number.

    Raises:
        InputError: the file cannot be read, holds no record, or has a line that is no valid record or
            repeats an id; the message names file, line, field, what was found and the mend.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot read records ({error.strerror or error}): give the path of a JSON Lines file"
        ) from error
    records: list[Record] = []
    line_of_id: dict[str, int] = {}
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        record = _parse(line, path, number)
        if record.id in line_of_id:
            _refuse(
                path,
                number,
                "id",
                f"{record.id!r} stands on line {line_of_id[record.id]} too",
                "give every record its own id, or remove one of the two",
            )
        line_of_id[record.id] = number
        records.append(record)
    if not records:
        raise InputError(f"{path}: holds no records: label some samples first, or give another file")
    return records


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write records whole, one JSON object per line, never a part."""
    write_whole(path, "".join(record_line(record) for record in records).encode())


def record_line(record: Record) -> str:
    """Return the record as one line of JSON; whole numbers are written without a fraction."""
    fields = record.model_dump(exclude_none=True)
    fields["features"] = {
        name: int(value) if value.is_integer() else value for name, value in record.features.items()
    }
    return json.dumps(fields, ensure_ascii=False, allow_nan=False) + "\n"


def source_of_path(source_path: str) -> str:
    """Return the source that a numbered sample file was cut from, by its name.

    >>> source_of_path("samples/oliver-twist_gberg_part_001.txt")
    'oliver-twist_gberg'
    """
    stem = re.split(r"[\\/]", source_path)[-1].rsplit(".", 1)[0]
    return re.sub(r"[-_ ]*(part|sample)?[-_ ]*\d+$", "", stem) or stem


def _parse(line: bytes, path: Path, number: int) -> Record:
    try:
        fields = json.loads(line, parse_constant=_not_finite)
    except (ValueError, RecursionError) as error:
        _refuse(path, number, "", f"is no JSON ({error})", "write one JSON object per line")
    if not isinstance(fields, dict):
        _refuse(path, number, "", f"is {_shown(fields)}, no object", "write one JSON object per line")
    if "source" not in fields and isinstance(fields.get("source_path"), str):
        fields["source"] = source_of_path(fields["source_path"])
    try:
        record = Record.model_validate(fields)
    except ValidationError as error:
        first: Mapping[str, Any] = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"] if part != "[key]")
        found = "is missing" if first["type"] == "missing" else f"is {_shown(first['input'])}"
        mend = MENDS.get(first["type"], first["msg"][:1].lower() + first["msg"][1:])
        _refuse(path, number, field, found, mend)
    runes, length = record.features.get("runes", 0), record.features.get("bytes")
    if length is not None and runes > length:
        _refuse(
            path,
            number,
            "features.runes",
            f"is {runes:g}, more than the {length:g} bytes",
            "count again: a code point has at least one byte",
        )
    return record


def _refuse(path: Path, number: int, field: str, found: str, mend: str) -> NoReturn:
    where = f"{path}:{number}: " + (f"field {field!r} " if field else "")
    raise InputError(f"{where}{found}: {mend}")


def _not_finite(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a finite number")


def _shown(value: object, width: int = 40) -> str:
    # Only the kind and a short head, on one line: an unexpected field may hold somebody's text.
    text = repr(value) if isinstance(value, int | float | None) else type(value).__name__
    return text if len(text) <= width else text[:width] + "…"
