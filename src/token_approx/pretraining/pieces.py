"""Cut labelled documents into short pieces whose token counts are known exactly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from token_approx.text.counts import encode

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SPACE, LINE_FEED = 0x20, 0x0A
LEAD, CONTINUATION = 0xC0, 0x80  # of a UTF-8 byte


@dataclass(frozen=True)
class PieceSpec:
    """How documents are cut.

    Pieces are `shortest` to `longest` bytes (log-uniform), moved on to white space within `snap` bytes; of a
    document, `head` bytes are kept.
    """

    shortest: int = 8
    longest: int = 50
    snap: int = 40
    head: int = 8192
    seed: int = 1


@dataclass(frozen=True)
class Corpus:
    """Documents end to end.

    `data`: bytes of all documents, shape (bytes,); `documents`: byte offset of each document and the end of
    the last, shape (documents + 1,); `tokens`: tokens of each document, shape (documents,); `starts`: tokens
    that start at each byte, shape (bytes,), or None when only whole documents were counted.
    """

    data: Bytes
    documents: Ints
    tokens: Floats
    starts: Bytes | None


def gather_counted(texts: Sequence[str], tokens: Floats) -> Corpus:
    """Join texts of which only the tokens of the whole are known (shape (texts,)); no text may be empty."""
    raws = [np.frombuffer(encode(text), np.uint8) for text in texts]
    return Corpus(np.concatenate(raws), offsets(raws), tokens, None)


def gather_traced(texts: Sequence[str], ends: Callable[[str], Bytes], head: int) -> Corpus:
    """Join the heads of texts, at most `head` bytes; `ends(text)` gives the tokens that end at each byte."""
    raws: list[Bytes] = []
    starts: list[Bytes] = []
    for text in texts:
        raw = np.frombuffer(encode(text), np.uint8)
        size = cut_head(raw, head)
        kept = raw[:size]
        ending = ends(text if size == raw.size else kept.tobytes().decode("utf-8", "surrogatepass"))
        raws.append(kept)
        starts.append(np.roll(ending, 1))
    edges = offsets(raws)
    traced = np.concatenate(starts)
    return Corpus(np.concatenate(raws), edges, spans(traced, edges), traced)


def offsets(parts: Sequence[Bytes]) -> Ints:
    """Offset in bytes of each part and the end of the last, shape (parts + 1,)."""
    return np.cumsum([0, *(part.size for part in parts)], dtype=np.int64)


def cut_head(raw: Bytes, head: int) -> int:
    """Length of the longest head of at most `head` bytes, cut before white space if there is any near."""
    if raw.size <= head:
        return int(raw.size)
    tail = raw[head - head // 4 : head]
    blanks = np.flatnonzero((tail == SPACE) | (tail == LINE_FEED))
    size = head - head // 4 + int(blanks[-1]) if blanks.size else head
    while size > 1 and raw[size] & LEAD == CONTINUATION:
        size -= 1
    return size


def cut(corpus: Corpus, spec: PieceSpec) -> Ints:
    """Byte offsets of the pieces and the end, shape (pieces + 1,): seeded lengths, moved to white space."""
    total = int(corpus.data.size)
    rng = np.random.default_rng(spec.seed)
    ratio = float(np.log(spec.longest / spec.shortest))
    mean = (spec.longest - spec.shortest) / ratio if ratio > 0 else spec.shortest
    draws = rng.random(int(1.1 * total / mean) + 100, np.float32)
    wanted = np.cumsum((spec.shortest * np.exp(draws * ratio)).astype(np.int64))
    wanted = wanted[wanted < total]
    data = corpus.data
    blanks = np.append(np.flatnonzero((data == SPACE) | (data == LINE_FEED)), total)
    snapped = blanks[np.searchsorted(blanks, wanted)]
    whole = wanted
    for _ in range(3):
        inside = (data[np.minimum(whole, total - 1)] & LEAD == CONTINUATION) & (whole < total)
        whole = whole + inside
    places = np.where(snapped - wanted < spec.snap, snapped, whole)
    return np.unique(np.concatenate([places, corpus.documents]))


def spans(values: Bytes, edges: Ints) -> Floats:
    """Sum of `values` between successive edges, shape (edges - 1,)."""
    return np.add.reduceat(values, edges[:-1], dtype=np.int64).astype(np.float64)
