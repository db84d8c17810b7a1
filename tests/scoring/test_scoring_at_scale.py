"""Many texts are scored in constant memory, and a run that is killed leaves no output."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from tests.scoring.scored import score
from token_approx.scoring.answers import Scorer

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
