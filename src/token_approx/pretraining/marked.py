"""Where the tokens of a text start, for a tokenizer that rewrites a text with marks before it cuts it.

Claude's tokenizers since version 3 work on a stream in which marks for the begin and end of a word and for
its case stand beside lower-case letters, and in which the single space between two words is left out. A mark
has no bytes of its own: a token that is a mark alone counts at the byte that it goes with.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from token_approx.pretraining.boundaries import split_clusters
from token_approx.pretraining.pieces import Bytes, Ints
from token_approx.text.counts import encode

Normalize = Callable[[str], str]

_ATOM = re.compile("⟨(?:0x(?P<byte>[0-9A-F]{2})|(?P<mark>bow|eow|shift|caps|pad))⟩|(?P<char>.)", re.DOTALL)
_CONTINUATION = range(0x80, 0xC0)  # of a UTF-8 character, its bytes after the first


class Content(NamedTuple):
    """What a token holds: characters that begin in it, whether the first is a space, a bare mark's kind."""

    characters: int
    space: bool
    bare: str


@lru_cache(maxsize=1 << 18)
def content_of(token: str) -> Content:
    """Read one token in ctok's notation; `bare` is "" for a token with bytes, else its last mark."""
    characters, first, mark, filled = 0, "", "", False
    for atom in _ATOM.finditer(token):
        if atom["mark"]:
            mark = atom["mark"]
            continue
        filled = True
        first = first or atom["char"] or "\0"
        characters += atom["char"] is not None or int(atom["byte"], 16) not in _CONTINUATION
    return Content(characters, first == " ", "" if filled else mark)


def token_starts(text: str, tokens: Iterable[str], normalize: Normalize) -> Bytes:
    """Tokens of a text that start at each of its bytes, shape (bytes,): together as many as `tokens`.

    `tokens` are in ctok's notation without the message's frame, `normalize` gives the text that they spell,
    up to case. A space that the stream leaves out belongs to the token after it; a word's begin mark and a
    case mark to the character after it, an end mark to the one before.
    """
    read = normalize(text)
    offsets = character_offsets(text, read, normalize)
    last = len(read) - 1
    places: list[int] = []
    place = 0
    for token in tokens:
        characters, space, bare = content_of(token)
        if bare == "eow" or not (bare or characters):  # an end mark, or the later bytes of a character
            places.append(place - 1)
            continue
        places.append(place)
        if bare:
            continue
        here = place <= last and read[place] == " "
        # The stream writes no space between words, and one of its own before a quote that opens the text.
        place += characters + (here and not space) - (space and not here)
    starts = np.zeros(len(encode(text)), np.uint8)
    where = np.clip(np.asarray(places, np.int64), 0, max(last, 0))
    np.add.at(starts, offsets[where] if last >= 0 else where, 1)
    return starts


def character_offsets(text: str, read: str, normalize: Normalize) -> Ints:
    """Byte of `text` at which each character of its normal form `read` begins, shape (characters,)."""
    own = byte_offsets(text)
    if len(read) == len(text):
        return own
    found: list[Ints] = []
    place = 0
    for line in text.splitlines(keepends=True):
        kept = len(normalize(line))
        if kept == len(line):
            found.append(own[place : place + kept])
        else:
            found.append(_by_cluster(line, own[place : place + len(line)], normalize))
        place += len(line)
    offsets = np.concatenate(found) if found else own[:0]
    if offsets.size != len(read):
        offsets = own[np.arange(len(read)) * len(text) // max(1, len(read))]
    return offsets


def byte_offsets(text: str) -> Ints:
    """Byte at which each character of a text begins, shape (characters,)."""
    # A byte that continues no character begins one.
    data = np.frombuffer(encode(text), np.uint8)
    return np.flatnonzero((data < _CONTINUATION.start) | (data >= _CONTINUATION.stop)).astype(np.int64)


def _by_cluster(line: str, own: Ints, normalize: Normalize) -> Ints:
    # Each character of a cluster's normal form counts at the first character of the cluster.
    firsts: list[int] = []
    place = 0
    for cluster in split_clusters(line):
        firsts += [place] * len(normalize(cluster))
        place += len(cluster)
    return own[np.asarray(firsts, np.int64)]
