"""All that is known of a text from its bytes, in one pass: counts, cost, and n-grams that were never seen."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import kernel
from .counts import NAMES, count, count_many, encode
from .ngram_costs import START, keys_of
from .ngrams import NgramTable

if TYPE_CHECKING:
    from ._kernel import Plan

Integers = npt.NDArray[np.int64]
# Bytes whose n-grams are looked up together in numpy.
BLOCK = 32 * 1024
ALL_SEEN = b"\xff" * 8192
_PAIR, _THREE = np.uint32(2**16 - 1), np.uint32(2**24 - 1)


class Measure(NamedTuple):
    """What is known of a text: its counts, its cost in a table's units, and its places of unseen n-grams.

    `unseen_pairs` is the number of bytes that end a pair which was not seen, `unseen_threes` of those that
    end three bytes whose hash was not seen. Bytes before the text are line feeds, as they are for its cost.
    """

    bytes: int
    runes: int
    words: int
    lines: int
    units: int
    unseen_pairs: int
    unseen_threes: int


class Measures(NamedTuple):
    """What is known of texts: `counts` by name, the others as in `Measure`, each of shape (texts,)."""

    counts: dict[str, npt.NDArray[np.float64]]
    units: Integers
    unseen_pairs: Integers
    unseen_threes: Integers


@dataclass(frozen=True, eq=False)
class Meter:
    """Measures texts under a table, and against bitmaps of the n-grams that were seen, if any.

    `seen_pairs` has a bit for each of the 65,536 pairs of bytes, folded as the table folds them: bit i % 8 of
    byte i // 8. `seen_threes` has one for each hash of three bytes, of a power of two up to 2^17, by the
    table's multiplier. None stands for a bitmap in which all were seen. Several threads may use one instance.
    """

    table: NgramTable
    seen_pairs: bytes | None = field(default=None, repr=False)
    seen_threes: bytes | None = field(default=None, repr=False)

    def measure(self, text: str | bytes) -> Measure:
        """Return what is known of one text."""
        if kernel.native is not None:
            return Measure._make(kernel.native.measure(self._plan, text))
        data = encode(text) if isinstance(text, str) else text
        return Measure._make((*astuple(count(data)), self.table.score(data), *self._unseen(data)))

    def measure_many(self, texts: Sequence[str | bytes]) -> Measures:
        """Return what is known of each text, in as many rows."""
        unseen = np.zeros((2, len(texts)), np.int64)
        if kernel.native is not None:
            units, counts = np.empty(len(texts), np.int64), np.empty((len(NAMES), len(texts)))
            kernel.native.measure_many(self._plan, list(texts), units, counts, unseen)
            return Measures(dict(zip(NAMES, counts, strict=True)), units, *unseen)
        data = [encode(text) if isinstance(text, str) else text for text in texts]
        if self.seen_pairs is not None or self.seen_threes is not None:
            for place, text in enumerate(data):
                unseen[:, place] = self._unseen(text)
        return Measures(count_many(data), self.table.score_many(data), *unseen)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made from the fields: it cannot be pickled."""
        return {name: value for name, value in self.__dict__.items() if name in self.__dataclass_fields__}

    @cached_property
    def _plan(self) -> "Plan":
        if self.seen_pairs is None and self.seen_threes is None:
            return self.table.plan
        return self.table.checking_plan(self.seen_pairs, self.seen_threes)

    @cached_property
    def _unseen_bits(self) -> list[npt.NDArray[np.uint8]]:
        # Of pairs and threes: 1 for each that was not seen.
        bitmaps = [np.frombuffer(seen or ALL_SEEN, np.uint8) for seen in (self.seen_pairs, self.seen_threes)]
        return [1 - np.unpackbits(bitmap, bitorder="little") for bitmap in bitmaps]

    def _unseen(self, data: bytes) -> tuple[int, int]:
        of_pairs, of_threes = self._unseen_bits
        shift = np.uint32(33 - len(of_threes).bit_length())
        folded = (START + data).translate(self.table.fold_table)
        pairs = threes = 0
        for start in range(0, len(data), BLOCK):
            keys = keys_of(folded, start, min(BLOCK, len(data) - start))
            hashes = ((keys & _THREE) * np.uint32(self.table.multiplier)) >> shift
            pairs += int(of_pairs[keys & _PAIR].sum(dtype=np.int64))
            threes += int(of_threes[hashes].sum(dtype=np.int64))
        return pairs, threes
