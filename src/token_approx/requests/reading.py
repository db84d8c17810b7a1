"""A request's body as plain JSON values, from a dict, JSON text or the SDKs' own objects."""

import json
from collections.abc import Mapping

from ..errors import InputError
from .json_value import Json

# JSON deeper than this is no request; Python's own limit is near.
DEEPEST = 200
# What JSON is made of; of other types, subclasses among them, a copy of plain values is made.
_PLAIN = frozenset((str, int, float, bool, type(None), dict, list))
# Values of one level up to which they are looked at together: lists that hold each other have no end of them.
_MOST_OF_A_LEVEL = 1_000_000


def plain(body: Json) -> dict[str, Json]:
    """Return a request's body as a dict of plain JSON values (and raw bytes, where an SDK takes them).

    `body` is a mapping, JSON as text or bytes, or an object with `model_dump`; such objects may be anywhere
    within it, as where an answer's blocks are sent back. A dict of plain values alone is returned as it is.

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
    found = body if type(body) is dict and _is_plain(body) else _plain(body, 0)
    if not isinstance(found, dict):
        raise InputError(
            f"the request is of type {type(body).__name__}. Give the body that is sent, a JSON object."
        )
    return found


def _is_plain(body: dict[str, Json]) -> bool:
    """Say whether a body is what JSON gives, and no deeper than a request, in a third of a copy's time."""
    level: list[Json] = [body]
    for _ in range(DEEPEST + 1):
        if sum(map(len, level)) > _MOST_OF_A_LEVEL:
            return False
        names: set[Json] = set()
        values: list[Json] = []
        for holder in level:
            if type(holder) is dict:
                names.update(holder)
                values += holder.values()
            else:
                values += holder
        others = [value for value in values if type(value) is not str]
        kinds = set(map(type, others))
        if not _PLAIN.issuperset(kinds) or not {str}.issuperset(map(type, names)):
            return False
        level = [value for value in others if type(value) is dict or type(value) is list]
        if not level:
            return True
    return False


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
