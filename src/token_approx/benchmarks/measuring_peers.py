"""What others say of the measured texts: tokenx, and exact tokenizers of other models as stand-ins."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from token_approx.benchmarks.measuring import PUBLISHED_SIZES, read_documents, write_parquet
from token_approx.errors import InputError
from token_approx.labelling.counters.bpe_openai import BpeOpenAICounter
from token_approx.preparing.splitting import clean, gutenberg

STAND_INS = ("o200k_base", "cl100k_base")
# One JSON string per line in, one number per line out.
SCRIPT = """
import { createInterface } from 'node:readline'
const { estimateTokenCount } = await import(process.argv[1])
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity }))
  console.log(estimateTokenCount(JSON.parse(line)))
"""


def measure_peers(
    documents: Sequence[str], split: str, books: str, sources: Sequence[str], tokenx: str, out: str
) -> str:
    """Write one row per text with what others estimate: `dataset`, `id`, `tokenx`, and the stand-ins' counts.

    Texts are a split of Parquet corpora (`dataset` is the file's stem) and the samples that the published
    rule cuts from `<source>.txt` in `books` (`dataset` is the source, `id` the sample's number from 1).
    `tokenx` is the folder of the npm package. Returns a line that says how many rows were written.

    Raises:
        InputError: a file cannot be read, or tokenx does not run.
    """
    frames = []
    for document in documents:
        table = read_documents(Path(document), split, ["id", "text", *STAND_INS])
        frame = table.drop_columns(["text", "split"]).to_pandas()
        frame.insert(1, "tokenx", run_tokenx(table["text"].to_pylist(), Path(tokenx)))
        frame.insert(0, "dataset", Path(document).stem)
        frames.append(frame)
    for source in sources:
        book = Path(books, f"{source}.txt")
        if not book.is_file():
            raise InputError(f"{book} is not there. Name the folder that has <source>.txt in it.")
        samples = list(gutenberg(clean(book.read_text(encoding="utf-8")), *PUBLISHED_SIZES))
        counts = {name: BpeOpenAICounter(name).count(samples) for name in STAND_INS}
        numbers = [str(number) for number in range(1, len(samples) + 1)]
        columns = {"dataset": source, "id": numbers, "tokenx": run_tokenx(samples, Path(tokenx))}
        frames.append(pd.DataFrame(columns | counts))
    frame = pd.concat(frames, ignore_index=True)
    write_parquet(frame, Path(out))
    return f"{out}: {len(frame)} rows"


def run_tokenx(texts: Sequence[str], package: Path) -> list[int]:
    """Return tokenx's estimate of each text.

    Raises:
        InputError: node or the package is not there, or it fails.
    """
    entry = (package / "dist" / "index.mjs").resolve()
    if not entry.is_file():
        raise InputError(f"tokenx={package} is not the package. Run npm install tokenx, and give its folder.")
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    try:
        done = subprocess.run(  # noqa: S603 - our own script
            ["node", "--input-type=module", "-e", SCRIPT, entry.as_uri()],  # noqa: S607 - the user's node
            input=lines, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise InputError("tokenx needs node. Install it.") from error
    if done.returncode:
        raise InputError(f"tokenx={package} fails ({done.stderr.strip().splitlines()[-1]}).")
    return [int(line) for line in done.stdout.splitlines()]
