"""The size of an image from its file's own header: PNG, JPEG, GIF and WebP, in base64 or raw bytes."""

import base64
import binascii
import struct
from typing import NamedTuple

from .json_value import Json

# The header is within so many base64 characters but for JPEGs with long metadata, which are decoded whole.
HEAD = 64 * 1024
# JPEG markers that begin a frame header (ITU-T T.81, table B.1), and those that stand alone.
BEGIN, SCAN = 0xFF, 0xDA
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
FROM_URL_SAFE = str.maketrans("-_", "+/")


class MediaError(ValueError):
    """Raised where a file's size cannot be read; the message says why in one short sentence."""


class ImageSize(NamedTuple):
    """The size of an image in pixels."""

    width: int
    height: int


def image_size(data: Json) -> ImageSize:
    """Return the size of an image given as base64, as a data URL or as raw bytes.

    Raises:
        MediaError: it is neither, its header is broken or cut off, or its format is unknown.
    """
    head = decoded(data, HEAD)
    try:
        return _size(head)
    except (struct.error, IndexError):
        whole = decoded(data)
        if len(whole) > len(head):
            try:
                return _size(whole)
            except (struct.error, IndexError):
                pass
        message = "the image's header is cut off"
        raise MediaError(message) from None


def decoded(data: Json, most: int | None = None) -> bytes:
    """Return the bytes of a file given as base64, as a data URL or raw; of `most` characters at most.

    Raises:
        MediaError: it is no string or bytes, or no base64.
    """
    if isinstance(data, bytes | bytearray):
        return bytes(data[:most])
    if not isinstance(data, str):
        message = f"a file in base64 is expected here, not {type(data).__name__}"
        raise MediaError(message)
    start = data.find(",", 0, 200) + 1 if data.startswith("data:") else 0
    end = len(data) if most is None else min(len(data), start + most)
    text = data[start:end].translate(FROM_URL_SAFE).rstrip("=\r\n ")
    try:
        text = text[: len(text) - 1] if len(text) % 4 == 1 else text
        return base64.b64decode(text + "=" * (-len(text) % 4), validate="\n" not in text)
    except (binascii.Error, ValueError):
        message = "the file is not valid base64"
        raise MediaError(message) from None


def _size(data: bytes) -> ImageSize:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        size = ImageSize(*struct.unpack_from(">II", data, 16))
    elif data.startswith((b"GIF87a", b"GIF89a")):
        size = ImageSize(*struct.unpack_from("<HH", data, 6))
    elif data.startswith(b"\xff\xd8"):
        size = _jpeg(data)
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        size = _webp(data)
    else:
        message = "the file is no PNG, JPEG, GIF or WebP image"
        raise MediaError(message)
    if not (size.width and size.height):
        message = f"the image's header gives {size.width} x {size.height} pixels"
        raise MediaError(message)
    return size


def _jpeg(data: bytes) -> ImageSize:
    place = 2
    while True:
        if data[place] != BEGIN:
            message = "the image's header is broken"
            raise MediaError(message)
        marker = data[place + 1]
        if marker == BEGIN or marker in ALONE:
            place += 1 if marker == BEGIN else 2
        elif marker in FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return ImageSize(width, height)
        elif marker == SCAN:
            message = "the image's header gives no size"
            raise MediaError(message)
        else:
            length = struct.unpack_from(">H", data, place + 2)[0]
            if length < 2:  # noqa: PLR2004 - the length counts its own two bytes
                message = "the image's header is broken"
                raise MediaError(message)
            place += 2 + length


def _webp(data: bytes) -> ImageSize:
    # RFC 9649: a simple lossy, a simple lossless or an extended file.
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return ImageSize(width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return ImageSize((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8X":
        wide = int.from_bytes(data[24:27], "little"), int.from_bytes(data[27:30], "little")
        struct.unpack_from("<6x", data, 24)
        return ImageSize(wide[0] + 1, wide[1] + 1)
    if len(data) < 16:  # noqa: PLR2004 - where the first chunk's name ends
        raise IndexError
    message = "the WebP image begins with an unknown chunk"
    raise MediaError(message)
