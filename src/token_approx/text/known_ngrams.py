"""Which n-grams the training of a table held: a text of many others is one that the table cannot know.

There is a bit for each of the 65,536 pairs of bytes, and one for each hash of three bytes. It is set if the
training texts held such n-grams often enough. Bytes are folded and hashed as they are for the table's costs.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

NGRAM, RARE = "ngram_", "rare_"
PAIR_BYTES = 2**16 // 8
MAX_THREES_BITS = 17
# Bytes before a text, as there are before it for its costs.
BEFORE = 3
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
        pairs, threes = self._unknown
        shift, factor = np.uint32(32 - self.threes_bits), np.uint32(multiplier)
        found = 0
        for start in range(0, len(folded) - BEFORE, BLOCK):
            size = min(BLOCK, len(folded) - BEFORE - start)
            keys = np.ndarray((size,), ">u4", folded, start, (1,)).astype(np.uint32)
            found += int(np.add.reduce(pairs.take(keys & _PAIR), dtype=np.int64))
            found += int(np.add.reduce(threes.take(((keys & _THREE) * factor) >> shift), dtype=np.int64))
        return found

    def rare_places(self, folded: bytes, multiplier: int) -> npt.NDArray[np.uint8]:
        """Return how many of the n-grams that end at each byte of a text are not known: 0 to 2, (bytes,)."""
        pairs, threes = self._unknown
        keys = np.ndarray((len(folded) - BEFORE,), ">u4", folded, 0, (1,)).astype(np.uint32)
        hashes = ((keys & _THREE) * np.uint32(multiplier)) >> np.uint32(32 - self.threes_bits)
        return pairs.take(keys & _PAIR) + threes.take(hashes)

    @cached_property
    def _unknown(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        # 1 for each n-gram that is not known.
        pairs, threes = (
            1 - np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")
            for bits in (self.pairs, self.threes)
        )
        return pairs, threes
