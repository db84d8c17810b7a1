"""The cost of each byte under hashed n-gram weights: the arithmetic behind `NgramTable`, in numpy passes."""

import sys
import threading
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from .table_file import MAX_ORDER

# Bytes per block. MB/s on 2 MB of mixed text with orders (1, 2, 3, 4), best of 30: 16 KiB 196, 24 KiB 197,
# 32 KiB 204, 48 KiB 191, 64 KiB 169. Below, numpy's calls weigh; above, the L2 cache
# is crowded.
BLOCK = 32 * 1024
# Bytes before a text that its costs depend on, and what stands for them at the start.
BEFORE = MAX_ORDER - 1
START = b"\n" * BEFORE

Costs: TypeAlias = npt.NDArray[np.int16 | np.int32]

_PAIR = 2
_ALL_BYTES = np.uint32(2**32 - 1)
_ZERO, _TEN = np.uint8(ord("0")), np.uint8(10)
FOLD_DIGITS = bytes(ord("0") if ord("0") <= byte <= ord("9") else byte for byte in range(256))
FOLD_NOTHING = bytes(range(256))


class _Plane(NamedTuple):
    """One lookup per byte: weights[(key & mask) * multiplier >> shift], or weights[key & mask] if exact."""

    mask: np.uint32
    shift: np.uint32
    exact: bool
    weights: Costs


class Planes(NamedTuple):
    """A table prepared for scoring: its lookups, and the type that the sum of a block's costs fits."""

    lookups: tuple[_Plane, ...]
    multiplier: np.uint32
    fold: bool
    total: np.dtype[np.int32 | np.int64]


def build_planes(
    orders: tuple[int, ...],
    bits: tuple[int, ...],
    weights: tuple[npt.NDArray[np.int16], ...],
    multiplier: int,
    *,
    fold: bool,
) -> Planes:
    """Prepare a table's weights for scoring, in about 1 ms; the fields as `NgramTable` has them."""
    # Orders 1 and 2 become one table over all 65,536 byte pairs: one lookup less per byte (of 1 ns each).
    pairs = np.arange(2**16, dtype=np.uint32)
    merged = np.zeros(2**16, np.int32)
    lookups: list[_Plane] = []
    for order, width, values in zip(orders, bits, weights, strict=True):
        mask, shift = np.uint32(2 ** (8 * order) - 1), np.uint32(32 - width)
        if order <= _PAIR:
            merged += values[((pairs & mask) * np.uint32(multiplier)) >> shift]
        else:
            lookups.append(_Plane(mask, shift, exact=False, weights=values.astype(np.int32)))
    if orders[0] <= _PAIR:
        lookups.insert(0, _Plane(np.uint32(2**16 - 1), np.uint32(0), exact=True, weights=merged))
    # Costs are added in 16 bits where no byte can cost more: half the cache, and twice the additions per
    # instruction. A block of such costs fits 32 bits: 2^15 bytes of less than 2^15 each.
    narrow = sum(int(np.abs(plane.weights).max()) for plane in lookups) < 2**15
    kind = np.int16 if narrow else np.int32
    return Planes(
        tuple(plane._replace(weights=plane.weights.astype(kind)) for plane in lookups),
        np.uint32(multiplier),
        fold,
        np.dtype(np.int32 if narrow else np.int64),
    )


def keys_of(folded: bytes, start: int, size: int) -> npt.NDArray[np.uint32]:
    """Return the last four bytes up to each of `size` bytes from `start`; `folded` has BEFORE more ahead."""
    return np.ndarray((size,), ">u4", folded, start, (1,)).astype(np.uint32)


def short_score(planes: Planes, data: bytes, before: bytes) -> int:
    """Return the cost of a text of at most a few KiB with as few numpy calls as possible.

    `before` is the BEFORE bytes ahead of the text. The calls, not the bytes, are what a short text costs.
    """
    folded = (before + data).translate(FOLD_DIGITS) if planes.fold else before + data
    keys = keys_of(folded, 0, len(data))
    parts = []
    for mask, shift, exact, weights in planes.lookups:
        index = keys if mask == _ALL_BYTES else keys & mask
        if not exact:
            index = index * planes.multiplier
            index >>= shift
        parts.append(weights.take(index))
    costs = parts[0]
    for part in parts[1:]:
        costs += part
    return int(np.add.reduce(costs, dtype=np.int64))


def block_costs(planes: Planes, data: bytes, before: bytes) -> Iterator[Costs]:
    """Yield the cost of each byte of a text of any length, BLOCK bytes at a time.

    `before` is the BEFORE bytes ahead of the text. An array that was yielded is overwritten by the next one,
    and by any other call in the same thread.
    """
    folded = _WORK.folded
    context = before.translate(FOLD_DIGITS) if planes.fold else before
    folded[:BEFORE] = np.frombuffer(context, np.uint8)
    for start in range(0, len(data), BLOCK):
        size = min(BLOCK, len(data) - start)
        block = np.frombuffer(data, np.uint8, size, start)
        if planes.fold:
            _fold_digits(block, folded[BEFORE : BEFORE + size])
        else:
            folded[BEFORE : BEFORE + size] = block
        yield _costs_of_folded(planes, size)
        folded[:BEFORE] = folded[size : size + BEFORE]


class _Work(threading.local):
    """One block's buffers per thread (0.8 MiB): allocating them anew would cost page faults in every text."""

    def __init__(self) -> None:
        self.folded = np.empty(BEFORE + BLOCK, np.uint8)
        self.digit = np.empty(BLOCK, np.uint8)
        self.is_digit = np.empty(BLOCK, np.bool_)
        self.keys = np.empty(BLOCK, np.uint32)
        self.hashes = np.empty(BLOCK, np.uint32)
        self.index = np.empty(BLOCK, np.int64)
        self.costs: dict[np.dtype[np.int16 | np.int32], Costs] = {
            np.dtype(np.int16): np.empty((2, BLOCK), np.int16),
            np.dtype(np.int32): np.empty((2, BLOCK), np.int32),
        }


_WORK = _Work()


def _fold_digits(block: npt.NDArray[np.uint8], folded: npt.NDArray[np.uint8]) -> None:
    # Four passes over bytes, 0.25 ns per byte in all; bytes.translate takes 0.8.
    digit, is_digit = _WORK.digit[: block.size], _WORK.is_digit[: block.size]
    np.subtract(block, _ZERO, digit)
    np.less(digit, _TEN, is_digit)
    np.multiply(digit, is_digit.view(np.uint8), digit)
    np.subtract(block, digit, folded)


def _costs_of_folded(planes: Planes, size: int) -> Costs:
    work = _WORK
    keys, hashes, index = work.keys[:size], work.hashes[:size], work.index[:size]
    costs: Costs
    costs, more = work.costs[planes.lookups[0].weights.dtype][:, :size]
    # Overlapping big-endian windows, one per byte: a strided copy takes 0.5 ns per byte, shifts and ors 0.9.
    keys[:] = np.ndarray((size,), ">u4", work.folded, strides=(1,))
    target = costs
    for mask, shift, exact, weights in planes.lookups:
        if exact:
            index[:] = keys.view(np.uint16)[sys.byteorder == "big" :: 2]
        else:
            if mask == _ALL_BYTES:
                np.multiply(keys, planes.multiplier, hashes)
            else:
                np.bitwise_and(keys, mask, hashes)
                np.multiply(hashes, planes.multiplier, hashes)
            np.right_shift(hashes, shift, hashes)
            index[:] = hashes
        # Every index is in range: 'clip' only spares the copy that numpy makes for `out` under 'raise'.
        weights.take(index, None, target, "clip")
        if target is more:
            np.add(costs, more, costs)
        target = more
    return costs
