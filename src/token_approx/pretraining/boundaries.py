"""Where the tokens of a text end, byte by byte, by a tokenizer whose vocabulary is at hand."""

import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from token_approx.pretraining.pieces import Bytes

Encode = Callable[[str], Sequence[int]]

JOINERS = frozenset("\u3099\u309a\uff9e\uff9f")


def token_ends(text: str, encode: Encode, lengths: npt.NDArray[np.int32]) -> Bytes:
    """Tokens that end at each byte of `text`, shape (bytes,); `lengths` holds the bytes of every token id."""
    size = len(text.encode("utf-8"))
    ends = np.zeros(size, np.uint8)
    ids = np.asarray(encode(text), dtype=np.int64)
    if ids.size:
        ends[np.cumsum(lengths[ids]) - 1] = 1
    return ends


def split_clusters(text: str) -> list[str]:
    """Cut a text where NFKC does not reach across: before each character that does not join the last."""
    clusters: list[str] = []
    for character in text:
        if clusters and joins(character):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def joins(character: str) -> bool:
    """Whether NFKC may compose a character with the last (marks, kana voicing marks, Hangul jamo)."""
    return (
        unicodedata.combining(character) != 0
        or character in JOINERS
        or "\u1160" <= character <= "\u11ff"
        or unicodedata.category(character) in ("Mc", "Mn")
    )
