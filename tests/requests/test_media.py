"""The size of an image from its header, in every format, whole and broken."""

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_approx.requests import read_request
from token_approx.requests.json_value import Json
from token_approx.requests.media import ImageSize, MediaError, image_size


def _png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\x06\0\0\0"


def _jpeg(width: int, height: int, before: bytes = b"") -> bytes:
    return (
        b"\xff\xd8" + before + b"\xff\xc0" + struct.pack(">HBHH", 17, 8, height, width) + b"\x03" + bytes(9)
    )


def _webp(kind: bytes, content: bytes) -> bytes:
    return (
        b"RIFF"
        + struct.pack("<I", len(content) + 12)
        + b"WEBP"
        + kind
        + struct.pack("<I", len(content))
        + content
    )


APP1 = b"\xff\xe1" + struct.pack(">H", 65_002) + bytes(65_000)
HEADERS = {
    "png": _png(640, 480),
    "gif": b"GIF89a" + struct.pack("<HH", 640, 480) + bytes(6),
    "jpeg": _jpeg(640, 480),
    "jpeg after padding": _jpeg(640, 480, b"\xff\xff\xe0\0\x04ab"),
    "jpeg after long metadata": _jpeg(640, 480, APP1 * 3),
    "webp lossy": _webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 480)),
    "webp lossless": _webp(b"VP8L", b"\x2f" + struct.pack("<I", 639 | 479 << 14)),
    "webp extended": _webp(b"VP8X", bytes(4) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")),
}


@pytest.mark.parametrize("name", HEADERS)
def test_the_size_stands_in_the_header(name: str) -> None:
    """Raw bytes, base64 and a data URL of each format give the size that was written into it."""
    data = HEADERS[name]
    text = base64.b64encode(data).decode()
    for given_as in (data, text, f"data:image/x;base64,{text}", base64.urlsafe_b64encode(data).decode()):
        assert image_size(given_as) == ImageSize(640, 480)


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_cut_off_anywhere_is_one_entry(name: str) -> None:
    """However little of the file there is, the request is read and says once what is not counted."""
    data = HEADERS[name]
    # In each of these headers, the size ends within the last 17 bytes.
    for length in {0, 1, 3, min(8, len(data) // 2), max(0, len(data) - 17)}:
        text = base64.b64encode(data[:length]).decode()
        block = {"type": "image", "source": {"type": "base64", "data": text}}
        found = read_request({"model": "claude-opus-5", "messages": [{"role": "user", "content": [block]}]})
        assert len(found.not_counted) == 1, length
        assert found.counts["images"] == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (_png(0, 5), "the image's header gives 0 x 5 pixels"),
        (b"BM" + bytes(60), "the file is no PNG, JPEG, GIF or WebP image"),
        (APP1, "the file is no PNG, JPEG, GIF or WebP image"),
        (b"\xff\xd8\x12\x34", "the image's header is broken"),
        (b"\xff\xd8\xff\xe0\0\1", "the image's header is broken"),
        (b"\xff\xd8\xff\xda\0\0", "the image's header gives no size"),
        (_webp(b"ABCD", bytes(20)), "the WebP image begins with an unknown chunk"),
        ("%%%", "the file is not valid base64"),
        (None, "a file in base64 is expected here, not NoneType"),
        (7, "a file in base64 is expected here, not int"),
    ],
)
def test_what_is_no_sound_image_says_why(data: Json, reason: str) -> None:
    """No size, another format, a broken marker, no base64, no file: each is refused for what it is."""
    with pytest.raises(MediaError) as refused:
        image_size(data)
    assert str(refused.value) == reason


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"GIF89a", b"RIFF1234WEBP"]),
)
def test_any_bytes_give_a_size_or_a_reason(data: bytes, start: bytes) -> None:
    """No content of a file, whatever its beginning claims, raises anything but the one error."""
    try:
        size = image_size(start + data)
    except MediaError:
        return
    assert min(size) > 0
