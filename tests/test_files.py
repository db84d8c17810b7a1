"""What is written is written whole or not at all, and what cannot be is one line that says what to do."""

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from token_approx.errors import InputError
from token_approx.files import check_writable, unwritable, write_together, write_whole


@contextmanager
def little_room(most: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, as on a disk that fills."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_disk_that_fills_changes_nothing(tmp_path: Path) -> None:
    """The first of two files fits and the second does not: both stay as they were, and no part is left."""
    write_together({tmp_path / "a": b"old", tmp_path / "b": b"old"})
    with little_room(100), pytest.raises(InputError) as refused:
        write_together({tmp_path / "a": b"new", tmp_path / "b": b"x" * 101})
    assert str(refused.value) == (
        f"{tmp_path}/b cannot be written (File too large). Make room on the disk, and run the same command"
        " again."
    )
    assert contents(tmp_path) == {"a": b"old", "b": b"old"}


@pytest.mark.parametrize(
    ("block", "blocked"),
    [
        (lambda folder: (folder / "b").mkdir(), "b"),
        (lambda folder: (folder / "c").write_bytes(b"in the way"), "c/b"),
    ],
)
@pytest.mark.parametrize("write", [True, False])
def test_what_is_in_the_way_changes_nothing(
    tmp_path: Path,
    block: Callable[[Path], object],
    blocked: str,
    *,
    write: bool,
) -> None:
    """A folder where a file should be, or the reverse: seen before, and before the first file is replaced."""
    write_whole(tmp_path / "a", b"old")
    block(tmp_path)
    before = contents(tmp_path)
    paths = [tmp_path / "a", tmp_path / blocked]
    writing, checking = partial(write_together, dict.fromkeys(paths, b"new")), partial(check_writable, paths)
    attempt = writing if write else checking
    with pytest.raises(InputError, match=r"cannot be written \(.*\)\. Remove what is in the way") as refused:
        attempt()
    assert str(tmp_path / blocked) in str(refused.value)
    assert contents(tmp_path) == before


def test_each_cause_has_its_remedy() -> None:
    """A full disk, a quota, and places where one may not write are told apart."""
    for number, remedy in (
        (errno.ENOSPC, "Make room"),
        (errno.EDQUOT, "Make room"),
        (errno.EACCES, "where you may write"),
        (errno.EROFS, "where you may write"),
        (errno.ENOTDIR, "in the way"),
    ):
        assert remedy in str(unwritable("x", OSError(number, os.strerror(number))))


def test_a_check_leaves_nothing(tmp_path: Path) -> None:
    """What can be written is as it was before the check."""
    write_whole(tmp_path / "a", b"old")
    check_writable([tmp_path / "a", tmp_path / "new/b"])
    assert contents(tmp_path) == {"a": b"old"}
