"""Texts and tables that the native kernel is tried on; as a program, it compares the kernels on them.

    python -m tests.text.kernel_corpus ROUNDS

The tests run it as such where the native kernel was built with sanitizers.
"""

import sys
from collections.abc import Iterator

import numpy as np

from token_approx.text import kernel
from token_approx.text.counts import count, count_many
from token_approx.text.measuring import Meter
from token_approx.text.ngrams import NgramTable
from token_approx.text.prefixes import prefixes

# White space of one to three bytes, parts of it and of other code points, digits, surrogates.
PIECES = [
    *(chr(code).encode() for code in (0x09, 0x20, 0x85, 0xA0, 0x1680, 0x2003, 0x2029, 0x205F, 0x3000)),
    *(
        b"\xc2",
        b"\xe1",
        b"\xe1\x9a",
        b"\xe2\x80",
        b"\xe2\x81",
        b"\xe3",
        b"\xe3\x80",
        b"\xed\xa0\x80",
        b"\x80",
    ),
    *(b"\xff", b"\x00", b"\x1c", b"\n", b"07", b"9", b"word", "é日😀".encode()),
]


def random_table(random: np.random.Generator) -> NgramTable:
    """Return a table of any orders, bits, weights, multiplier and fold."""
    orders = tuple(sorted(random.choice([1, 2, 3, 4], random.integers(1, 5), replace=False).tolist()))
    bits = tuple(random.integers(1, 14, len(orders)).tolist())
    largest = int(random.choice([10, 4000, 32767]))
    weights = tuple(random.integers(-largest - 1, largest + 1, 2**width).astype(np.int16) for width in bits)
    return NgramTable(
        "made-up",
        orders,
        bits,
        weights,
        unit_exponent=10,
        fold=str(random.choice(["digits", "none"])),
        multiplier=int(random.integers(1, 2**32)),
    )


def random_meter(random: np.random.Generator) -> Meter:
    """Return a meter of a random table, with bitmaps of any size or none."""
    threes = random.bytes(2 ** int(random.integers(0, 15)))
    return Meter(
        random_table(random),
        random.bytes(8192) if random.random() < 0.7 else None,
        threes if random.random() < 0.7 else None,
    )


def random_text(random: np.random.Generator, size: int) -> bytes:
    """Return about `size` bytes of one kind or another."""
    kind = random.integers(0, 4)
    if kind == 0:
        return random.bytes(size)
    if kind == 1:
        return random.integers(44, 62, size).astype(np.uint8).tobytes()
    if kind == 2:  # one piece, again and again
        return PIECES[random.integers(len(PIECES))] * size
    return b"".join(PIECES[place] for place in random.integers(0, len(PIECES), size))


def results(meter: Meter, text: bytes, context: bytes, texts: list[bytes]) -> Iterator[object]:
    """Yield all that a kernel computes, of a text after a context and of several texts together."""
    yield meter.table.score(text, context)
    yield meter.table.cumulative(text, context).tolist()
    yield meter.table.score_many(texts).tolist()
    yield count(text)
    yield {name: values.tolist() for name, values in count_many(texts).items()}
    yield meter.measure(text)
    found = meter.measure_many(texts)
    yield [values.tolist() for values in (*found.counts.values(), *found[1:])]
    tables = {"cost": meter.table}
    for block in prefixes(text, min(3, len(text)), tables, basic=True, first=1 + len(text) // 3):
        yield block.whole.tolist()
        yield {name: values[block.whole].tolist() for name, values in block.features.items()}


def compare(rounds: int, seed: int = 0) -> int:
    """Compare the kernels on random texts and tables; return how many results were equal.

    Raises:
        AssertionError: a result differs; the message holds what it takes to see it again.
    """
    native = kernel.native
    random = np.random.default_rng(seed)
    equal = 0
    for number in range(rounds):
        meter = random_meter(random)
        size = int(random.choice([number % 11, 63, 64, 65, 200, 9000]))
        text, context = random_text(random, size), random.bytes(int(random.integers(0, 6)))
        texts = [
            random_text(random, int(random.integers(0, 80))) for _ in range(int(random.integers(0, 300)))
        ]
        try:
            kernel.native = native
            found = list(results(meter, text, context, texts))
            kernel.native = None
            expected = list(results(meter, text, context, texts))
        finally:
            kernel.native = native
        assert found == expected, (seed, number, meter.table.orders, text, context)
        equal += len(found)
    return equal


if __name__ == "__main__":
    print(kernel.name(), compare(int(sys.argv[1])))  # noqa: T201 - it is a program
