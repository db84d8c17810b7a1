"""JSON Lines of a validated model: read, refused with file, line, field and remedy, written whole."""

import codecs
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from token_approx.errors import InputError
from token_approx.files import UTF_16, write_streamed

Validated = TypeVar("Validated", bound=BaseModel)

REMEDIES = {
    "missing": "Add it.",
    "extra_forbidden": "Remove it: only the documented fields may be here, and a record never holds a text.",
    "int_type": "Write a whole number without quotes.",
    "float_type": "Write a number without quotes.",
    "string_type": "Write a string in quotes.",
    "dict_type": "Write an object {name: number}.",
    "finite_number": "Write a finite number.",
    "string_pattern_mismatch": "Use letters, digits and underscores, and no digit at the start.",
    "greater_than_equal": "Measure the sample again, or remove the line.",
}


def read_bytes(path: Path, what: str) -> bytes:
    """Return a file's content without a byte order mark.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: the {what} cannot be read ({error.strerror or error}). Give a JSON Lines file."
        ) from error
    if data.startswith(UTF_16):
        raise InputError(f"{path} is UTF-16. Convert the file to UTF-8.")
    return data.removeprefix(codecs.BOM_UTF8)


def parse_object(line: bytes, path: Path, number: int) -> dict[str, Any]:
    """Return the JSON object that a line holds.

    Raises:
        InputError: the line holds none, or a number that is not finite.
    """
    try:
        fields = json.loads(line, parse_constant=_not_finite)
    except (ValueError, RecursionError) as error:
        refuse(path, number, "", f"the line is not JSON ({error})", "Write one JSON object per line.")
    if not isinstance(fields, dict):
        refuse(
            path,
            number,
            "",
            f"the line is {_shown(fields)}, not an object",
            "Write one JSON object per line.",
        )
    return fields


def validate(model: type[Validated], fields: Mapping[str, Any], path: Path, number: int) -> Validated:
    """Return the fields as the model.

    Raises:
        InputError: a field is wrong; the message names file, line and field, and how to correct it.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first: Mapping[str, Any] = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"] if part != "[key]")
        found = "is missing" if first["type"] == "missing" else f"is {_shown(first['input'])}"
        remedy = REMEDIES.get(first["type"], f"{first['msg']}.")
        refuse(path, number, field, found, remedy)


def refuse(path: Path, number: int, field: str, found: str, remedy: str) -> NoReturn:
    """Raise the InputError for a field of a line (number from 1); an empty field means the whole line."""
    where = f"{path}:{number}: " + (f"the field {field!r} " if field else "")
    raise InputError(f"{where}{found}. {remedy}")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines, which bring their line ends, whole, never a part.

    Raises:
        InputError: the file cannot be written.
    """
    write_streamed(path, (line.encode() for line in lines))


def _not_finite(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a finite number")


def _shown(value: object, width: int = 40) -> str:
    # Only the kind and a short head, on one line: an unexpected field may hold somebody's text.
    text = repr(value) if isinstance(value, int | float | None) else f"of type {type(value).__name__}"
    return text if len(text) <= width else text[:width] + "…"
