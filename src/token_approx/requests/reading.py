"""A request's body as plain JSON values, from a dict, JSON text or the SDKs' own objects."""

import json
from collections.abc import Mapping

from ..errors import InputError
from .json_value import Json

# JSON deeper than this is no request; Python's own limit is near.
DEEPEST = 200


def plain(body: Json) -> dict[str, Json]:
    """Return a request's body as a dict of plain JSON values (and raw bytes, where an SDK takes them).

    `body` is a mapping, JSON as text or bytes, or an object with `model_dump`; such objects may be anywhere
    within it, as where an answer's blocks are sent back.

    Raises:
        InputError: it is none of these, no JSON object, or nested more deeply than any request.
    """
    if isinstance(body, str | bytes | bytearray):
        try:
            body = json.loads(body)
        except RecursionError as error:
            raise _too_deep() from error
        except ValueError as error:
            raise InputError(
                f"the request is not valid JSON ({error}). Give the body that is sent."
            ) from error
    found = _plain(body, 0)
    if not isinstance(found, dict):
        raise InputError(
            f"the request is of type {type(body).__name__}. Give the body that is sent, a JSON object."
        )
    return found


def _plain(value: Json, depth: int) -> Json:  # noqa: PLR0911 - one answer per kind of value
    kind = type(value)
    # What JSON is made of comes first: a check of an abstract class takes ten times as long.
    if kind is str or value is None or kind is int or kind is bool or kind is float:
        return value
    if depth > DEEPEST:
        raise _too_deep()
    if kind is dict:
        return {
            name if type(name) is str else str(name): _plain(inner, depth + 1)
            for name, inner in value.items()
        }
    if isinstance(value, str | int | float | bool | bytes):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner, depth + 1) for inner in value]
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if hasattr(value, "model_dump"):
        # Python's own values, not JSON's: the SDKs differ in how they write bytes.
        return _plain(value.model_dump(exclude_none=True, by_alias=True), depth + 1)
    return str(getattr(value, "value", value))


def _too_deep() -> InputError:
    return InputError(f"the request is nested more than {DEEPEST} levels deep. Give the body that is sent.")
