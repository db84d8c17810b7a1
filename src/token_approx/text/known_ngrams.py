"""Which n-grams the training of a table held: a text of many others is one that the table cannot know.

There is a bit for each of the 65,536 pairs of bytes, and one for each hash of three bytes. It is set if the
training texts held such n-grams often enough. Bytes are folded and hashed as they are for the table's costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

NGRAM, RARE = "ngram_", "rare_"
PAIR_BYTES = 2**16 // 8
MAX_THREES_BITS = 17
# Bytes before a text, as there are before it for its costs.
BEFORE = 3
START = b"\n" * BEFORE
# Bytes whose n-grams are looked up together.
BLOCK = 32 * 1024
_PAIR, _THREE = np.uint32(2**16 - 1), np.uint32(2**24 - 1)


def rare_name(feature: str) -> str:
    """Return the name of the feature that counts a text's rare n-grams, for the table of a feature."""
    return RARE + feature.removeprefix(NGRAM)


@dataclass(frozen=True, eq=False)
class KnownNgrams:
    """Bitmaps of the n-grams that training held: bit i % 8 of byte i // 8 is set for a known one.

    `pairs` (8,192 bytes) is by the pair as a big-endian integer, `threes` (a power of two, at most 16,384
    bytes) by the hash h(k) = (k * multiplier mod 2^32) >> (32 - bits) of three bytes k, 2^bits being the bits
    it holds.
    """

    pairs: bytes = field(repr=False)
    threes: bytes = field(repr=False)

    @property
    def threes_bits(self) -> int:
        """The number of bits of a hash of three bytes."""
        return (8 * len(self.threes)).bit_length() - 1

    def rare(self, folded: bytes, multiplier: int) -> int:
        """Return how many n-grams of a text are not known: pairs and threes, one of each per byte.

        `folded` is the text after the three bytes before it, all folded.
        """
        found = 0
        for start in range(0, len(folded) - BEFORE, BLOCK):
            size = min(BLOCK, len(folded) - BEFORE - start)
            flags = self._flags(folded, start, size, multiplier)
            found += int(np.add.reduce(flags, dtype=np.int64))
        return found

    def rare_many(self, texts: Sequence[bytes], fold: bytes, multiplier: int) -> npt.NDArray[np.int64]:
        """Return `rare` of each text, shape (texts,), counted together in blocks; `fold` maps each byte."""
        found: list[npt.NDArray[np.int64]] = []
        batch: list[bytes] = []
        room = BLOCK
        for text in texts:
            room -= len(text) + BEFORE
            if room < 0:
                found.append(self._rare_batch(batch, fold, multiplier))
                batch, room = [], BLOCK - len(text) - BEFORE
            batch.append(text)
        return np.concatenate([*found, self._rare_batch(batch, fold, multiplier)])

    def _rare_batch(self, batch: list[bytes], fold: bytes, multiplier: int) -> npt.NDArray[np.int64]:
        if len(batch) <= 1:  # the only case in which a text may be longer than a block
            folded = [(START + text).translate(fold) for text in batch]
            return np.array([self.rare(text, multiplier) for text in folded], np.int64)
        # What stands before a text is the end of the one before it.
        joined = START.join([b"", *batch]).translate(fold)
        flags = self._flags(joined, 0, len(joined) - BEFORE, multiplier)
        sums = np.concatenate([[0], np.cumsum(flags, dtype=np.int64)])
        ends = np.cumsum([len(text) + BEFORE for text in batch]) - BEFORE
        found: npt.NDArray[np.int64] = sums[ends] - sums[ends - np.fromiter(map(len, batch), np.int64)]
        return found

    def _flags(self, folded: bytes, start: int, size: int, multiplier: int) -> npt.NDArray[np.uint8]:
        # How many of the n-grams that end at each byte are not known: 0 to 2.
        pairs, threes = self._unknown
        keys = np.ndarray((size,), ">u4", folded, start, (1,)).astype(np.uint32)
        flags = pairs.take(keys & _PAIR)
        keys &= _THREE
        keys *= np.uint32(multiplier)
        keys >>= np.uint32(32 - self.threes_bits)
        flags += threes.take(keys)
        return flags

    @cached_property
    def _unknown(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        # 1 for each n-gram that is not known.
        pairs, threes = (
            1 - np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")
            for bits in (self.pairs, self.threes)
        )
        return pairs, threes
