"""What people do today with a whole request: characters of its JSON, and OpenAI's tokens of its JSON."""

from pathlib import Path

import pandas as pd

from token_approx.benchmarks.measuring import read_parquet, write_parquet
from token_approx.labelling.exchanges import MEDIA
from token_approx.reporting.peers import TARGET, rs_bpe


def measure_request_peers(exchanges: str, media: str, records: str, out: str) -> str:
    """Write a row for each record of a request: `id`, and the `characters` and `o200k_base` of its JSON.

    `exchanges` and `media` are the Parquet files of recorded requests that `records` was made of: the body as
    it was sent, files in it as base64. Returns a line that says how many rows were written.

    Raises:
        InputError: a file cannot be read or lacks a column.
    """
    wanted = set(read_parquet(Path(records), ["id"])["id"])
    frame = read_parquet(Path(exchanges), ["id", "request"])
    frame = frame[frame["id"].isin(wanted)].sort_values("id")
    files = dict(read_parquet(Path(media), ["key", "data"]).to_numpy()) if media else {}
    count = rs_bpe()  # bpe-openai refuses a million characters, as images have
    rows = []
    for each in frame.to_dict("records"):
        body = MEDIA.sub(lambda found: files.get(found[1], found[0]), str(each["request"]))
        rows.append({"id": each["id"], "characters": len(body), TARGET: int(count(body))})
    write_parquet(pd.DataFrame(rows), Path(out))
    return f"{out}: {len(rows)} rows"
