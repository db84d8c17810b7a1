"""Training texts -> which n-grams a table knows: those that its training held often enough.

Chosen on families and scripts left out of a table's training (o200k_base, 59 MB counted): an n-gram is known
from one occurrence per 6 MB on, and three bytes are hashed to 17 bits.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from token_approx.text.counts import encode
from token_approx.text.known_ngrams import MAX_THREES_BITS, KnownNgrams
from token_approx.text.ngram_costs import FOLD_DIGITS, START
from token_approx.text.ngrams import KNUTH, NgramTable

# Bytes of training per occurrence that makes an n-gram known; two of them at least.
BYTES_PER_OCCURRENCE = 6_000_000
LEAST = 2
BATCH = 4 * 2**20

Counts = npt.NDArray[np.int64]


def ngram_counts(
    texts: Iterable[str | bytes], fold: str = "digits", bits: int = MAX_THREES_BITS
) -> tuple[Counts, Counts]:
    """Return how often texts hold each pair of bytes (65,536,) and each hash of three bytes (2^bits,)."""
    pairs, threes = np.zeros(2**16, np.int64), np.zeros(2**bits, np.int64)
    batch: list[bytes] = []
    size = 0
    for text in texts:
        data = text if isinstance(text, bytes) else encode(text)
        batch.append(data.translate(FOLD_DIGITS) if fold == "digits" else data)
        size += len(data)
        if size >= BATCH:
            _count(batch, pairs, threes)
            batch, size = [], 0
    _count(batch, pairs, threes)
    return pairs, threes


def known_ngrams(pairs: Counts, threes: Counts) -> KnownNgrams:
    """Return the n-grams that are known, given how often training held each, as `ngram_counts` has it."""
    least = max(LEAST, round(int(pairs.sum()) / BYTES_PER_OCCURRENCE))
    found = (np.packbits(counts >= least, bitorder="little").tobytes() for counts in (pairs, threes))
    return KnownNgrams(*found)


def with_known_ngrams(table: NgramTable, pairs: Counts, threes: Counts) -> NgramTable:
    """Return a table that knows the n-grams of its training; its costs are the same."""
    return replace(table, known=known_ngrams(pairs, threes), file_sha256=None)


def _count(batch: list[bytes], pairs: Counts, threes: Counts) -> None:
    if batch:
        joined = START.join([b"", *batch])
        keys = np.ndarray((len(joined) - len(START),), ">u4", joined, 0, (1,)).astype(np.uint32)
        # What stands before a text ends no n-gram of it.
        between = np.cumsum([len(data) + len(START) for data in batch[:-1]], dtype=np.int64)[:, None]
        keys = np.delete(keys, (between - 1 - np.arange(len(START))).ravel())
        hashes = ((keys & np.uint32(2**24 - 1)) * np.uint32(KNUTH)) >> np.uint32(
            33 - len(threes).bit_length()
        )
        pairs += np.bincount(keys & np.uint32(2**16 - 1), minlength=len(pairs))
        threes += np.bincount(hashes, minlength=len(threes))
