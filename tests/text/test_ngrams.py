"""N-gram tables: every scoring path against a slow oracle, and every refusal of a spoiled file."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.made_tables import GOOD, TABLES, TEXTS, mixed_bytes, oracle_costs
from token_approx.text.ngram_costs import BLOCK
from token_approx.text.ngrams import KNUTH, SHORT, NgramTable, TableError

pytestmark = pytest.mark.usefixtures("each_kernel")


def test_worked_example() -> None:
    """The sum in the module's docstring is what score computes."""
    table = TABLES["order 2"]
    weights = table.weights[0]

    def at(key: int) -> int:
        return int(weights[(key * KNUTH % 2**32) >> (32 - 12)])

    assert table.score("7a") == at(0x0A30) + at(0x3061)
    assert table.tokens("7a") == table.score("7a") / 1024
    assert table.unit == 1 / 1024


@given(text=TEXTS, context=st.binary(max_size=6), name=st.sampled_from(sorted(TABLES)))
def test_scores_are_the_oracle_s(text: str | bytes, context: bytes, name: str) -> None:
    """For any text, bytes and context: score, tokens and cumulative equal the definition."""
    table = TABLES[name]
    want = oracle_costs(table, text, context)
    assert table.score(text, context) == sum(want)
    assert table.tokens(text, context) == sum(want) / 2**table.unit_exponent
    assert table.cumulative(text, context).tolist() == np.cumsum(want, dtype=np.int64).tolist()


@pytest.mark.parametrize(
    "text",
    ["", "\n", "7", "a", "é", "\ud800", "\ud83d\ude00", "\U0001f600", b"\xff", b"\x00", "0123456789" * 3],
    ids=ascii,
)
def test_named_edge_cases(table: NgramTable, text: str | bytes) -> None:
    """Empty, one byte, digits, broken UTF-8 and lone surrogates (unjoined even in a pair) score right."""
    want = oracle_costs(table, text)
    assert table.score(text) == sum(want)
    assert table.score_many([text, text]).tolist() == [sum(want)] * 2
    assert len(table.cumulative(text)) == len(want)


def test_a_surrogate_is_three_bytes() -> None:
    """A lone surrogate counts as the three bytes of its code point, as `surrogatepass` writes them."""
    assert TABLES["all orders"].score("\ud800") == TABLES["all orders"].score(b"\xed\xa0\x80")


def test_digits_are_folded() -> None:
    """All digits cost the same, in the text and in the context; their neighbours '/' and ':' do not."""
    table = TABLES["all orders"]
    assert table.score("a19", b"7") == table.score("a00", b"0")
    assert len({table.score(mark) for mark in "/0:"}) == 3


@pytest.mark.parametrize(
    "size", [n + d for n in (SHORT, BLOCK) for d in (-4, -1, 0, 1, 2, 3, 4)] + [2 * BLOCK, 2 * BLOCK + 1]
)
def test_around_the_borders(size: int) -> None:
    """Where the short path ends and where blocks meet, every path still equals the oracle."""
    table, data = TABLES["all orders"], mixed_bytes(size)
    want = oracle_costs(table, data, b"x9z")
    assert table.score(data, b"x9z") == sum(want)
    assert np.array_equal(table.cumulative(data, b"x9z"), np.cumsum(want))


def test_every_table_over_several_blocks(table: NgramTable) -> None:
    """The block path, 16 and 32 bits wide and with each set of orders, equals the oracle."""
    data = mixed_bytes(BLOCK + 5000)
    want = oracle_costs(table, data)
    assert table.score(data) == sum(want)
    assert np.array_equal(table.cumulative(data), np.cumsum(want))


@pytest.mark.parametrize("largest", [8191, 32767])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_megabyte_of_one_character_does_not_overflow(largest: int, sign: int) -> None:
    """At the largest weights of the 16-bit and of the wide path, a block's sum stays exact."""
    weights = tuple(np.full(2, sign * largest, np.int16) for _ in range(4))
    table = NgramTable("x", (1, 2, 3, 4), (1, 1, 1, 1), weights, 10)
    size = 2**20
    assert table.score("a" * size) == sign * largest * 4 * size
    assert table.cumulative(b"a" * size)[-1] == sign * largest * 4 * size


def test_the_lowest_weight_is_allowed() -> None:
    """A weight of -32768, whose absolute value does not fit 16 bits, is summed right."""
    table = NgramTable("x", (4,), (1,), (np.full(2, -32768, np.int16),), 10)
    assert table.score(b"a" * 5000) == -32768 * 5000


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=5))
def test_pieces_add_up(data: bytes, cuts: list[int]) -> None:
    """The cost of a text is the sum of its pieces' costs given what stands before them, to the last bit."""
    table = TABLES["all orders"]
    borders = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = pairwise(borders)
    assert sum(table.score(data[first:last], data[:first]) for first, last in pieces) == table.score(data)


def test_large_pieces_add_up(table: NgramTable) -> None:
    """Additivity holds across the short path, one block and several; cumulative has the same sums."""
    data = mixed_bytes(4 * BLOCK)
    borders = [0, 1, SHORT // 2, SHORT + 7, BLOCK + 3, 3 * BLOCK + 11, len(data)]
    parts = [table.score(data[a:b], data[max(0, a - 3) : a]) for a, b in pairwise(borders)]
    assert sum(parts) == table.score(data)
    sums = table.cumulative(data)
    assert np.cumsum(parts).tolist() == [int(sums[border - 1]) for border in borders[1:]]


@given(texts=st.lists(TEXTS, max_size=20))
def test_score_many_is_score_of_each(texts: list[str | bytes]) -> None:
    """Scored together, texts do not see each other: [score(t) for t in texts], empty ones included."""
    table = TABLES["all orders"]
    totals = table.score_many(iter(texts))
    assert totals.dtype == np.int64
    assert totals.tolist() == [table.score(text) for text in texts]


def test_score_many_across_blocks(table: NgramTable) -> None:
    """Long, short and empty texts in one call, with batches that fill a block to the last byte."""
    sizes = [0, 5, BLOCK - 3, 0, BLOCK - 4, 1, 3 * BLOCK, 200, 0, BLOCK, BLOCK // 2 - 3, BLOCK // 2 - 3, 7, 0]
    texts = [mixed_bytes(size) for size in sizes] + [mixed_bytes(size) for size in range(300)]
    assert table.score_many(texts).tolist() == [table.score(text) for text in texts]


def test_threads_do_not_share_buffers() -> None:
    """Eight threads that score different texts with one table get what one thread gets."""
    table = TABLES["all orders"]
    texts = [mixed_bytes(2 * BLOCK + size) for size in range(64)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(table.score, texts)) == [table.score(text) for text in texts]


@pytest.mark.parametrize("call", ["score", "cumulative", "tokens"])
def test_other_types_are_refused(call: str) -> None:
    """A text that is neither str nor bytes is a TypeError that names its type."""
    with pytest.raises(TypeError, match="not int"):
        getattr(TABLES["order 1"], call)(7)


def test_score_many_refuses_one_bare_text() -> None:
    """A str passed to score_many by mistake is not scored character by character."""
    with pytest.raises(TypeError, match="Call score"):
        TABLES["order 1"].score_many("abc")


def test_weights_are_the_table_s_own() -> None:
    """A table's weights are a read-only copy: a later change to the caller's array has no effect."""
    weights = np.arange(4, dtype=np.int16)
    table = NgramTable("x", (1,), (2,), (weights,), 10)
    weights[:] = 0
    assert table.weights[0].tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        table.weights[0][0] = 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tokenizer": ""}, "tokenizer"),
        ({"fold": "case"}, "fold is 'case'"),
        ({"multiplier": 0}, "multiplier"),
        ({"multiplier": 2**32}, "multiplier"),
        ({"unit_exponent": -1}, "unit_exponent"),
        ({"unit_exponent": True}, "unit_exponent is True"),
        ({"provenance": []}, "provenance"),
        ({"orders": (3, 1)}, "orders"),
        ({"orders": (1, 1)}, "orders"),
        ({"orders": (1, 5)}, r"tables\[1\].order is 5"),
        ({"orders": (), "bits": (), "weights": ()}, "orders"),
        ({"bits": (1,)}, "orders, bits, weights"),
        ({"bits": (1, 19)}, r"tables\[1\].bits"),
        ({"bits": (1, 3)}, r"tables\[1\].weights.*\(8,\)"),
        ({"weights": (np.zeros(2), np.zeros(4))}, r"tables\[0\].weights is 'float64"),
    ],
    ids=str,
)
def test_fields_out_of_range_are_refused(change: dict[str, Any], named: str) -> None:
    """Each field of a table that cannot be meant is a TableError that names it."""
    NgramTable(**GOOD)
    with pytest.raises(TableError, match=named):
        NgramTable(**{**GOOD, **change})
