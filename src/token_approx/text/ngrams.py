"""N-gram tables: what a text costs under hashed byte n-grams with 16-bit weights, exactly and fast.

The cost of a text is the sum, over its byte positions i and the table's orders n, of
W_n[h(b_{i-n+1} ... b_i)]: ASCII digits count as '0' where the table folds them, bytes before the text as LF,
and
h(k) = (k * multiplier mod 2^32) >> (32 - bits_n) for k the n bytes as a big-endian integer.
It is a linear model over hashed features (Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask
Learning") with Knuth's multiplicative hash (The Art of Computer Programming, volume 3, section 6.4).
Weights are integers, so the sum is exact: it does not depend on how a text is cut.

For example, with order 2 alone, the text "7a" costs W_2[h(0x0A30)] + W_2[h(0x3061)].
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from ..files import write_whole
from . import kernel
from .counts import encode
from .known_ngrams import KnownNgrams
from .ngram_costs import (
    BEFORE,
    BLOCK,
    FOLD_DIGITS,
    FOLD_NOTHING,
    START,
    Planes,
    block_costs,
    build_planes,
    short_score,
)
from .packed_table import PACKED, pack, read_table
from .table_file import MAX_FILE_BYTES, TableError, TableFields, check_fields, render

if TYPE_CHECKING:
    from ._kernel import Plan

__all__ = ["KNUTH", "NgramTable", "TableError"]

KNUTH = 2654435761
SUFFIXES = (".json", PACKED)

# Bytes up to which fresh arrays beat the block's buffers: 200 bytes take 10 us against 16, 2 KiB 20 against
# 25, 8 KiB the same.
SHORT = 4096


@dataclass(frozen=True, eq=False)
class NgramTable:
    """An n-gram table: hashed weights of byte n-grams that approximate one tokenizer's token counts.

    `orders` ascend within 1..4; `weights[j]` is an int16 array of length 2**bits[j], kept as a read-only
    copy, in units of 2**-unit_exponent tokens. `tokenizer` names what the table imitates, `provenance` holds
    JSON values, `known` which n-grams its training held, None if nobody knows. `file_sha256` is the digest of
    the file the table was loaded from (of the JSON that it stands for where it is packed), or None. Raises
    TableError for a field of the wrong type, length or range. Several threads may use one instance at once.
    """

    tokenizer: str
    orders: tuple[int, ...]
    bits: tuple[int, ...]
    weights: tuple[npt.NDArray[np.int16], ...] = field(repr=False)
    unit_exponent: int
    fold: str = "digits"
    multiplier: int = KNUTH
    provenance: dict[str, Any] = field(default_factory=dict, repr=False)
    file_sha256: str | None = None
    known: KnownNgrams | None = None

    def __post_init__(self) -> None:
        """Check every field and take read-only copies of the weights."""
        check_fields(self._fields())
        copies = tuple(values.copy() for values in self.weights)
        for values in copies:
            values.flags.writeable = False
        object.__setattr__(self, "weights", copies)

    @classmethod
    def load(cls, source: str | os.PathLike[str]) -> Self:
        """Load a shipped table, or one of TOKEN_APPROX_TABLES, by its name, or a table file by its path.

        A string without a path separator that ends in neither `.json` nor `.packed` is a name. Raises
        TableError, naming the file, the field and how to correct it, when there is no such table or it is not
        sound.
        """
        path = Path(source)
        if isinstance(source, str) and path.name == source and path.suffix not in SUFFIXES:
            from .own_tables import known_file  # noqa: PLC0415 - a table beside a model is loaded by path

            path = known_file(source)
        try:
            with path.open("rb") as stream:
                fields, digest = read_table(stream.read(MAX_FILE_BYTES + 1))
            return cls(**fields, file_sha256=digest)
        except OSError as problem:
            message = f"{path} cannot be read ({problem.strerror}). Check the path."
            raise TableError(message) from None
        except TableError as problem:
            message = f"{path}: {problem}"
            raise TableError(message) from None
        except ValueError as problem:  # a NUL in the path
            message = f"{str(path)!r} cannot be read ({problem}). Give the path of an n-gram table."
            raise TableError(message) from None

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write the table's file whole, packed where its name ends in `.packed`; return its JSON's SHA-256.

        Equal tables give equal bytes. Raises TableError past the largest JSON a file may hold or when the
        provenance is not JSON, and InputError when the file cannot be written.
        """
        raw = self.json()
        write_whole(Path(path), pack(self._fields()) if Path(path).suffix == PACKED else raw)
        return hashlib.sha256(raw).hexdigest()

    def json(self) -> bytes:
        """Return the table's file as JSON, the contract's form of it; raises TableError as `save` does."""
        return render(self._fields())

    @cached_property
    def unit(self) -> float:
        """Tokens per unit of cost: 2**-unit_exponent."""
        return 2.0**-self.unit_exponent

    def score(self, text: str | bytes, context: bytes = b"") -> int:
        """Return the cost of a text in units: an exact integer, which may be negative.

        A str counts as its UTF-8 bytes, a lone surrogate as three. `context` is what stands before the text,
        of which the last three bytes matter; with it the costs of a text's pieces add up to the cost of the
        text exactly. Memory beyond the text's bytes is one block's. Raises TypeError for other types.
        """
        if kernel.native is not None:
            return self.plan.score(text, context)
        data = _utf8(text)
        if len(data) <= SHORT:
            return short_score(self._planes, data, _window_before(context))
        blocks = block_costs(self._planes, data, _window_before(context))
        return sum(int(np.add.reduce(costs, dtype=self._planes.total)) for costs in blocks)

    def tokens(self, text: str | bytes, context: bytes = b"") -> float:
        """Return the cost of a text in tokens, score(text, context) * unit: exact below 2**53 units."""
        return self.score(text, context) * self.unit

    def score_many(self, texts: Iterable[str | bytes]) -> npt.NDArray[np.int64]:
        """Return the cost in units of each text, [score(text) for text in texts], int64 of shape (texts,).

        Texts are scored together in blocks, each as if it stood alone. Raises TypeError for one bare text.
        """
        if isinstance(texts, str | bytes):
            message = "A list of texts is needed, and a single text was given. Call score for one text."
            raise TypeError(message)
        if kernel.native is not None:
            listed = list(texts)
            units = np.empty(len(listed), np.int64)
            kernel.native.measure_many(self.plan, listed, units, None, None)
            return units
        totals: list[npt.NDArray[np.int64]] = []
        batch: list[bytes] = []
        room = BLOCK
        for text in texts:
            data = _utf8(text)
            room -= len(data) + BEFORE
            if room < 0:
                totals.append(self._score_batch(batch))
                batch, room = [], BLOCK - len(data) - BEFORE
            batch.append(data)
        totals.append(self._score_batch(batch))
        return np.concatenate(totals)

    def rare(self, text: str | bytes, context: bytes = b"") -> int:
        """Return how many n-grams of a text, of two or three bytes, its training hardly held; 0 if unknown.

        There are two of them per byte. As with `score`, those of a text's pieces add up to those of the text.
        """
        if self.known is None:
            return 0
        folded = _window_before(context) + _utf8(text)
        return self.known.rare(folded.translate(self.fold_table), self.multiplier)

    def rare_many(self, texts: Sequence[str | bytes]) -> npt.NDArray[np.int64]:
        """Return `rare` of each text, int64 of shape (texts,)."""
        if self.known is None:
            return np.zeros(len(texts), np.int64)
        return self.known.rare_many([_utf8(text) for text in texts], self.fold_table, self.multiplier)

    def score_and_rare_many(
        self, texts: Sequence[str | bytes]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return `score_many` and `rare_many` of texts; the native kernel finds both in one pass."""
        if kernel.native is None:
            return self.score_many(texts), self.rare_many(texts)
        units, unseen = np.empty(len(texts), np.int64), np.empty((2, len(texts)), np.int64)
        kernel.native.measure_many(self.checked_plan, list(texts), units, None, unseen)
        return units, unseen.sum(axis=0)

    def cumulative(self, text: str | bytes, context: bytes = b"") -> npt.NDArray[np.int64]:
        """Return the cost in units of the text up to and including each byte, int64 of shape (bytes,).

        The last element equals score(text, context). Costs may be negative, so the sums need not ascend.
        """
        data = _utf8(text)
        sums = np.empty(len(data), np.int64)
        if kernel.native is not None:
            self.plan.cumulative(data, context, sums)
            return sums
        start, carry = 0, np.int64(0)
        for costs in block_costs(self._planes, data, _window_before(context)):
            part = sums[start : start + costs.size]
            np.cumsum(costs, dtype=np.int64, out=part)
            part += carry
            start, carry = start + costs.size, part[-1]
        return sums

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made from the fields: the plan of the native kernel cannot be pickled."""
        return {name: value for name, value in self.__dict__.items() if name in self.__dataclass_fields__}

    @cached_property
    def plan(self) -> "Plan":
        """The table as the native kernel looks it up, made in 1 ms."""
        return self.checking_plan(None, None)

    @cached_property
    def checked_plan(self) -> "Plan":
        """The plan that also counts rare n-grams, if the table knows which are; made in 1 ms."""
        return self.plan if self.known is None else self.checking_plan(self.known.pairs, self.known.threes)

    def checking_plan(self, seen_pairs: bytes | None, seen_threes: bytes | None) -> "Plan":
        """Return the table as the native kernel looks it up, with bitmaps of the n-grams that were seen."""
        from ._kernel import Plan  # noqa: PLC0415 - it is optional

        tables = tuple(zip(self.orders, self.bits, self.weights, strict=True))
        return Plan(tables, self.multiplier, self.fold_table, seen_pairs, seen_threes)

    @property
    def fold_table(self) -> bytes:
        """What stands for each of the 256 bytes."""
        return FOLD_DIGITS if self.fold == "digits" else FOLD_NOTHING

    def _fields(self) -> TableFields:
        return TableFields(
            tokenizer=self.tokenizer,
            orders=self.orders,
            bits=self.bits,
            weights=self.weights,
            unit_exponent=self.unit_exponent,
            fold=self.fold,
            multiplier=self.multiplier,
            provenance=self.provenance,
            known=self.known,
        )

    @cached_property
    def _planes(self) -> Planes:
        return build_planes(self.orders, self.bits, self.weights, self.multiplier, fold=self.fold == "digits")

    def _score_batch(self, batch: list[bytes]) -> npt.NDArray[np.int64]:
        if len(batch) <= 1:  # the only case in which a text may be longer than a block
            return np.array([self.score(data) for data in batch], np.int64)
        # A START after every text is the context of the next one, and keeps every border inside the array.
        (costs,) = block_costs(self._planes, START.join([*batch, b""]), START)
        lengths = np.fromiter(map(len, batch), np.int64, len(batch))
        borders = np.empty((len(batch), 2), np.int64)
        np.subtract(np.cumsum(lengths + BEFORE), BEFORE, borders[:, 1])
        np.subtract(borders[:, 1], lengths, borders[:, 0])
        # 0.4 ns per byte, where the differences of a cumulative sum take 2.7.
        sums = np.add.reduceat(costs, borders.ravel(), dtype=np.int64)[::2]
        sums[lengths == 0] = 0  # reduceat gives an empty range its first element
        return sums


def _window_before(context: bytes) -> bytes:
    return context[-BEFORE:].rjust(BEFORE, b"\n")


def _utf8(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    if isinstance(text, str):
        return encode(text)
    message = f"A text must be str or bytes, not {type(text).__name__}."
    raise TypeError(message)


def shipped_tables() -> dict[str, Path]:
    """Return the files of the tables that the package brings, by name, in the names' order.

    There are none in the copy of the code that a registered version carries: its own tables are beside it.
    """
    # Imported here: a table beside model_coefs.json is loaded by path and need not pay for this import.
    from importlib.resources import files  # noqa: PLC0415

    folder = Path(str(files(__package__))) / "tables"
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return {entry.stem: entry for entry in found if entry.suffix in SUFFIXES}
