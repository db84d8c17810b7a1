"""Made-up tables, texts for them, and what a table's costs are by the definition."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from token_approx.text.ngrams import NgramTable

STRINGS = st.text(st.characters(codec=None), max_size=200)  # lone surrogates included
TEXTS = st.one_of(STRINGS, st.binary(max_size=200), st.text("0123456789 a\n", max_size=50))


def make_table(
    orders: tuple[int, ...], bits: tuple[int, ...], largest: int = 3000, seed: int = 1
) -> NgramTable:
    """Return a table of random weights in -largest..largest."""
    random = np.random.default_rng(seed)
    weights = tuple(random.integers(-largest - 1, largest + 1, 2**width).astype(np.int16) for width in bits)
    return NgramTable("made-up", orders, bits, weights, unit_exponent=10, provenance={"made": "for a test"})


TABLES = {
    "all orders": make_table((1, 2, 3, 4), (8, 10, 9, 11)),
    # Weights so large that a byte's cost overflows 16 bits: the wide path.
    "wide": make_table((1, 2, 3, 4), (8, 10, 9, 11), largest=32767),
    "order 1": make_table((1,), (3,)),
    "order 2": make_table((2,), (12,)),
    "orders 1 and 2": make_table((1, 2), (8, 8), largest=32767),
    "orders 3 and 4": make_table((3, 4), (16, 1)),
    "order 4": make_table((4,), (17,)),
    "digits as they are": replace(make_table((1, 2, 3, 4), (8, 10, 9, 11), seed=2), fold="none"),
    "another multiplier": NgramTable(
        "x", (2, 3), (4, 5), (np.arange(16, dtype="i2"), np.arange(32, dtype="i2")), 0, multiplier=40503
    ),
}


def oracle_costs(table: NgramTable, text: str | bytes, context: bytes = b"") -> list[int]:
    """Return each byte's cost straight from the definition, in Python integers."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    window = b"\n\n\n\n" + context + data
    fold = table.fold == "digits"
    folded = [48 if fold and 48 <= byte <= 57 else byte for byte in window]
    costs = []
    for end in range(len(folded) - len(data) + 1, len(folded) + 1):
        cost = 0
        for order, bits, weights in zip(table.orders, table.bits, table.weights, strict=True):
            key = int.from_bytes(bytes(folded[end - order : end]), "big")
            cost += int(weights[(key * table.multiplier % 2**32) >> (32 - bits)])
        costs.append(cost)
    return costs


def mixed_bytes(size: int) -> bytes:
    """Return bytes in which digits, LF, ASCII and all high bytes are frequent."""
    random = np.random.default_rng(size)
    near_digits, any_byte = random.integers(44, 62, size), random.integers(0, 256, size)
    return np.where(random.random(size) < 0.5, near_digits, any_byte).astype(np.uint8).tobytes()


GOOD: dict[str, Any] = {
    "tokenizer": "x",
    "orders": (1, 3),
    "bits": (1, 2),
    "weights": (np.zeros(2, np.int16), np.zeros(4, np.int16)),
    "unit_exponent": 10,
}
