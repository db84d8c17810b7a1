"""A store of token ends: a text is read once, and the file says whose ends it holds."""

from pathlib import Path

import numpy as np
import pytest

from token_approx.errors import InputError
from token_approx.pretraining.pieces import Bytes
from token_approx.pretraining.store import EndsStore


class Slow:
    """Finds an end at every byte, and remembers what it was asked."""

    def __init__(self) -> None:
        """Begin without texts."""
        self.asked: list[str] = []

    def __call__(self, text: str) -> Bytes:
        """Return one end per byte."""
        self.asked.append(text)
        return np.ones(len(text.encode()), np.uint8)


def test_a_text_is_read_once(tmp_path: Path) -> None:
    """What a store has found it keeps, in the process and in the file, beside what it finds later."""
    path, slow = tmp_path / "ends.npz", Slow()
    store = EndsStore(str(path), "made-up", slow)
    assert [store(text).tolist() for text in ("abc", "d", "abc")] == [[1, 1, 1], [1], [1, 1, 1]]
    store.save()
    again = EndsStore(str(path), "made-up", slow)
    assert again("abc").tolist() == [1, 1, 1]
    assert again("é").tolist() == [1, 1]
    again.save()
    assert slow.asked == ["abc", "d", "é"]
    last = EndsStore(str(path), "made-up", slow)
    assert [last(text).size for text in ("abc", "d", "é")] == [3, 1, 2]
    assert len(slow.asked) == 3
    assert b"abc" not in path.read_bytes()


def test_other_files_are_refused(tmp_path: Path) -> None:
    """A file of another tokenizer, and one that is not a store, are named."""
    path = tmp_path / "ends.npz"
    store = EndsStore(str(path), "made-up", Slow())
    store("abc")
    store.save()
    with pytest.raises(InputError, match=r"ends\.npz holds token ends of made-up, not of another"):
        EndsStore(str(path), "another", Slow())
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"ends\.npz is not a store"):
        EndsStore(str(path), "made-up", Slow())
