"""Token ends of texts kept in a file, so that a slow tokenizer reads a text once."""

import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from token_approx.errors import InputError
from token_approx.files import write_whole
from token_approx.pretraining.pieces import Bytes, Ints
from token_approx.text.counts import encode

KEY_BYTES = 16


class EndsStore:
    """Token ends by text, from a NumPy archive: it holds digests of the texts and never a text.

    Calling it with a text returns the tokens that end at each of its bytes, shape (bytes,); what `find` had
    to find is in the file after `save`.
    """

    def __init__(self, path: str, tokenizer: str, find: Callable[[str], Bytes]) -> None:
        """Open the file `path` if there is one; `tokenizer` names whose token ends it holds.

        Raises:
            InputError: the file cannot be read, or holds those of another tokenizer.
        """
        self.path = Path(path)
        self.tokenizer = tokenizer
        self._find = find
        self._places: dict[bytes, tuple[int, int]] = {}
        self._ends: Bytes = np.empty(0, np.uint8)
        self._found: dict[bytes, Bytes] = {}
        if self.path.exists():
            self._read()

    def __call__(self, text: str) -> Bytes:
        """Return the token ends of a text, found before or now."""
        key = digest(text)
        place = self._places.get(key)
        if place is not None:
            return self._ends[place[0] : place[1]]
        if key not in self._found:
            self._found[key] = self._find(text)
        return self._found[key]

    def save(self) -> None:
        """Write the file whole, with what was found since it was read; nothing where nothing was."""
        if self._found:
            keys = [*self._places, *self._found]
            parts = [self._ends[low:high] for low, high in self._places.values()] + list(self._found.values())
            write_whole(self.path, pack(self.tokenizer, keys, parts))

    def _read(self) -> None:
        try:
            with np.load(self.path, allow_pickle=False) as file:
                tokenizer, self._ends = str(file["tokenizer"]), file["ends"]
                keys, borders = file["keys"], np.cumsum(np.append(0, file["sizes"]))
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise InputError(
                f"{self.path} is not a store of token ends. Give another tokenizer.store."
            ) from error
        if tokenizer != self.tokenizer:
            raise InputError(
                f"{self.path} holds token ends of {tokenizer}, not of {self.tokenizer}. Give another"
                " tokenizer.store."
            )
        rows = zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True)
        self._places = {bytes(key): row for key, row in zip(keys, rows, strict=True)}


def digest(text: str) -> bytes:
    """Return the key of a text: the first bytes of the SHA-256 of its UTF-8."""
    return hashlib.sha256(encode(text)).digest()[:KEY_BYTES]


def pack(tokenizer: str, keys: list[bytes], ends: list[Bytes]) -> bytes:
    """Return the store's file: keys (texts, 16), sizes (texts,) and all token ends after one another."""
    sizes: Ints = np.fromiter((part.size for part in ends), np.int64, len(ends))
    stream = BytesIO()
    np.savez_compressed(
        stream,
        tokenizer=np.array(tokenizer),
        keys=np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_BYTES),
        sizes=sizes,
        ends=np.concatenate(ends),
    )
    return stream.getvalue()
