"""The file format of n-gram tables: one JSON file that carries its weights, checked field by field.

A file may be packed by gzip. What is packed is the same JSON, and a table's digest is that of the JSON: it is
one and the same however, and by which compressor, the file is packed.
"""

import base64
import binascii
import hashlib
import json
import zlib
from itertools import pairwise
from typing import Any, NoReturn, TypedDict

import numpy as np
import numpy.typing as npt

from ..errors import InputError

SCHEMA_VERSION = 1
MAX_FILE_BYTES = 640 * 1024
# A tokenizer that keeps digits in threes loses nothing by the fold. Claude 2 merges long runs by what
# they are: unfolded, its worst category (CSV) is off by 3.6 % instead of 6.6 %.
FOLDS = ("digits", "none")
# A window of four bytes is one uint32; a longer one would lose its first bytes in the 32-bit product.
MAX_ORDER = 4
MAX_BITS = 17  # 2^18 weights in base64 are larger than a file may be
MAX_UNIT_EXPONENT = 30

PACKED = ".gz"
_GZIP = 16 + zlib.MAX_WBITS  # as zlib names gzip's frame

_SPOILED = "the file is damaged: fetch it again or save the table anew"
_SHOWN = 80


class TableError(InputError):
    """An n-gram table or its file is not sound; the message names the field, what was found and the mend."""


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


def refuse(field: str, found: object, mend: str) -> NoReturn:
    """Raise TableError for one field."""
    shown = repr(found)
    raise TableError(f"{field}: found {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '...'}; {mend}")


def check_fields(fields: TableFields) -> None:
    """Check types, ranges and lengths; raises TableError at the first field that is wrong."""
    if not isinstance(fields["tokenizer"], str) or not fields["tokenizer"]:
        refuse("tokenizer", fields["tokenizer"], "give the name of the tokenizer that the table imitates")
    if fields["fold"] not in FOLDS:
        refuse("fold", fields["fold"], f"this version knows {', '.join(FOLDS)}")
    _check_integer("multiplier", fields["multiplier"], 1, 2**32 - 1)
    _check_integer("unit_exponent", fields["unit_exponent"], 0, MAX_UNIT_EXPONENT)
    if not isinstance(fields["provenance"], dict):
        refuse("provenance", fields["provenance"], "give an object (a dict), {} if nothing is known")
    orders, bits, weights = fields["orders"], fields["bits"], fields["weights"]
    for place, order in enumerate(orders):
        _check_integer(f"tables[{place}].order", order, 1, MAX_ORDER)
    if not orders or any(low >= high for low, high in pairwise(orders)):
        refuse("orders", orders, "give at least one order, ascending and without repeats")
    if not len(orders) == len(bits) == len(weights):
        refuse("orders, bits, weights", (len(orders), len(bits), len(weights)), "give one of each per order")
    for place, (width, values) in enumerate(zip(bits, weights, strict=True)):
        _check_integer(f"tables[{place}].bits", width, 1, MAX_BITS)
        if values.dtype != np.int16 or values.shape != (2**width,):
            found = f"{values.dtype} of shape {values.shape}"
            refuse(f"tables[{place}].weights", found, f"bits {width} need int16 of shape ({2**width},)")


def unpack(raw: bytes) -> bytes:
    """Return a table file's JSON: the bytes themselves, or what gzip packed into them.

    At most one byte more than MAX_FILE_BYTES is unpacked, so that a file cannot fill the memory. Raises
    TableError for a packed file that is damaged.
    """
    if raw[:2] != b"\x1f\x8b":
        return raw
    stream = zlib.decompressobj(_GZIP)
    try:
        unpacked = stream.decompress(raw, MAX_FILE_BYTES + 1)
    except zlib.error as problem:
        refuse("the file", str(problem), "it must be what gzip writes: " + _SPOILED)
    if len(unpacked) <= MAX_FILE_BYTES and not (stream.eof and not stream.unused_data):
        refuse("the file", "not one whole gzip member", _SPOILED)
    return unpacked


def pack(raw: bytes) -> bytes:
    """Pack a table file's JSON by gzip, without a time or a system's name: equal bytes for equal ones."""
    stream = zlib.compressobj(9, zlib.DEFLATED, _GZIP)
    packed = bytearray(stream.compress(raw) + stream.flush())
    packed[9] = 255  # the header's field for the system: unknown
    return bytes(packed)


def parse(raw: bytes) -> TableFields:
    """Decode a table file.

    Types and names are checked here, ranges and lengths by `check_fields` (which `NgramTable` runs). Raises
    TableError for what is not JSON, a newer schema version, missing, unknown or mistyped fields, bad base64
    and weights whose SHA-256 is not the one in the file.
    """
    if len(raw) > MAX_FILE_BYTES:
        refuse(
            "the file", f"more than {MAX_FILE_BYTES} bytes", "a table file is smaller: is it another file?"
        )
    try:
        document = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:
        refuse("the file", str(problem), "it must be one JSON object in UTF-8; " + _SPOILED)
    if not isinstance(document, dict):
        refuse("the file", type(document).__name__, "it must hold one JSON object")
    # The version comes first: a newer file may well have other fields, and that is then not the news.
    version = document.get("schema_version")
    if type(version) is not int or version < 1:
        refuse("schema_version", version, "an n-gram table has an integer from 1: is it another file?")
    if version > SCHEMA_VERSION:
        refuse("schema_version", version, f"this version reads up to {SCHEMA_VERSION}: upgrade token-approx")
    _check_names("", document, {"schema_version": int, "weights_sha256": str, "tables": list, **_SCALARS})
    for place, table in enumerate(document["tables"]):
        if not isinstance(table, dict):
            refuse(f"tables[{place}]", table, "it must be an object")
        _check_names(f"tables[{place}].", table, {"order": int, "bits": int, "weights": str})
    blobs = [_decode(place, table["weights"]) for place, table in enumerate(document["tables"])]
    digest = hashlib.sha256(b"".join(blobs)).hexdigest()
    if digest != document["weights_sha256"]:
        refuse("weights_sha256", document["weights_sha256"], f"the weights have {digest}: {_SPOILED}")
    return TableFields(
        tokenizer=document["tokenizer"],
        orders=tuple(table["order"] for table in document["tables"]),
        bits=tuple(table["bits"] for table in document["tables"]),
        weights=tuple(np.frombuffer(blob, "<i2").astype(np.int16, copy=False) for blob in blobs),
        unit_exponent=document["unit_exponent"],
        fold=document["fold"],
        multiplier=document["multiplier"],
        provenance=document["provenance"],
    )


def render(fields: TableFields) -> bytes:
    """Encode a table as its file's bytes, the same for equal fields; raises TableError past 640 KiB."""
    blobs = [values.astype("<i2", copy=False).tobytes() for values in fields["weights"]]
    document = {
        "schema_version": SCHEMA_VERSION,
        **{name: fields[name] for name in _SCALARS},  # type: ignore[literal-required]
        "weights_sha256": hashlib.sha256(b"".join(blobs)).hexdigest(),
        "tables": [
            {"order": order, "bits": bits, "weights": base64.b64encode(blob).decode("ascii")}
            for order, bits, blob in zip(fields["orders"], fields["bits"], blobs, strict=True)
        ],
    }
    try:
        raw = json.dumps(document, indent=1, allow_nan=False).encode("ascii") + b"\n"
    except (TypeError, ValueError) as problem:
        refuse("provenance", str(problem), "it must hold JSON values only")
    if len(raw) > MAX_FILE_BYTES:
        refuse("the file", f"{len(raw)} bytes", f"at most {MAX_FILE_BYTES} are allowed: take fewer bits")
    return raw


_SCALARS: dict[str, type] = {
    "tokenizer": str,
    "fold": str,
    "multiplier": int,
    "unit_exponent": int,
    "provenance": dict,
}


def _check_integer(field: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        refuse(field, value, f"it must be an integer from {low} to {high}")


def _check_names(prefix: str, found: dict[str, Any], wanted: dict[str, type]) -> None:
    for name, kind in wanted.items():
        if name not in found:
            refuse(prefix + name, None, "the field is missing: " + _SPOILED)
        if not isinstance(found[name], kind):
            refuse(prefix + name, found[name], f"its type must be {kind.__name__}")
    for name, value in found.items():
        if name not in wanted:
            refuse(prefix + name, value, "no such field in schema version 1: remove it")


def _decode(place: int, text: str) -> bytes:
    try:
        blob = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as problem:
        refuse(f"tables[{place}].weights", str(problem), "it must be base64: " + _SPOILED)
    if len(blob) % 2:
        refuse(f"tables[{place}].weights", f"{len(blob)} bytes", "16-bit weights come in pairs: " + _SPOILED)
    return blob


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)
