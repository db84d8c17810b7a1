"""The features of a text that comes in pieces: those of the whole, to the last bit, in constant memory."""

import codecs
from collections.abc import Mapping
from dataclasses import asdict

from .counts import CONTINUATION_BYTES, Counts, count_words, encode
from .known_ngrams import rare_name
from .ngram_costs import BEFORE
from .ngrams import NgramTable


class TextStream:
    r"""The cost and the basic counts, so far, of a text given piece by piece.

    A piece may end anywhere, even inside of a code point or a word.

    >>> stream = TextStream({})
    >>> for piece in (b"na\xc3", b"\xafve ca", "fé\n"):
    ...     stream.add(piece)
    >>> stream.features()
    {'bytes': 13, 'runes': 11, 'words': 2, 'lines': 2}
    """

    def __init__(self, tables: Mapping[str, NgramTable], *, basic: bool = True) -> None:
        """Begin with the empty text; `basic` false leaves the basic counts out, which cost most."""
        self._tables = tables
        self._units = dict.fromkeys(tables, 0)
        self._rare = {name: 0 for name, table in tables.items() if table.known is not None}
        self._before = b""
        self._basic = basic
        self._bytes = self._runes = self._words = self._feeds = 0
        self._in_word = False
        # It holds back the beginning of a code point that a piece ends in.
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def add(self, piece: str | bytes) -> None:
        """Append a piece (a string, or UTF-8 bytes)."""
        data = piece if isinstance(piece, bytes) else encode(piece)
        for name, table in self._tables.items():
            self._units[name] += table.score(data, self._before)
            if name in self._rare and self._basic:
                self._rare[name] += table.rare(data, self._before)
        self._before = (self._before + data[-BEFORE:])[-BEFORE:]
        if self._basic:
            self._bytes += len(data)
            self._runes += len(data.translate(None, CONTINUATION_BYTES))
            self._feeds += data.count(b"\n")
            self._add_words(self._decoder.decode(data))

    def features(self) -> dict[str, float]:
        """Return the cost so far under each table, in tokens, and unless left out the basic counts."""
        found = {name: self._units[name] * table.unit for name, table in self._tables.items()}
        if self._basic:
            held_back, _ = self._decoder.getstate()
            # Should nothing follow, the bytes held back are no white space.
            words = self._words + (bool(held_back) and not self._in_word)
            lines = self._feeds + 1 if self._bytes else 0
            found |= {rare_name(name): rare for name, rare in self._rare.items()}
            found |= asdict(Counts(self._bytes, self._runes, words, lines))
        return found

    def _add_words(self, text: str) -> None:
        if text:
            goes_on = self._in_word and count_words(text[0])
            self._words += count_words(text) - goes_on
            self._in_word = bool(count_words(text[-1]))
