"""The counts of byte pairs and of three bytes are those of the text that a table is fitted to."""

from collections import Counter
from io import BytesIO

import numpy as np
import pytest

from token_approx.pretraining.design import Layout
from token_approx.pretraining.pieces import gather_counted
from token_approx.pretraining.seen import counts_file, ngram_counts
from token_approx.text.ngrams import KNUTH

TEXTS = ["abcab 12", "é", "7"]
LAYOUT = Layout((8, 10, 9, 10))


@pytest.mark.parametrize("block", [2, 5, 4_000_000])
@pytest.mark.parametrize("fold", ["digits", "none"])
def test_counts_are_those_of_the_definition(block: int, fold: str) -> None:
    """Each byte ends one pair and one bucket, across blocks and never across documents."""
    corpus = gather_counted(TEXTS, np.ones(3))
    layout = Layout(LAYOUT.bits, fold)
    pairs, triples = Counter[int](), Counter[int]()
    for text in TEXTS:
        folded = [48 if fold == "digits" and 48 <= byte <= 57 else byte for byte in b"\n\n" + text.encode()]
        for place in range(2, len(folded)):
            first, second, third = folded[place - 2 : place + 1]
            pairs[second << 8 | third] += 1
            triples[((first << 16 | second << 8 | third) * KNUTH % 2**32) >> (32 - 9)] += 1
    found = ngram_counts(corpus, layout, block)
    assert {int(key): int(found[0][key]) for key in np.flatnonzero(found[0])} == pairs
    assert {int(key): int(found[1][key]) for key in np.flatnonzero(found[1])} == triples
    file = np.load(BytesIO(counts_file(corpus, layout)))
    assert (file["pairs"] == found[0]).all()
    assert (file["order_3"] == found[1]).all()
    assert str(file["fold"]) == fold
