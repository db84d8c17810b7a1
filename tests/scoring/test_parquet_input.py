"""An input that cannot be scored is refused in one line, and leaves nothing behind."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.scoring.scored import score
from token_approx.errors import InputError
from token_approx.scoring.answers import Scorer
from token_approx.scoring.parquet_input import open_input


@pytest.mark.parametrize(
    ("name", "column", "group_by", "message"),
    [
        ("none.parquet", "text", "", "none.parquet is not a file or folder"),
        ("empty", "text", "", r"empty holds no \*.parquet file"),
        ("broken.parquet", "text", "", "broken.parquet is not a readable Parquet file"),
        ("mixed", "text", "", "b.parquet has other columns than a.parquet"),
        ("hive", "text", "", "day=1 is a partition"),
        ("in.parquet", "txt", "", r"no column 'txt' \(did you mean text\?\)\. Give column=<one of id, text"),
        ("in.parquet", "small", "", "column 'small' is int8, not text"),
        ("in.parquet", "text", "tem", r"no column 'tem' \(did you mean team\?\)\. Give group_by="),
        ("in.parquet", "text", "text", "group_by=text would put the texts into the run"),
        ("in.parquet", "text", "words", "group_by=words is list<element: string>. Give a column of strings"),
        ("scored.parquet", "text", "", "has a column 'in_domain' already"),
    ],
)
def test_bad_input(
    name: str, column: str, group_by: str, message: str, tmp_path: Path, table: pa.Table
) -> None:
    """What cannot be scored is refused before anything is, by one line that says what to do."""
    for folder in ("empty", "mixed", "hive/day=1"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no PAR1")
    for file in ("in.parquet", "mixed/a.parquet", "hive/day=1/c.parquet"):
        pq.write_table(table, tmp_path / file)
    pq.write_table(table.drop_columns(["raw"]), tmp_path / "mixed/b.parquet")
    pq.write_table(table.append_column("in_domain", table["kept"]), tmp_path / "scored.parquet")
    with pytest.raises(InputError, match=message) as refused:
        open_input(tmp_path / name, column, group_by)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("place", "damage"), [(1000, b"\xff\xfe"), (4, bytes(20))], ids=["no UTF-8", "no page"]
)
def test_damage_is_told_and_leaves_nothing(place: int, damage: bytes, tmp_path: Path, scorer: Scorer) -> None:
    """Bytes that are no text, and pages that cannot be read: one line, no output, no part of one."""
    path = tmp_path / "in.parquet"
    plain = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    pq.write_table(pa.table({"text": ["abc" * 1000]}), path, **plain)
    with path.open("r+b") as file:
        file.seek(place)
        file.write(damage)
    with pytest.raises(InputError, match=r"in.parquet is damaged") as told:
        score(path, tmp_path / "out", scorer)
    assert "\n" not in str(told.value)
    assert [left.name for left in tmp_path.iterdir()] == ["in.parquet"]
