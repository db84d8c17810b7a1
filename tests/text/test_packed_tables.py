"""Packed table files: the same table and digest, equal bytes, and a refusal of every damage."""

import gzip
import hashlib
import json
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from token_approx.text.ngrams import NgramTable, TableError
from token_approx.text.own_tables import known_file
from token_approx.text.table_file import MAX_FILE_BYTES

Damage = Callable[[bytes], bytes]

TABLE = NgramTable(
    "made-up",
    (1, 2),
    (12, 12),
    tuple(np.random.default_rng(seed).integers(-300, 900, 4096).astype(np.int16) for seed in (1, 2)),
    10,
    provenance={"made": ["for", 1.5, "é"]},
)


def changed(line: Damage, more: bytes) -> Damage:
    """Return what changes the line of JSON in a packed file and adds bytes at its end."""

    def damage(raw: bytes) -> bytes:
        first, planes = gzip.decompress(raw).split(b"\n", 1)
        return gzip.compress(line(first) + b"\n" + planes + more)

    return damage


def test_a_packed_table_is_the_same_table(tmp_path: Path) -> None:
    """Packed or not, the file loads to equal fields and to one digest: that of the JSON."""
    plain, packed = tmp_path / "table.json", tmp_path / "table.packed"
    assert TABLE.save(plain) == TABLE.save(packed) == hashlib.sha256(plain.read_bytes()).hexdigest()
    loaded = [NgramTable.load(path) for path in (plain, packed)]
    assert loaded[0].file_sha256 == loaded[1].file_sha256
    assert loaded[0].provenance == loaded[1].provenance == {"made": ["for", 1.5, "é"]}
    assert all(np.array_equal(*pair) for pair in zip(loaded[0].weights, loaded[1].weights, strict=True))
    assert NgramTable.load(packed).save(tmp_path / "again.json") == loaded[0].file_sha256
    assert (tmp_path / "again.json").read_bytes() == plain.read_bytes()


def test_it_holds_what_the_format_says(tmp_path: Path) -> None:
    """One gzip member: the JSON on a line without weights, then all low bytes, then all high bytes."""
    path = tmp_path / "table.packed"
    TABLE.save(path)
    line, planes = gzip.decompress(path.read_bytes()).split(b"\n", 1)
    assert [sorted(table) for table in json.loads(line)["tables"]] == [["bits", "order"]] * 2
    weights = np.concatenate(TABLE.weights).view(np.uint16)
    assert planes == (weights & 255).astype(np.uint8).tobytes() + (weights >> 8).astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(line + b"\n" + planes, 1, mtime=12345))  # by another program
    assert NgramTable.load(path).file_sha256 == TABLE.save(tmp_path / "table.json")


def test_packed_bytes_are_reproducible(tmp_path: Path) -> None:
    """Two packings have equal bytes: the header names no time and no system."""
    first, second = tmp_path / "a.packed", tmp_path / "b.packed"
    TABLE.save(first)
    TABLE.save(second)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:10] == b"\0\0\0\0\2\xff"  # time, level, system


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda raw: raw[:-1], "the file is 'not one whole"),
        (lambda raw: raw[:40], "the file is 'not one whole"),
        (lambda raw: raw + b"more", "the file is 'not one whole"),
        (lambda raw: raw[:-200] + bytes([raw[-200] ^ 0x55]) + raw[-199:], "the file is"),
        (lambda _: b"\x1f\x8b nothing that gzip wrote", "the file is 'Error"),
        (lambda _: gzip.compress(b" " * (MAX_FILE_BYTES + 1)), "the file is 'not one whole"),
        (lambda _: gzip.compress(b"no JSON\n"), "the file is"),
        (changed(lambda line: line, b"x"), "the weights is '16385 bytes'"),
        (changed(lambda line: line.replace(b'"bits": 12', b'"bits": 13'), b""), "the weights is"),
        (changed(lambda line: line.replace(b'"bits": 12', b'"bits": -1'), b""), "the weights is"),
        (changed(lambda line: line.replace(b'"fold"', b'"wrap"'), b""), "fold is None"),
        (changed(lambda line: line.replace(b'sha256": "', b'sha256": "0'), b""), "weights_sha256 is"),
    ],
)  # fmt: skip
def test_damaged_packed_files_are_refused(tmp_path: Path, damage: Damage, named: str) -> None:
    """A packed file that is cut or changed, or unpacks to more than a table, is one error that names it."""
    path = tmp_path / "spoiled.packed"
    TABLE.save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TableError, match=rf"spoiled\.packed: {named}"):
        NgramTable.load(path)


def test_every_shipped_table_loads_at_once() -> None:
    """Each table in the package loads by its name within 0.15 s."""
    folder = Path(str(files("token_approx.text"))) / "tables"
    names = sorted(path.name.split(".")[0] for path in folder.iterdir())
    assert len(names) == len(set(names)) > 0
    for name in names:
        assert known_file(name).parent == folder
        taken = []
        for _ in range(3):  # the least of three: another process may take the processor meanwhile
            start = time.process_time()
            table = NgramTable.load(name)
            taken.append(time.process_time() - start)
        assert table.tokenizer == name
        assert min(taken) < 0.15
