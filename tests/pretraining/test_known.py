"""A table knows the n-grams that its training texts held often enough, and those alone."""

from collections import Counter

import numpy as np

from token_approx.pretraining.known import BYTES_PER_OCCURRENCE, known_ngrams, ngram_counts, with_known_ngrams
from token_approx.text.ngrams import KNUTH, NgramTable


def test_counts_are_those_of_each_text_alone() -> None:
    """Pairs and hashed threes of each text, after line feeds, digits folded as by the table."""
    texts = ["ab 12", "", "\n", "b\u00e9", "ab 99" * 3]
    for fold in ("digits", "none"):
        pairs, threes = ngram_counts(texts, fold)
        expected: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
        for text in texts:
            data = b"\n\n" + text.encode()
            if fold == "digits":
                data = data.translate(bytes(0x30 if 0x30 <= i <= 0x39 else i for i in range(256)))
            for end in range(3, len(data) + 1):
                expected[0][int.from_bytes(data[end - 2 : end])] += 1
                expected[1][(int.from_bytes(data[end - 3 : end]) * KNUTH % 2**32) >> 15] += 1
        for counts, counter in zip((pairs, threes), expected, strict=True):
            assert {int(place): int(counts[place]) for place in np.flatnonzero(counts)} == counter


def test_an_n_gram_is_known_from_its_second_occurrence_or_by_the_share() -> None:
    """Few texts: two occurrences; many: one per 6 MB."""
    table = NgramTable.load("o200k_base")
    small = with_known_ngrams(table, *ngram_counts(["xyxyxy"]))
    assert small.rare("xyxyxy") == 3, "LF x, LF LF x and LF x y occur once"
    assert small.score("xyxyxy") == table.score("xyxyxy")
    pairs = np.zeros(2**16, np.int64)
    pairs[:4] = (10 * BYTES_PER_OCCURRENCE, 10, 9, 0)
    known = known_ngrams(pairs, np.zeros(2**17, np.int64))
    assert known.pairs[0] == 0b0011
