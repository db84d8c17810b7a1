"""Texts in Parquet are scored as the estimator does: every row, file and piece, in their order."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from tests.scoring.scored import score
from token_approx.estimator.estimator import Estimator
from token_approx.scoring import parquet_input as scoring_input
from token_approx.scoring import pieces as scoring
from token_approx.scoring.answers import Scorer
from token_approx.scoring.parquet_input import RESULTS, open_input
from token_approx.scoring.parquet_output import staged, totals
from token_approx.scoring.pieces import score_in_turn

ESTIMATOR = Estimator.load(ROOT / "output/model_coefs.json")


def test_every_row_with_its_estimate(tmp_path: Path, table: pa.Table, scorer: Scorer) -> None:
    """Rows, order, columns and types are the input's as Parquet keeps them; nulls are answered with nulls."""
    pq.write_table(table, tmp_path / "in.parquet")
    done: list[int] = []
    with staged(tmp_path / "out", tmp_path / "in.parquet", overwrite=False) as folder:
        score_in_turn(
            open_input(tmp_path / "in.parquet", "text"), replace(scorer, confidence=0.9), folder, done.append
        )
    found = pq.read_table(tmp_path / "out")
    assert sum(done) == len(table)
    assert found.column_names == [*table.column_names, *RESULTS["text"].names]
    plain = {"team": pa.string(), "at": pa.timestamp("us", "UTC"), "a.b `c`": pa.string()}
    for field in table.schema:
        kind = plain.get(field.name, field.type)
        assert found.schema.field(field.name).type == kind
        assert found[field.name].to_pylist() == table[field.name].cast(kind).to_pylist()
    for row in found.select(["text", *RESULTS["text"].names]).to_pylist():
        text = row.pop("text")
        if text is None:
            assert row == dict.fromkeys(RESULTS["text"].names)
        else:
            assert row == {
                "input_tokens": ESTIMATOR.estimate(text),
                "upper_bound": ESTIMATOR.upper_bound(text, 0.9),
                "in_domain": not ESTIMATOR.out_of_domain(text),
            }


def test_a_folder_of_files(tmp_path: Path, table: pa.Table, scorer: Scorer) -> None:
    """Files are scored in the order of their names, those in folders below too; hidden ones are not."""
    (tmp_path / "in/more").mkdir(parents=True)
    for name, start in (("b", 10), ("a", 0), ("more/c", 20)):
        pq.write_table(table.slice(start, 10), tmp_path / f"in/{name}.parquet")
    for name in ("_metadata.parquet", ".c.parquet", "notes.txt"):
        (tmp_path / "in" / name).write_text("no Parquet")
    texts = open_input(tmp_path / "in", "text")
    assert len(texts) == 30
    assert score(tmp_path / "in", tmp_path / "out", scorer)["id"].to_pylist() == list(range(30))


@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows(tmp_path: Path, table: pa.Table, scorer: Scorer, rows: int) -> None:
    """An input without a row has an output without one, which has all columns."""
    pq.write_table(table.slice(0, rows), tmp_path / "in.parquet")
    found = score(tmp_path / "in.parquet", tmp_path / "out", scorer)
    assert len(found) == rows
    assert found.column_names == [*table.column_names, *RESULTS["text"].names]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["part-00000.parquet"]
    assert totals(tmp_path / "out")["rows"].tolist() == [rows][:rows]


def test_pieces_and_row_groups_have_their_size(
    tmp_path: Path, table: pa.Table, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large file is scored in pieces, each a part file of several row groups, and no row is lost."""
    monkeypatch.setattr(scoring_input, "PIECE_BYTES", 8_000)
    monkeypatch.setattr(scoring, "MOST_ROWS", 2)
    monkeypatch.setattr(scoring, "ROW_GROUP_BYTES", 1_000)
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=4)
    pieces = open_input(tmp_path / "in.parquet", "text").pieces
    assert 2 < len(pieces) < 12
    assert [group for piece in pieces for group in piece.row_groups] == list(range(12))
    found = score(tmp_path / "in.parquet", tmp_path / "out", scorer)
    assert found["id"].to_pylist() == list(range(len(table)))
    parts = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in parts] == [f"part-{number:05d}.parquet" for number in range(len(pieces))]
    assert max(pq.read_metadata(path).num_row_groups for path in parts) > 1
