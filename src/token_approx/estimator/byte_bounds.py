"""The most tokens that a text can have, by its bytes alone: a bound that needs no statistics.

A tokenizer is made of a normal form, which may make a text longer, and of tokens of at least a byte of it.
Each factor is the most tokens per byte that this allows, with its argument. Tests search for counterexamples
where a tokenizer is at hand.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from .catalogue import Entry, catalogue

# What labels count, where a text alone is counted, or one message that frames it.
TEXTS = ("text", "text-alone")
MESSAGES = ("one-user-message", "en-long-one-turn")
REQUEST = "request"
# Providers count 6 to 8 tokens for one message, and this is the most of it.
MOST_FRAMING = 8.0


@dataclass(frozen=True)
class ByteBound:
    """tokens <= bytes * factor + offset, for every text; `reason` says why."""

    factor: float
    offset: float
    reason: str

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> "ByteBound":
        """Read the entry of model_coefs.json; a missing or mistyped field raises KeyError or TypeError."""
        return cls(float(entry["factor"]), float(entry["offset"]), str(entry["reason"]))

    def tokens(self, size: float) -> int:
        """Return the most tokens of a text of that many bytes."""
        return math.ceil(size * self.factor + self.offset)


_BYTES = "byte-level BPE: every token is at least one byte of the text"
_NFC = "byte-level BPE of the text's NFC form, which is at most 3 times as long (U+1D160: 12 bytes of 4)"
_MARKED = (
    "tokens of the text's NFC form with marks of words and case: no code point, with every mark that it can"
    " take, has more than 3 tokens per byte (U+1D160: 12 of 4 bytes; U+023A: 6 of 2), and the text has 1 more"
)
# By tokenizer, which is a family's name: the factor, the tokens besides, and the reason.
TOKENIZERS: dict[str, tuple[float, float, str]] = {
    "o200k_base": (1, 0, _BYTES),
    "cl100k_base": (1, 0, _BYTES),
    "tekken": (1, 0, _BYTES),
    "llama_3": (1, 0, _BYTES),
    "deepseek_3": (1, 0, _BYTES),
    "qwen_3": (3, 0, _NFC),
    "gemma_3": (1, 0, "pieces of the text with a fallback to bytes: every token is at least one byte of it"),
    "claude_3": (3, 1, _MARKED),
    "claude_4_7": (3, 1, _MARKED),
}


def known_entry(model: str) -> Entry | None:
    """Return the catalogue's entry of a model; None of one that it does not know for certain."""
    try:
        entry = catalogue().find(model)
    except InputError:
        return None
    return None if entry.notice else entry


def message_framing(model: str) -> tuple[float, float]:
    """Return the tokens that frame a request of a model, and each of its messages; the most if unknown."""
    entry = known_entry(model)
    return (0.0, MOST_FRAMING) if entry is None else entry.framing


def byte_bound(model: str, counts_of: str | None) -> ByteBound | None:
    """Return the byte bound of labels of a model; None where its tokenizer is not known, or they count more.

    The labels of one message hold its framing: it is in the offset. Those of whole requests hold more than a
    text tells.
    """
    entry = known_entry(model)
    name = model if model in TOKENIZERS else entry.family.name if entry else ""
    if name not in TOKENIZERS or counts_of not in (*TEXTS, *MESSAGES):
        return None
    factor, besides, reason = TOKENIZERS[name]
    framing = sum(message_framing(model)) if counts_of in MESSAGES else 0.0
    return ByteBound(factor, besides + framing, reason)
