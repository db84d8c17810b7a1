"""An output is written whole or not at all, and replaces nothing unasked."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.scoring.scored import score
from token_approx.errors import InputError
from token_approx.scoring.answers import Scorer
from token_approx.scoring.parquet_input import open_input
from token_approx.scoring.parquet_output import staged
from token_approx.scoring.pieces import score_in_turn


def test_an_output_is_not_replaced_unasked(tmp_path: Path, table: pa.Table, scorer: Scorer) -> None:
    """What exists stays, unless it is to be overwritten and holds nothing but part files."""
    source, output = tmp_path / "in.parquet", tmp_path / "out"
    pq.write_table(table, source)
    score(source, output, scorer)
    pq.write_table(table.slice(0, 3), source)
    with pytest.raises(InputError, match=r"out exists already. Give another output, or overwrite=true"):
        score(source, output, scorer)
    with staged(output, source, overwrite=True) as folder:
        score_in_turn(open_input(source, "text"), scorer, folder)
    assert len(pq.read_table(output)) == 3
    (output / "notes.txt").write_text("mine")
    with (
        pytest.raises(InputError, match="holds more than part files"),
        staged(output, source, overwrite=True),
    ):
        pytest.fail("nothing may be written")
    assert {path.name for path in output.iterdir()} == {"notes.txt", "part-00000.parquet"}
    assert {path.name for path in tmp_path.iterdir()} == {"in.parquet", "out"}


@pytest.mark.parametrize("output", ["in", "in/out", ".", "in/../in/more"])
def test_an_output_apart_from_the_input(output: str, tmp_path: Path) -> None:
    """An output is neither the input, nor in it, nor around it."""
    (tmp_path / "in").mkdir()
    with (
        pytest.raises(InputError, match="overlaps with the input"),
        staged(tmp_path / output, tmp_path / "in", overwrite=True),
    ):
        pytest.fail("nothing may be written")


def test_a_failure_leaves_the_output_as_it_was(tmp_path: Path) -> None:
    """Whatever is raised while part files are written, an output that existed is untouched."""
    output = tmp_path / "out"
    output.mkdir()
    (output / "part-00000.parquet").write_text("before")

    def interrupted() -> None:
        with staged(output, tmp_path / "in", overwrite=True) as folder:
            folder.mkdir()
            (folder / "part-00000.parquet").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (output / "part-00000.parquet").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A path that cannot be one of a folder is told as such."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match="cannot be written"),
        staged(tmp_path / "file/out", tmp_path / "in", overwrite=False),
    ):
        pytest.fail("nothing may be written")
