"""The collector that the readers of the wire formats fill: texts, counts, images, what is not counted."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from .features import RequestFeatures
from .image_rules import image_tokens
from .json_value import Json
from .media import ImageSize, MediaError, decoded, image_size

# What a place in a request may say at most, in characters, and how many places are listed one by one.
LONGEST_REASON = 200
MOST_LISTED = 100
SHORTEST_FILE = 512
BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


def _not_json(value: object) -> str:
    return "" if isinstance(value, bytes | bytearray) else str(value)


# Made once, where `json.dumps` makes one each time. No value holds itself: bodies have a depth (`reading`).
_COMPACT = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=False, check_circular=False, default=_not_json
)
_SPACED = json.JSONEncoder(ensure_ascii=False, check_circular=False, default=_not_json)


def compact_json(value: Json) -> str:
    """Return a value as JSON without white space, keys in their order; raw bytes are left out.

    >>> compact_json({"b": 1, "a": ["é", None]})
    '{"b":1,"a":["é",null]}'
    """
    return _COMPACT.encode(value)


def spaced_json(value: Json) -> str:
    """Return a value as JSON as Python writes it, with a space after each comma and colon.

    Recorded counts agree with this form of tool definitions to a constant, for Claude to the token.
    """
    return _SPACED.encode(value)


def holds_text(value: Json) -> bool:
    """Return whether a JSON value holds any string that is not empty, at any depth, keys aside."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str | bytes) and found:
            return True
        if isinstance(found, dict):
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)
    return False


def without_files(value: Json) -> Json:
    """Return a JSON value with long strings of base64 emptied: they are files, never shown as text."""
    if isinstance(value, str):
        start = value.find(",", 0, 200) + 1 if value.startswith("data:") else 0
        return "" if len(value) >= SHORTEST_FILE and BASE64.fullmatch(value, start) else value
    if isinstance(value, dict):
        return {name: without_files(inner) for name, inner in value.items()}
    return [without_files(inner) for inner in value] if isinstance(value, list) else value


class Collector:
    """Gathers the features of one request while its reader walks through the body."""

    def __init__(self, wire_format: str, model: str, rule: str) -> None:
        """Begin with one request and nothing in it; `rule` names the provider's rule for images."""
        self.format, self.model, self.rule = wire_format, model, rule
        self._texts: dict[str, list[str]] = defaultdict(list)
        self.counts: dict[str, float] = defaultdict(int, requests=1)
        self.signatures: list[tuple[Json, Json, Json]] = []
        self._skipped: list[str] = []

    def text(self, kind: str, text: str) -> None:
        """Add a text of one of `features.TEXT_KINDS`."""
        if text:
            self._texts[kind].append(text)

    def add(self, count: str, number: float = 1) -> None:
        """Add a number to one of `features.COUNTS`."""
        self.counts[count] += number

    def skip(self, place: str, reason: str) -> None:
        """List something whose tokens cannot be known from the request."""
        self._skipped.append(f"{place}: {reason}"[:LONGEST_REASON])

    def cited(self, value: Json, place: str) -> None:
        """List the citations of a text, if there are any: providers do not say what of them counts."""
        if isinstance(value, list) and value:
            self.skip(place, "what the provider counts of citations is not known")

    def unknown(self, kind: str, value: Json, place: str, reason: str) -> None:
        """Count what has an unknown meaning as the text of its JSON, and list it."""
        shown = without_files(value)
        self.text(kind, shown if isinstance(shown, str) else compact_json(shown))
        self.skip(place, reason)

    def leftovers(self, kind: str, fields: Mapping[str, Json], known: AbstractSet[str], place: str) -> None:
        """Count and list the fields that hold text and are not among the known ones."""
        if fields.keys() <= known:
            return
        for name, value in fields.items():
            if name not in known and holds_text(value):
                self.unknown(kind, value, f"{place}.{name}", "this field is not known, its text is counted")

    def texts_of(self, kind: str, value: Json, place: str) -> None:
        """Add a value that ought to be a text: anything else but null is counted as its JSON, and listed."""
        if isinstance(value, str):
            self.text(kind, value)
        elif value is not None:
            self.unknown(kind, value, place, f"a text is expected here, not {type(value).__name__}")

    def image(self, data: Json, place: str, detail: str = "") -> None:
        """Add an image, given as base64 (with or without a data URL's head) or as raw bytes."""
        try:
            size = image_size(data)
        except MediaError as error:
            self.add("images")
            self.skip(place, str(error))
            return
        self.sized_image(size, place, detail)

    def sized_image(self, size: ImageSize, place: str, detail: str = "") -> None:
        """Add an image of a known size in pixels."""
        self.add("images")
        tokens = image_tokens(self.rule, self.model, size, detail)
        if tokens is None:
            self.skip(
                place, f"no public rule tells the tokens of an image of {size.width} x {size.height} here"
            )
        else:
            self.add("image_tokens", tokens)

    def plain_document(self, data: Json, place: str) -> bool:
        """Add a document whose bytes are UTF-8 text; return whether they are."""
        try:
            text = decoded(data).decode("utf-8")
        except (MediaError, UnicodeDecodeError):
            return False
        if "\0" in text or text.startswith("%PDF"):
            return False
        self.add("documents")
        self.text("document", text)
        return bool(place)

    def features(self) -> RequestFeatures:
        """Return what was gathered."""
        if self.counts.get("tools"):
            self.counts["tools_on"] = 1
            self.counts["tools_with_system"] = float(self.counts.get("systems", 0) > 0)
        listed = self._skipped[:MOST_LISTED]
        more = len(self._skipped) - len(listed)
        return RequestFeatures(
            format=self.format,
            model=self.model,
            texts={kind: tuple(texts) for kind, texts in self._texts.items()},
            counts={name: number for name, number in self.counts.items() if number},
            not_counted=(*listed, f"and {more} more") if more else tuple(listed),
        )
