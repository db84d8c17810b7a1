"""JSON Lines of a validated model: read, refused with file, line, field and mend, written whole."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from token_approx.errors import InputError
from token_approx.files import write_whole

Validated = TypeVar("Validated", bound=BaseModel)

MENDS = {
    "missing": "add it",
    "extra_forbidden": "remove it: the documented fields alone may stand here, in a record never a text",
    "int_type": "write a whole number without quotes",
    "float_type": "write a number without quotes",
    "string_type": "write a string in quotes",
    "dict_type": "write an object {name: number}",
    "finite_number": "write a finite number",
    "string_pattern_mismatch": "use letters, digits and underscores, starting with no digit",
    "greater_than_equal": "measure the sample again or remove the line",
}


def read_bytes(path: Path, what: str) -> bytes:
    """Return a file's content without a byte order mark.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise InputError(
            f"{path}: cannot read {what} ({error.strerror or error}): give the path of a JSON Lines file"
        ) from error


def parse_object(line: bytes, path: Path, number: int) -> dict[str, Any]:
    """Return the JSON object that a line holds.

    Raises:
        InputError: the line holds none, or a number that is not finite.
    """
    try:
        fields = json.loads(line, parse_constant=_not_finite)
    except (ValueError, RecursionError) as error:
        refuse(path, number, "", f"is no JSON ({error})", "write one JSON object per line")
    if not isinstance(fields, dict):
        refuse(path, number, "", f"is {_shown(fields)}, no object", "write one JSON object per line")
    return fields


def validate(model: type[Validated], fields: Mapping[str, Any], path: Path, number: int) -> Validated:
    """Return the fields as the model.

    Raises:
        InputError: a field is wrong; the message names file, line, field, what was found and the mend.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first: Mapping[str, Any] = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"] if part != "[key]")
        found = "is missing" if first["type"] == "missing" else f"is {_shown(first['input'])}"
        mend = MENDS.get(first["type"], first["msg"][:1].lower() + first["msg"][1:])
        refuse(path, number, field, found, mend)


def refuse(path: Path, number: int, field: str, found: str, mend: str) -> NoReturn:
    """Raise the InputError for a field of a line (number from 1); an empty field means the whole line."""
    where = f"{path}:{number}: " + (f"field {field!r} " if field else "")
    raise InputError(f"{where}{found}: {mend}")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines, which bring their line ends, whole, never a part.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        write_whole(path, "".join(lines).encode())
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}): give another file"
        ) from error


def _not_finite(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a finite number")


def _shown(value: object, width: int = 40) -> str:
    # Only the kind and a short head, on one line: an unexpected field may hold somebody's text.
    text = repr(value) if isinstance(value, int | float | None) else type(value).__name__
    return text if len(text) <= width else text[:width] + "…"
