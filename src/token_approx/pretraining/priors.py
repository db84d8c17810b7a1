"""Priors: n-gram tables that another is adapted from, brought to one layout.

The hash of an order with fewer bits is the beginning of the one with more, so that a table with fewer bits
is, each of its weights repeated, exactly a table with more: priors of several layouts add up in the largest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

import numpy as np

from token_approx.errors import InputError
from token_approx.pretraining.design import NINE, ZERO, Layout
from token_approx.pretraining.pieces import CONTINUATION, LEAD, Floats
from token_approx.text.known_ngrams import KnownNgrams
from token_approx.text.ngrams import KNUTH, NgramTable, shipped_tables

ALL = "all"
# A weight's spread among priors counts up to so many times the mean: some are of a single tokenizer's quirk.
MOST_SPREAD = 30.0


@dataclass(frozen=True, eq=False)
class Priors:
    """Tables by their files' names; `weights` are in tokens and in one layout, shape (priors, columns).

    `digests` are the SHA-256 of their files, None where a table is of no file.
    `known` are the n-grams that the training of every prior held, None if one of them does not say.
    """

    names: tuple[str, ...]
    layout: Layout
    weights: Floats
    known: KnownNgrams | None
    digests: dict[str, str | None] = field(default_factory=dict)

    @property
    def bases(self) -> Floats:
        """What a combination may weigh, shape (priors + 2, columns): the priors, bytes and code points.

        Bytes cost 1 each, code points by the byte that begins one. Where two bytes share a hash, they share
        the mean.
        """
        first = self.layout.bits[0]
        every = np.zeros((2, self.layout.size))
        bytes_ = np.arange(256, dtype=np.uint32)
        if self.layout.fold == "digits":
            bytes_ = bytes_[(bytes_ <= ZERO) | (bytes_ > NINE)]
        hashed = (bytes_ * np.uint32(KNUTH)) >> np.uint32(32 - first)
        begins = (bytes_ & LEAD) != CONTINUATION
        shared = np.maximum(np.bincount(hashed, minlength=1 << first), 1)
        every[0, : 1 << first] = 1.0
        every[1, : 1 << first] = np.bincount(hashed, begins, minlength=1 << first) / shared
        return np.concatenate([self.weights, every])

    @property
    def spread(self) -> Floats:
        """How much priors differ in each weight, shape (columns,): a variance, by order 1 in the mean.

        Of a single prior, and where no prior has a weight, it is 1.
        """
        variance: Floats = self.weights.var(axis=0)
        for part in np.split(variance, self.layout.offsets[1:-1]):
            mean = float(part.mean())
            part[:] = np.minimum(part / mean, MOST_SPREAD) if mean > 0 else 1.0
        return variance


def load_priors(names: Sequence[str]) -> Priors:
    """Load the tables of some names or paths, all shipped ones for `all`.

    Raises:
        InputError: a table cannot be read, is named twice, or hashes in another way than the others.
    """
    listed = names_of(names)
    if not listed:
        raise InputError(
            "Adapting needs a prior. Give prior=<names or paths of n-gram tables>, or prior=all."
        )
    stems = [Path(name).stem for name in listed]
    for stem in stems:
        if stems.count(stem) > 1:
            raise InputError(
                f"prior={','.join(listed)} names {stem} twice. Name each table once, under a name of its own."
            )
    tables = {stem: NgramTable.load(name) for stem, name in zip(stems, listed, strict=True)}
    layout = _layout(tables)
    weights = np.stack([widened(table, layout) for table in tables.values()])
    known = reduce(_both, (table.known for table in tables.values()))
    digests = {name: table.file_sha256 for name, table in tables.items()}
    return Priors(tuple(tables), layout, weights, known, digests)


def names_of(names: Sequence[str]) -> list[str]:
    """Return the names or paths that are meant: those of all shipped tables for `all`."""
    return list(shipped_tables()) if list(names) == [ALL] else list(names)


def _layout(tables: dict[str, NgramTable]) -> Layout:
    first = next(iter(tables))
    for name, table in tables.items():
        if (table.fold, table.multiplier) != (tables[first].fold, KNUTH):
            raise InputError(
                f"The table {name} hashes n-grams in another way than {first}: fold {table.fold}, multiplier"
                f" {table.multiplier}. Leave it out of prior=."
            )
    most = max(order for table in tables.values() for order in table.orders)
    bits = [
        max(
            (bits for t in tables.values() for o, bits in zip(t.orders, t.bits, strict=True) if o == order),
            default=1,
        )
        for order in range(1, most + 1)
    ]
    return Layout(tuple(bits), tables[first].fold)


def widened(table: NgramTable, layout: Layout) -> Floats:
    """Return a table's weights in tokens in a layout of at least as many bits, shape (columns,)."""
    weights = np.zeros(layout.size)
    parts = np.split(weights, layout.offsets[1:-1])
    for order, bits, values in zip(table.orders, table.bits, table.weights, strict=True):
        parts[order - 1][:] = np.repeat(values * table.unit, 1 << (layout.bits[order - 1] - bits))
    return weights


def _both(one: KnownNgrams | None, other: KnownNgrams | None) -> KnownNgrams | None:
    if one is None or other is None or len(one.threes) != len(other.threes):
        return None
    pairs, threes = (
        (np.frombuffer(a, np.uint8) & np.frombuffer(b, np.uint8)).tobytes()
        for a, b in ((one.pairs, other.pairs), (one.threes, other.threes))
    )
    return KnownNgrams(pairs, threes)
