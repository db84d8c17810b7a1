"""The file format of n-gram tables: one JSON file that carries its weights, checked field by field."""

import base64
import binascii
import hashlib
import json
from itertools import pairwise
from typing import Any, NoReturn, TypedDict

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .known_ngrams import MAX_THREES_BITS, PAIR_BYTES, KnownNgrams

SCHEMA_VERSION = 1
MAX_FILE_BYTES = 1536 * 1024
# A tokenizer that keeps digits in threes loses nothing by the fold. Claude 2 merges long runs by what
# they are: unfolded, its worst category (CSV) is off by 3.6 % instead of 6.6 %.
FOLDS = ("digits", "none")
# A window of four bytes is one uint32; a longer one would lose its first bytes in the 32-bit product.
MAX_ORDER = 4
MAX_BITS = 18  # 2^18 weights of 16 bits are what the second-level cache of a current processor holds
MAX_UNIT_EXPONENT = 30

SPOILED = "The file is damaged. Fetch it again, or save the table anew."
_SHOWN = 80


class TableError(InputError):
    """An n-gram table or its file is not sound; the message names the field and how to correct it."""


class TableFields(TypedDict):
    """What a table file holds, decoded: the keyword arguments of `NgramTable`."""

    tokenizer: str
    orders: tuple[int, ...]
    bits: tuple[int, ...]
    weights: tuple[npt.NDArray[np.int16], ...]
    unit_exponent: int
    fold: str
    multiplier: int
    provenance: dict[str, Any]
    known: KnownNgrams | None


def refuse(field: str, found: object, remedy: str) -> NoReturn:
    """Raise TableError for one field."""
    shown = repr(found)
    raise TableError(f"{field} is {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '...'}. {remedy}")


def check_fields(fields: TableFields) -> None:
    """Check types, ranges and lengths; raises TableError at the first field that is wrong."""
    if not isinstance(fields["tokenizer"], str) or not fields["tokenizer"]:
        refuse("tokenizer", fields["tokenizer"], "Give the name of the tokenizer that the table imitates.")
    if fields["fold"] not in FOLDS:
        refuse("fold", fields["fold"], f"This version knows {', '.join(FOLDS)}.")
    _check_integer("multiplier", fields["multiplier"], 1, 2**32 - 1)
    _check_integer("unit_exponent", fields["unit_exponent"], 0, MAX_UNIT_EXPONENT)
    if not isinstance(fields["provenance"], dict):
        refuse("provenance", fields["provenance"], "Give an object (a dict), {} if nothing is known.")
    orders, bits, weights = fields["orders"], fields["bits"], fields["weights"]
    for place, order in enumerate(orders):
        _check_integer(f"tables[{place}].order", order, 1, MAX_ORDER)
    if not orders or any(low >= high for low, high in pairwise(orders)):
        refuse("orders", orders, "Give at least one order, ascending and without repeats.")
    if not len(orders) == len(bits) == len(weights):
        refuse("orders, bits, weights", (len(orders), len(bits), len(weights)), "Give one of each per order.")
    for place, (width, values) in enumerate(zip(bits, weights, strict=True)):
        _check_integer(f"tables[{place}].bits", width, 1, MAX_BITS)
        if values.dtype != np.int16 or values.shape != (2**width,):
            found = f"{values.dtype} of shape {values.shape}"
            refuse(
                f"tables[{place}].weights",
                found,
                f"With {width} bits it must be int16 of shape ({2**width},).",
            )
    if fields["known"] is not None:
        _check_known(fields["known"])


def parse(raw: bytes) -> TableFields:
    """Decode a table file.

    Types and names are checked here, ranges and lengths by `check_fields` (which `NgramTable` runs). Raises
    TableError for what is not JSON, a newer schema version, missing, unknown or mistyped fields, bad base64
    and weights whose SHA-256 is not the one in the file.
    """
    if len(raw) > MAX_FILE_BYTES:
        refuse(
            "the file",
            f"more than {MAX_FILE_BYTES} bytes",
            "A table file is smaller: this may be another file.",
        )
    document = read_document(raw, {"order": int, "bits": int, "weights": str})
    blobs = [_decode(place, table["weights"]) for place, table in enumerate(document["tables"])]
    return fields_of(document, blobs)


def read_document(raw: bytes, table_fields: dict[str, type]) -> dict[str, Any]:
    """Return a file's JSON object, with the right names and types; `table_fields` are those of each table."""
    try:
        document = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:
        refuse("the file", str(problem), "It must be one JSON object in UTF-8. " + SPOILED)
    if not isinstance(document, dict):
        refuse("the file", type(document).__name__, "It must hold one JSON object.")
    # The version comes first: a newer file may well have other fields, and that is then not the news.
    version = document.get("schema_version")
    if type(version) is not int or version < 1:
        refuse(
            "schema_version", version, "An n-gram table has a whole number from 1: this may be another file."
        )
    if version > SCHEMA_VERSION:
        refuse("schema_version", version, f"This version reads up to {SCHEMA_VERSION}. Upgrade token-approx.")
    wanted = {"schema_version": int, "weights_sha256": str, "tables": list, **_SCALARS}
    if _KNOWN in document:  # tables of earlier versions have none
        wanted |= {_KNOWN: dict}
    _check_names("", document, wanted)
    for place, table in enumerate(document["tables"]):
        if not isinstance(table, dict):
            refuse(f"tables[{place}]", table, "It must be an object.")
        _check_names(f"tables[{place}].", table, table_fields)
    return document


def fields_of(document: dict[str, Any], blobs: list[bytes]) -> TableFields:
    """Return a table's fields from its document and each order's weights, whose digest must be the file's."""
    digest = hashlib.sha256(b"".join(blobs)).hexdigest()
    if digest != document["weights_sha256"]:
        refuse("weights_sha256", document["weights_sha256"], f"The weights have {digest}. {SPOILED}")
    return TableFields(
        tokenizer=document["tokenizer"],
        orders=tuple(table["order"] for table in document["tables"]),
        bits=tuple(table["bits"] for table in document["tables"]),
        weights=tuple(np.frombuffer(blob, "<i2").astype(np.int16, copy=False) for blob in blobs),
        unit_exponent=document["unit_exponent"],
        fold=document["fold"],
        multiplier=document["multiplier"],
        provenance=document["provenance"],
        known=_known(document[_KNOWN]) if _KNOWN in document else None,
    )


def render(fields: TableFields) -> bytes:
    """Encode a table as its file's bytes, the same for equal fields; raises TableError past 1.5 MiB."""
    document, blobs = document_of(fields)
    for table, blob in zip(document["tables"], blobs, strict=True):
        table["weights"] = base64.b64encode(blob).decode("ascii")
    raw = to_json(document, indent=1)
    if len(raw) > MAX_FILE_BYTES:
        refuse("the file", f"{len(raw)} bytes", f"At most {MAX_FILE_BYTES} are allowed. Take fewer bits.")
    return raw


def document_of(fields: TableFields) -> tuple[dict[str, Any], list[bytes]]:
    """Return a table's JSON object without the weights, and the bytes of each order's weights."""
    blobs = [values.astype("<i2", copy=False).tobytes() for values in fields["weights"]]
    document = {
        "schema_version": SCHEMA_VERSION,
        **{name: fields[name] for name in _SCALARS},  # type: ignore[literal-required]
        **({} if fields["known"] is None else {_KNOWN: _encoded(fields["known"])}),
        "weights_sha256": hashlib.sha256(b"".join(blobs)).hexdigest(),
        "tables": [
            {"order": order, "bits": bits}
            for order, bits in zip(fields["orders"], fields["bits"], strict=True)
        ],
    }
    return document, blobs


def to_json(document: dict[str, Any], indent: int | None = None) -> bytes:
    """Return an object as JSON and a line feed; raises TableError where the provenance is not JSON."""
    try:
        return json.dumps(document, indent=indent, allow_nan=False).encode("ascii") + b"\n"
    except (TypeError, ValueError) as problem:
        refuse("provenance", str(problem), "It must hold JSON values only.")


_KNOWN = "known_ngrams"
_SCALARS: dict[str, type] = {
    "tokenizer": str,
    "fold": str,
    "multiplier": int,
    "unit_exponent": int,
    "provenance": dict,
}


def _check_integer(field: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        refuse(field, value, f"It must be a whole number from {low} to {high}.")


def _check_names(prefix: str, found: dict[str, Any], wanted: dict[str, type]) -> None:
    for name, kind in wanted.items():
        if name not in found:
            refuse(prefix + name, None, "The field is missing. " + SPOILED)
        if not isinstance(found[name], kind):
            refuse(prefix + name, found[name], f"Its type must be {kind.__name__}.")
    for name, value in found.items():
        if name not in wanted:
            refuse(prefix + name, value, "Schema version 1 has no such field. Remove it.")


def _check_known(known: KnownNgrams) -> None:
    if len(known.pairs) != PAIR_BYTES:
        refuse(
            f"{_KNOWN}.pairs",
            f"{len(known.pairs)} bytes",
            f"Give {PAIR_BYTES}, a bit for each pair of bytes.",
        )
    if len(known.threes) not in {2**bits // 8 for bits in range(3, MAX_THREES_BITS + 1)}:
        found = f"{len(known.threes)} bytes"
        refuse(f"{_KNOWN}.threes", found, f"Give a power of two, at most {2**MAX_THREES_BITS // 8}.")


def _known(content: dict[str, Any]) -> KnownNgrams:
    _check_names(f"{_KNOWN}.", content, {"pairs": str, "threes": str})
    return KnownNgrams(**{name: _base64(f"{_KNOWN}.{name}", text) for name, text in content.items()})


def _encoded(known: KnownNgrams) -> dict[str, str]:
    return {
        "pairs": base64.b64encode(known.pairs).decode("ascii"),
        "threes": base64.b64encode(known.threes).decode("ascii"),
    }


def _base64(field: str, text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as problem:
        refuse(field, str(problem), "It must be base64. " + SPOILED)


def _decode(place: int, text: str) -> bytes:
    blob = _base64(f"tables[{place}].weights", text)
    if len(blob) % 2:
        refuse(
            f"tables[{place}].weights",
            f"{len(blob)} bytes",
            "16-bit weights come in pairs of bytes. " + SPOILED,
        )
    return blob


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)
