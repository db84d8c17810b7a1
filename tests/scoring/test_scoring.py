"""Texts in Parquet are scored as the estimator does, in constant memory, and written whole or not at all."""

import json
import math
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from tests.scoring.conftest import BAD, GOOD
from token_approx.errors import InputError
from token_approx.estimator.estimator import Estimator
from token_approx.estimator.request import request_model_for
from token_approx.scoring import parquet_input as scoring_input
from token_approx.scoring import parquet_output as scoring_output
from token_approx.scoring import pieces as scoring
from token_approx.scoring.answers import Scorer, checked_scorer
from token_approx.scoring.parquet_input import RESULTS, open_input
from token_approx.scoring.parquet_output import reasons, staged, totals
from token_approx.scoring.pieces import score_in_turn

ESTIMATOR = Estimator.load(ROOT / "output/model_coefs.json")


def score(source: Path, output: Path, scorer: Scorer) -> pa.Table:
    """Score a file or folder into the folder `output`, and return what was written."""
    with staged(output, source, overwrite=False) as folder:
        score_in_turn(open_input(source, scorer.holds, holds=scorer.holds), scorer, folder)
    return pq.read_table(output)


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


def test_totals_by_hand(tmp_path: Path) -> None:
    """Sums are over the texts, by value the most tokens first; a null is a value of its own."""
    rows = {
        "team": ["a", "b", "a", None, "b", "c"],
        "input_tokens": [10, 20, 5, 100, None, None],
        "upper_bound": [12, 22, 7, 110, None, None],
        "in_domain": [True, False, False, True, None, None],
    }
    for number in range(2):
        pq.write_table(pa.table(rows), tmp_path / f"part-{number:05d}.parquet")
    found = totals(tmp_path, "team")
    assert found.astype(object).where(found.notna(), None).to_numpy().tolist() == [
        [None, 2, 2, 200, 220, 0],
        ["b", 4, 2, 40, 44, 2],
        ["a", 4, 4, 30, 38, 2],
        ["c", 2, 0, 0, 0, 0],
    ]
    whole = totals(tmp_path)
    assert whole.drop(columns="group").to_numpy().tolist() == [[12, 8, 270, 302, 4]]


def test_too_many_values_to_total_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column of identifiers is refused before the table becomes as long as the input."""
    monkeypatch.setattr(scoring_output, "MOST_GROUPS", 3)
    rows = pd.DataFrame({"id": range(4), "input_tokens": 1, "upper_bound": 1, "in_domain": True})
    rows.to_parquet(tmp_path / "part-00000.parquet")
    with pytest.raises(InputError, match="group_by=id has more than 3 values"):
        totals(tmp_path, "id")


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


PROGRAM = """
import re, sys
from pathlib import Path
from token_approx.estimator.estimator import Estimator
from token_approx.scoring.answers import checked_scorer
from token_approx.scoring.parquet_input import open_input
from token_approx.scoring.parquet_output import staged
from token_approx.scoring.pieces import score_in_turn
model, source, output = sys.argv[1:]
scorer = checked_scorer("text", 0.95, Estimator.load(model))
with staged(Path(output), Path(source), overwrite=False) as folder:
    print("begins", flush=True)
    score_in_turn(open_input(Path(source), "text"), scorer, folder)
print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def write_many(path: Path, rows: int) -> None:
    """Write so many texts of 500 bytes, no two of them alike, in one row group."""
    random = np.random.default_rng(rows)
    with pq.ParquetWriter(path, pa.schema([("text", pa.string())])) as writer:
        texts = random.integers(97, 123, (rows, 500), np.uint8)
        writer.write_table(pa.table({"text": [row.tobytes().decode() for row in texts]}), rows)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_input(tmp_path: Path) -> None:
    """Ten times the rows, all in one row group of 200 MB, take less than 60 MB more."""
    peak = {}
    for rows in (40_000, 400_000):
        source = tmp_path / f"{rows}.parquet"
        write_many(source, rows)
        command = (
            sys.executable,
            "-c",
            PROGRAM,
            str(ROOT / "output"),
            str(source),
            str(tmp_path / f"{rows}"),
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        peak[rows] = int(done.stdout.split()[-1]) / 1024
    assert peak[400_000] - peak[40_000] < 60, peak


@pytest.mark.slow
def test_a_killed_run_leaves_no_output(tmp_path: Path, scorer: Scorer) -> None:
    """Killed while it writes, a run has made no folder of the output's name; run again, it does."""
    source, output = tmp_path / "in.parquet", tmp_path / "out"
    write_many(source, 200_000)
    command = (sys.executable, "-c", PROGRAM, str(ROOT / "output"), str(source), str(output))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout
    assert process.stdout.readline() == "begins\n"
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".out.*.part/.part-*")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not output.exists()
    score(source, output, scorer)
    assert pq.read_metadata(output / "part-00000.parquet").num_rows == 200_000


def test_requests_are_answered_as_the_estimator_does(tmp_path: Path, requests: pa.Table) -> None:
    """Each request has the total of the shipped model that it names, and what is not counted."""
    pq.write_table(requests, tmp_path / "in.parquet")
    found = score(tmp_path / "in.parquet", tmp_path / "out", checked_scorer("request", 0.95))
    assert found.column_names == ["id", "request", "team", *RESULTS["request"].names]
    rows = found.select(["request", *RESULTS["request"].names]).to_pylist()
    for row in rows[: len(GOOD)]:
        body = json.loads(row["request"])
        total = Estimator.for_model(body["model"]).request(body)
        upper = total.upper_bound(0.95)
        assert row["input_tokens"] == total.tokens > 0
        assert row["upper_bound"] == (upper if math.isfinite(upper) else None)
        assert row["in_domain"] == (total.out_of_domain == "")
        assert [len(row["not_counted"])] == [len(total.not_counted)]
    assert [row["not_counted"] for row in rows[:3]] == [[], [], []]
    assert rows[3]["not_counted"] == list(Estimator.for_model("claude-opus-5").request(GOOD[3]).not_counted)
    assert "odd" in rows[4]["not_counted"][0]


def test_a_bad_request_is_null_and_its_reason_counted(tmp_path: Path, requests: pa.Table) -> None:
    """Nothing dies on what is no request: it has nulls and a reason; those add up, and quote nobody."""
    pq.write_table(requests, tmp_path / "in.parquet")
    found = score(tmp_path / "in.parquet", tmp_path / "out", checked_scorer("request", 0.95)).to_pylist()
    assert [found[len(GOOD)][name] for name in RESULTS["request"].names] == [None] * 4
    for row in found[len(GOOD) + 1 :]:
        assert [row["input_tokens"], row["upper_bound"], row["in_domain"]] == [None] * 3
        assert [reason.startswith(BAD[row["request"]]) for reason in row["not_counted"]] == [True]
    counted = reasons(tmp_path / "out").set_index("reason")["rows"].to_dict()
    assert sum(counted.values()) == len(BAD)
    assert counted["the request is not valid JSON"] == 3
    assert counted["unknown model"] == 1
    assert "quagga" not in str(counted)
    whole = totals(tmp_path / "out", holds="request").iloc[0]
    assert whole["rows"] == len(requests)
    assert (whole["requests"], whole["partly_counted"], whole["not_read"]) == (len(GOOD), 2, len(BAD))
    by_team = totals(tmp_path / "out", "team", "request")
    assert by_team["not_read"].sum() == len(BAD)
    assert by_team["input_tokens"].sum() == whole["input_tokens"]


def test_requests_of_a_model_that_is_given(tmp_path: Path) -> None:
    """A model of texts takes the model of requests of its family, for bodies without a name too."""
    body = json.dumps({"max_tokens": 9, "messages": [{"role": "user", "content": "How many tokens?"}]})
    estimator = Estimator.for_model("claude-opus-5")
    pq.write_table(pa.table({"request": [body, GOOD[1]]}), tmp_path / "in.parquet")
    found = score(tmp_path / "in.parquet", tmp_path / "out", checked_scorer("request", 0.9, estimator))
    assert found["input_tokens"].to_pylist() == [
        estimator.request(body).tokens,
        estimator.request(GOOD[1]).tokens,
    ]
    assert found["upper_bound"].to_pylist()[0] == estimator.request(body).upper_bound(0.9)


def test_a_model_that_cannot_answer() -> None:
    """A level without a bound, a model of requests for texts, and a family without one, before any row."""
    texts, requests = Estimator.load(ROOT / "output"), request_model_for("claude-opus-5")
    with pytest.raises(InputError, match=r"no bound of confidence 0.5. Its levels: 0.8, 0.9, 0.95\.$"):
        checked_scorer("text", 0.5, texts)
    with pytest.raises(InputError, match=r"no bound of confidence 0\.5"):
        checked_scorer("request", 0.5, Estimator.for_model("claude-opus-5"))
    with pytest.raises(InputError, match=r"counts whole requests\. Give holds=request"):
        checked_scorer("text", 0.95, requests)
    with pytest.raises(InputError, match="unknown model 'made-up'"):
        checked_scorer("request", 0.95, replace(texts, model="made-up"))
