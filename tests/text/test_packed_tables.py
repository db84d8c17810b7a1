"""Packed table files: the same table and digest, equal bytes, and a refusal of every damage."""

import gzip
import hashlib
import time
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from token_approx.text.ngrams import NgramTable, TableError, shipped_file
from token_approx.text.table_file import MAX_FILE_BYTES, pack, unpack

TABLE = NgramTable("made-up", (2,), (12,), (np.arange(4096, dtype=np.int16),), 10)


def test_a_packed_table_is_the_same_table(tmp_path: Path) -> None:
    """Packed or not, the file loads to equal weights and to one digest: that of the JSON."""
    plain, packed = tmp_path / "table.json", tmp_path / "table.json.gz"
    assert TABLE.save(plain) == TABLE.save(packed) == hashlib.sha256(plain.read_bytes()).hexdigest()
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    assert packed.stat().st_size < plain.stat().st_size
    loaded = [NgramTable.load(path) for path in (plain, packed)]
    assert loaded[0].file_sha256 == loaded[1].file_sha256
    assert np.array_equal(loaded[0].weights[0], loaded[1].weights[0])


def test_any_gzip_will_do(tmp_path: Path) -> None:
    """A file that another program packed, at another level and time, has the same digest."""
    path = tmp_path / "table.json.gz"
    digest = TABLE.save(path)
    path.write_bytes(gzip.compress(unpack(path.read_bytes()), 1, mtime=12345))
    assert NgramTable.load(path).file_sha256 == digest


def test_packed_bytes_are_reproducible(tmp_path: Path) -> None:
    """Two packings at different times have equal bytes: the header names no time and no system."""
    first, second = tmp_path / "a.json.gz", tmp_path / "b.json.gz"
    TABLE.save(first)
    TABLE.save(second)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:10] == b"\0\0\0\0\2\xff"  # time, level, system


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-1],
        lambda raw: raw[:40],
        lambda raw: raw + b"more",
        lambda raw: raw[:200] + bytes([raw[200] ^ 0x55]) + raw[201:],
        lambda _: b"\x1f\x8b nothing that gzip wrote",
        lambda _: pack(b" " * (MAX_FILE_BYTES + 1)),
    ],
    ids=["cut", "cut short", "lengthened", "one byte changed", "no gzip", "too much"],
)
def test_damaged_packed_files_are_refused(tmp_path: Path, damage: object) -> None:
    """A packed file that is cut, changed, or unpacks to more than a table, is one error that names it."""
    path = tmp_path / "spoiled.json.gz"
    TABLE.save(path)
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TableError, match=r"spoiled\.json\.gz: the file: found"):
        NgramTable.load(path)


def test_every_shipped_table_loads_at_once() -> None:
    """Each table in the package loads by its name within 0.15 s."""
    folder = Path(str(files("token_approx.text"))) / "tables"
    names = sorted(path.name.split(".")[0] for path in folder.iterdir())
    assert len(names) == len(set(names)) > 0
    for name in names:
        assert shipped_file(name).parent == folder
        taken = []
        for _ in range(3):  # the least of three: another process may take the processor meanwhile
            start = time.process_time()
            table = NgramTable.load(name)
            taken.append(time.process_time() - start)
        assert table.tokenizer == name
        assert min(taken) < 0.15
