"""Bodies of any shape: never a traceback, never a text that silently counts for nothing, in linear time."""

import base64
import json
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.requests.test_formats import ALL
from token_approx.requests import FORMATS, read_request
from token_approx.requests.json_value import Json

NAMES = st.sampled_from(
    [
        "type",
        "text",
        "content",
        "role",
        "messages",
        "input",
        "contents",
        "parts",
        "tools",
        "function",
        "name",
        "description",
        "parameters",
        "arguments",
        "input_schema",
        "properties",
        "system",
        "instructions",
        "image_url",
        "url",
        "source",
        "data",
        "tool_calls",
        "tool_result",
        "tool_use",
        "thinking",
        "output",
        "call_id",
        "functionCall",
        "functionResponse",
        "inlineData",
        "toolUse",
        "toolResult",
        "json",
        "document",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(
        ["user", "assistant", "text", "image", "tool_use", "tool_result", "message", "document"]
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)
MARK = "zyxw unmistakable"


@given(st.dictionaries(NAMES, VALUES, max_size=6), st.sampled_from(list(FORMATS)))
@settings(max_examples=150, deadline=None)
def test_no_shape_raises_anything(body: dict[str, Json], wire_format: str) -> None:
    """Whatever JSON stands where, a reader of a given format returns features."""
    found = read_request(body, wire_format=wire_format)
    assert all(isinstance(text, str) and text for texts in found.texts.values() for text in texts)


def _strings(value: Json, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, str):
        return [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, inner in items for found in _strings(inner, (*path, key))]


def _with(value: Json, path: tuple[str | int, ...], new: Json) -> Json:
    copy = json.loads(json.dumps(value))
    at = copy
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return copy


# Where a text stands for itself; all other strings are names, types and settings.
TEXTS = {"text", "content", "thinking", "description", "arguments", "output", "instructions", "name", "city"}


@pytest.mark.parametrize("wire_format", ALL)
def test_every_text_of_a_body_is_counted(wire_format: str) -> None:
    """Each place of a text in the golden bodies, filled with a mark, has the mark among the counted texts."""
    body = ALL[wire_format]
    places = [path for path in _strings(body) if path[-1] in TEXTS and "required" not in path]
    assert len(places) >= 7
    for path in places:
        found = read_request(_with(body, path, MARK), wire_format=wire_format)
        assert any(MARK in text for texts in found.texts.values() for text in texts), path


@pytest.mark.parametrize("wire_format", ALL)
@given(value=VALUES)
@settings(max_examples=30, deadline=None)
def test_anything_in_place_of_a_message_is_counted_or_listed(wire_format: str, value: Json) -> None:
    """A message of any shape that holds a text leaves a trace of it: in the texts or in the list."""
    field = {"openai_responses": "input", "gemini": "contents"}.get(wire_format, "messages")
    marked = {"somewhere": MARK, "value": value}
    found = read_request({field: [marked]}, wire_format=wire_format)
    assert any(MARK in text for texts in found.texts.values() for text in texts)
    assert found.not_counted


def test_ten_megabytes_with_images_take_linear_time() -> None:
    """Ten times the images take about ten times the time: a body is not read once per image."""
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 800, 600) + bytes(750_000)
    block = {"type": "image", "source": {"type": "base64", "data": base64.b64encode(png).decode()}}

    def seconds(images: int) -> float:
        content = [block, {"type": "text", "text": "word " * 2_000}] * images
        body = json.dumps({"model": "claude-opus-5", "messages": [{"role": "user", "content": content}]})
        best = float("inf")
        for _ in range(3):
            started = time.process_time()
            found = read_request(body)
            best = min(best, time.process_time() - started)
        assert found.counts["images"] == images
        assert found.not_counted == ()
        return best

    small, large = seconds(1), seconds(10)
    assert large < 25 * small + 0.05
