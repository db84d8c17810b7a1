"""What a model_coefs.json must hold to be used: a damaged number there would let every text fit."""

import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

KNOWN_VERSIONS = (1, 2)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# No weight, factor or number of tokens is near these. Beyond them an estimate would not fit 64 bits.
LARGEST_WEIGHT = 1e9
LARGEST_TOKENS = 2.0**53
# What file systems allow of a file's name, in bytes.
LONGEST_NAME = 255
LONGEST_REASON = 10_000


def check_coefs(content: object) -> dict[str, Any]:
    """Return what a model_coefs.json holds, if it can be used.

    A file of the original experiment has neither a version nor tables, bounds or a domain.

    Raises:
        KeyError: a field is missing.
        ValueError: a field holds something else than it should; the message is a clause about it.
    """
    if not isinstance(content, dict):
        _refuse("the content", content, "a JSON object")
    if content.get("schema_version", 1) not in KNOWN_VERSIONS:
        version = content["schema_version"]
        raise ValueError(f"schema_version is {version!r:.40}, and this release reads {KNOWN_VERSIONS}")
    _check_text("model", content["model"])
    _check_features(content)
    _check_number("w0", content["w0"])
    for field in ("counts_of", "scope"):
        if content.get(field) is not None:
            _check_text(field, content[field])
    for name, entry in _object(content, "tables").items():
        _check_text(f"tables.{name}.file", entry["file"])
    for field, least in (("upper_bound", math.ulp(0.0)), ("lower_bound", 0.0)):
        entries = content.get(field, [])
        if not isinstance(entries, list):
            _refuse(field, entries, "a list")
        for place, entry in enumerate(entries):
            _check_bound(f"{field}[{place}]", entry, least)
    _check_byte_bound(content)
    _check_kinds(content.get("kinds_without_bound", []))
    for name, limits in _object(content, "domain").items():
        _check_range(f"domain.{name}", limits)
    return content


def _check_features(content: Mapping[str, Any]) -> None:
    names = content["feature_set"]
    if not isinstance(names, list) or not names:
        _refuse("feature_set", names, "a list of at least one feature")
    for name in names:
        if not isinstance(name, str) or not NAME.fullmatch(name) or names.count(name) > 1:
            _refuse("feature_set", name, "a list of different names of letters, digits and underscores")
        _check_number(f"w_{name}", content[f"w_{name}"], LARGEST_WEIGHT)


def _check_bound(field: str, entry: Mapping[str, Any], least_factor: float) -> None:
    _check_number(f"{field}.confidence", entry["confidence"])
    if not 0 < entry["confidence"] < 1:
        _refuse(f"{field}.confidence", entry["confidence"], "between 0 and 1")
    _check_number(f"{field}.factor", entry["factor"], LARGEST_WEIGHT)
    if entry["factor"] < least_factor:
        _refuse(f"{field}.factor", entry["factor"], "a positive number")
    _check_number(f"{field}.offset", entry["offset"])
    _check_number(f"{field}.from", entry["from"])
    if entry["to"] is not None:
        _check_number(f"{field}.to", entry["to"])
        if entry["to"] <= entry["from"]:
            _refuse(f"{field}.to", entry["to"], f"more than its from, {entry['from']}")


def _check_byte_bound(content: Mapping[str, Any]) -> None:
    if content.get("byte_bound") is None:
        return
    entry = _object(content, "byte_bound")
    for field, least in (("factor", math.ulp(0.0)), ("offset", 0.0)):
        _check_number(f"byte_bound.{field}", entry[field])
        if entry[field] < least:
            _refuse(
                f"byte_bound.{field}",
                entry[field],
                "a positive number" if least else "a number of at least 0",
            )
    _check_text("byte_bound.reason", entry["reason"], LONGEST_REASON)


def _check_kinds(kinds: object) -> None:
    if not isinstance(kinds, list):
        _refuse("kinds_without_bound", kinds, "a list")
    for kind in kinds:
        _check_text("kinds_without_bound", kind)


def _check_range(field: str, limits: object) -> None:
    if not isinstance(limits, list) or len(limits) != 2:  # noqa: PLR2004 - the least and the most
        _refuse(field, limits, "a list of two numbers")
    for limit in limits:
        _check_number(field, limit)
    if limits[0] > limits[1]:
        _refuse(field, limits, "a list of the smaller and the larger number")


def _check_number(field: str, value: object, largest: float = LARGEST_TOKENS) -> None:
    # Not by float(): an int of 400 digits has none.
    if not isinstance(value, int | float) or isinstance(value, bool) or not -largest <= value <= largest:
        _refuse(field, value, f"a number of a size up to {largest:g}")


def _check_text(field: str, value: object, longest: int = LONGEST_NAME) -> None:
    if not isinstance(value, str) or not value:
        _refuse(field, value, "a text")
    try:
        length = len(value.encode())
    except UnicodeEncodeError:
        _refuse(field, value, "a text without half a surrogate pair")
    if "\0" in value or length > longest:
        _refuse(field, value, f"a text of at most {longest} bytes without NUL")


def _object(content: Mapping[str, Any], field: str) -> dict[str, Any]:
    value = content.get(field, {})
    if not isinstance(value, dict):
        _refuse(field, value, "a JSON object")
    for name in value:
        _check_text(field, name)
    return value


def _refuse(field: str, value: object, wanted: str) -> NoReturn:
    found = ascii(value) if isinstance(value, int | float | str | None) else type(value).__name__
    raise ValueError(f"{field} is {found if len(found) <= 40 else found[:40] + '...'}, not {wanted}")  # noqa: PLR2004
