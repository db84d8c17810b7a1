"""Records: one labelled measurement per line of JSON, validated on the way in, without any text."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from token_approx.errors import InputError
from token_approx.preparing.json_lines import parse_object, read_bytes, refuse, validate, write_lines

FeatureName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
FeatureValue = Annotated[float, Field(allow_inf_nan=False)]
# A cost under an n-gram table may be slightly below 0 for a few odd bytes; a count may not.
MAY_BE_NEGATIVE = "ngram_"
NonEmpty = Annotated[str, Field(min_length=1)]
# Beyond 2^53 a count is no longer exact in double precision, and no text is that long.
TokenCount = Annotated[int, Field(ge=0, le=2**53)]


class Record(BaseModel):
    """One labelled sample: its features (name to number >= 0), the tokens counted, where it came from.

    `counter` is what counted, `counts_of` what the count is of (`one-user-message`, `text`, `as-logged`);
    `framing` tells whether the tokens that frame a message were kept in the count or subtracted from it,
    and `framing_tokens` how many were subtracted.
    """

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
    counter: str | None = None
    counts_of: str | None = None
    framing: str | None = None
    framing_tokens: TokenCount | None = None


# A sample's white space may be nothing to a provider; more than this no tokenizer makes no token of.
MOST_BYTES_OF_NOTHING = 64


def read_records(path: Path) -> list[Record]:
    """Read and validate a records file (JSON Lines); blank lines are skipped.

    Records of the original experiment, which have a `source_path` and no `source`, get as source the
    file name up to its part number.

    Raises:
        InputError: the file cannot be read, holds no record, or has a line that is not a valid record or
            repeats an id; the message names file, line, field, what was found and how to correct it.
    """
    records = parse_records(read_bytes(path, "records"), path)
    if not records:
        raise InputError(f"{path} holds no records. Label some samples first, or give another file.")
    return records


def parse_records(data: bytes, path: Path) -> list[Record]:
    """Return the records in a records file's content, which may hold none; `path` is for the messages.

    Raises:
        InputError: as `read_records`.
    """
    records: list[Record] = []
    line_of_id: dict[str, int] = {}
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        record = _parse(line, path, number)
        if record.id in line_of_id:
            refuse(
                path,
                number,
                "id",
                f"is {record.id!r}, as on line {line_of_id[record.id]}",
                "Give every record its own id, or remove one of the two.",
            )
        line_of_id[record.id] = number
        records.append(record)
    return records


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write records whole, one JSON object per line, by a temporary file renamed into place."""
    write_lines(path, (record_line(record) for record in records))


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
    fields = parse_object(line, path, number)
    if "source" not in fields and isinstance(fields.get("source_path"), str):
        fields["source"] = source_of_path(fields["source_path"])
    if "scope" in fields and "counts_of" not in fields:  # as earlier versions wrote it
        fields["counts_of"] = fields.pop("scope")
    record = validate(Record, fields, path, number)
    measured = record.features.get("bytes", 0)
    if not record.input_tokens and measured > MOST_BYTES_OF_NOTHING:
        found = f"is 0, of a sample of {measured:.0f} bytes"
        refuse(path, number, "input_tokens", found, "Count the sample again, or remove the line.")
    for name, value in record.features.items():
        if value < 0 and not name.startswith(MAY_BE_NEGATIVE):
            refuse(
                path,
                number,
                f"features.{name}",
                f"is {value:g}",
                "Measure the sample again, or remove the line.",
            )
    runes, length = record.features.get("runes", 0), record.features.get("bytes")
    if length is not None and runes > length:
        refuse(
            path,
            number,
            "features.runes",
            f"is {runes:g}, more than the {length:g} bytes",
            "A code point has at least one byte: count again.",
        )
    return record
