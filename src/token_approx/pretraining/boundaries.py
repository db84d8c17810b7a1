"""Where the tokens of a text end, byte by byte, by a tokenizer whose vocabulary is at hand."""

import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from token_approx.pretraining.pieces import Bytes, Ints

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


def normalised_ends(text: str, encode: Encode, lengths: npt.NDArray[np.int32]) -> Bytes:
    """As `token_ends` for a tokenizer that reads the NFKC form: ends moved back to the text's own bytes."""
    if unicodedata.is_normalized("NFKC", text):
        return token_ends(text, encode, lengths)
    ends = token_ends(unicodedata.normalize("NFKC", text), encode, lengths)
    clusters = split_clusters(text)
    own: Ints = np.cumsum([len(part.encode("utf-8")) for part in clusters])
    read: Ints = np.cumsum([len(unicodedata.normalize("NFKC", part).encode("utf-8")) for part in clusters])
    counts = np.zeros(int(own[-1]), np.uint8)
    if int(read[-1]) == ends.size:
        counts[own - 1] = np.diff(np.append(0, np.append(0, np.cumsum(ends))[read]))
    else:
        tokens = int(ends.sum())
        places = np.arange(1, tokens + 1) * int(own[-1]) // tokens - 1
        counts += np.bincount(places, minlength=counts.size).astype(np.uint8)
    return counts


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
