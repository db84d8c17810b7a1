"""What tests of scoring have in common: a file or folder is scored, and what was written is read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from token_approx.scoring.answers import Scorer
from token_approx.scoring.parquet_input import open_input
from token_approx.scoring.parquet_output import staged
from token_approx.scoring.pieces import score_in_turn


def score(source: Path, output: Path, scorer: Scorer) -> pa.Table:
    """Score a file or folder into the folder `output`, and return what was written."""
    with staged(output, source, overwrite=False) as folder:
        score_in_turn(open_input(source, scorer.holds, holds=scorer.holds), scorer, folder)
    return pq.read_table(output)
