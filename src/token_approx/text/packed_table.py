"""Packed n-gram tables, as the package ships them: half the size of the JSON file, for this package alone.

A packed file is one gzip member. It holds the JSON object of the table file without the weights, on one line,
and then the low bytes of all weights, of the first order first, and their high bytes: apart, they compress a
quarter better than in base64. It stands for one JSON file, the one that `table_file.render` writes; a table's
digest is that of the JSON, whichever file it came from.
"""

import hashlib
import zlib
from itertools import accumulate, pairwise

import numpy as np

from .table_file import (
    MAX_FILE_BYTES,
    SPOILED,
    TableFields,
    document_of,
    fields_of,
    parse,
    read_document,
    refuse,
    render,
    to_json,
)

PACKED = ".packed"
_MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS  # as zlib names gzip's frame
_SYSTEM = 9  # the byte of gzip's header that names the system


def read_table(raw: bytes) -> tuple[TableFields, str]:
    """Decode a table file, packed or JSON, and return its fields and the SHA-256 of its JSON.

    Raises TableError as `table_file.parse` does.
    """
    if not raw.startswith(_MAGIC):
        return parse(raw), hashlib.sha256(raw).hexdigest()
    fields = _parse_packed(_unpack(raw))
    return fields, hashlib.sha256(render(fields)).hexdigest()


def pack(fields: TableFields) -> bytes:
    """Encode a table as a packed file, the same for equal fields: gzip's header has no time and no system."""
    document, blobs = document_of(fields)
    weights = np.frombuffer(b"".join(blobs), np.uint8).reshape(-1, 2)
    stream = zlib.compressobj(9, zlib.DEFLATED, _GZIP)
    parts = (to_json(document), weights[:, 0].tobytes(), weights[:, 1].tobytes())
    packed = bytearray(b"".join([*map(stream.compress, parts), stream.flush()]))
    packed[_SYSTEM] = 255
    return bytes(packed)


def _unpack(raw: bytes) -> bytes:
    # No more than a table can be long is unpacked: a small file cannot fill the memory.
    stream = zlib.decompressobj(_GZIP)
    try:
        unpacked = stream.decompress(raw, MAX_FILE_BYTES)
    except zlib.error as problem:
        refuse("the file", str(problem), "It must be what gzip writes. " + SPOILED)
    if not stream.eof or stream.unused_data:
        refuse("the file", "not one whole gzip member", SPOILED)
    return unpacked


def _parse_packed(unpacked: bytes) -> TableFields:
    line, _, planes = unpacked.partition(b"\n")
    document = read_document(line, {"order": int, "bits": int})
    # Bits out of range are named by the check of the fields, which needs some weights to look at.
    sizes = [2 ** max(0, min(table["bits"], 30)) for table in document["tables"]]
    if len(planes) != 2 * sum(sizes):
        refuse("the weights", f"{len(planes)} bytes", f"The tables need {2 * sum(sizes)}. {SPOILED}")
    weights = np.frombuffer(planes, np.uint8).reshape(2, -1).T.tobytes()
    borders = [0, *accumulate(2 * size for size in sizes)]
    return fields_of(document, [weights[low:high] for low, high in pairwise(borders)])
