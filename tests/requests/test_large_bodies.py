"""Bodies of 10 MB with inline images are read in linear time, from their headers alone."""

import base64
import json
import struct
import time
import zlib

import pytest

from token_approx import Estimator

ESTIMATOR = Estimator.for_model("claude-opus-5")


def image(size: int) -> str:
    """Return a PNG of 800 x 600 pixels in base64, whose file has `size` bytes after its header."""
    header = struct.pack(">IIBBBBB", 800, 600, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return base64.b64encode(png + bytes(range(256)) * (size // 256)).decode()


def body(megabytes: int) -> dict[str, object]:
    """Return a request with as many images of a megabyte in base64, and a text."""
    data = image(750_000)
    source = {"type": "base64", "media_type": "image/png", "data": data}
    blocks = [{"type": "image", "source": source} for _ in range(megabytes)]
    content = [{"type": "text", "text": "What is on these?"}, *blocks]
    return {"model": "claude-opus-5", "messages": [{"role": "user", "content": content}]}


def seconds(given: object) -> float:
    """Return the least processor time of five readings."""
    times = []
    for _ in range(5):
        started = time.thread_time()
        ESTIMATOR.request(given)
        times.append(time.thread_time() - started)
    return min(times)


@pytest.mark.parametrize("as_json", [False, True], ids=["dict", "JSON"])
def test_ten_megabytes_take_at_most_as_many_times_as_long(as_json: bool) -> None:  # noqa: FBT001 - pytest's
    """Ten times the images: at most 20 times the time of a request with one, and under a second."""
    one, ten = (json.dumps(body(n)) if as_json else body(n) for n in (1, 10))
    few, many = ESTIMATOR.request(one), ESTIMATOR.request(ten)
    assert few.not_counted == many.not_counted == ()
    assert many.parts["images"] == pytest.approx(10 * few.parts["images"], rel=0.01)
    shorter, longer = seconds(one), seconds(ten)
    assert longer < 20 * max(shorter, 0.001)
    assert longer < 1
