"""How often a table's training text held each byte pair and each bucket of three bytes."""

from io import BytesIO

import numpy as np

from token_approx.pretraining.design import Layout, keys
from token_approx.pretraining.pieces import Corpus, Ints
from token_approx.text.ngrams import KNUTH


def ngram_counts(corpus: Corpus, layout: Layout, block: int = 4_000_000) -> tuple[Ints, Ints]:
    """Count what a table is fitted to: byte pairs, shape (65536,), and buckets of order 3, shape (2**bits,).

    A pair is the earlier byte times 256 plus the later, a bucket the table's hash of three bytes. Digits are
    folded where the layout folds them, and bytes before a document are LF.
    """
    bits = layout.bits[2]
    pairs: Ints = np.zeros(1 << 16, np.int64)
    buckets: Ints = np.zeros(1 << bits, np.int64)
    for low in range(0, corpus.data.size, block):
        high = min(low + block, corpus.data.size)
        found = keys(corpus.data, corpus.documents, low, high, 3, layout.fold)
        next(found)
        pairs += np.bincount(next(found), minlength=pairs.size)
        hashed = (next(found) * np.uint32(KNUTH)) >> np.uint32(32 - bits)
        buckets += np.bincount(hashed, minlength=buckets.size)
    return pairs, buckets


def counts_file(corpus: Corpus, layout: Layout) -> bytes:
    """Return the counts as a NumPy archive with the arrays `pairs` and `order_3`, and the table's `fold`."""
    pairs, buckets = ngram_counts(corpus, layout)
    stream = BytesIO()
    np.savez_compressed(stream, pairs=pairs, order_3=buckets, fold=np.array(layout.fold))
    return stream.getvalue()
