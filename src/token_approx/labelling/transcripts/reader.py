"""Session logs of coding agents -> records of steps."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from token_approx.errors import InputError, UsageError
from token_approx.estimator.catalogue import is_same_model
from token_approx.labelling.observations import OF_STEPS, Observation
from token_approx.labelling.records import Record, record_line
from token_approx.labelling.transcripts.claude_code import read_claude_code
from token_approx.labelling.transcripts.codex import read_codex
from token_approx.labelling.transcripts.steps import OTHER_MODEL, Steps, hashed
from token_approx.labelling.usage import OnProgress, UsageRecords, nothing_found
from token_approx.preparing.rows import TORN, FileError, read_rows

LOG = "*.jsonl"
# A log begins with lines that programs of either kind may have added.
PROBED_LINES = 50
CODEX = frozenset({"session_meta", "response_item", "event_msg", "turn_context"})
UNKNOWN_FILE = "file in no known format"
UNREADABLE_FILE = "unreadable file"

Read = Callable[[Iterable[Mapping[str, Any] | None], str, Steps], None]


class Transcripts:
    """Reads Claude Code's logs and Codex's rollouts: a file, or all of a folder."""

    out = "steps.jsonl"

    def __init__(self, path: str, model: str = "") -> None:
        """Take the file or folder, where `~` is the home folder.

        With `model` the steps of other models are left out.

        Raises:
            UsageError: no path is given.
        """
        if not path:
            raise UsageError("transcripts needs logs. Give path=<file or folder of JSON Lines>.")
        self.path, self.model = Path(path).expanduser(), model

    def read(self, left_out: Tally[str], on_progress: OnProgress) -> UsageRecords:
        """Return one record per step whose growth is fully known; `left_out` counts the others by reason.

        Raises:
            InputError: there is no log, or no step can be used.
        """
        records = list(self.steps(left_out, on_progress).records.values())
        fields = ("model", "category", "source", "input_tokens")
        described = pd.DataFrame([{name: getattr(record, name) for name in fields} for record in records])
        return UsageRecords("".join(map(record_line, records)).encode(), described)

    def observe(self, left_out: Tally[str], on_progress: OnProgress) -> list[Observation]:
        """Return the same steps with their texts, in memory.

        Raises:
            InputError: there is no log, or no step can be used.
        """
        steps = self.steps(left_out, on_progress, with_texts=True)
        return [
            Observation(
                model=record.model,
                group=record.source,
                kind=str(record.category),
                tokens=record.input_tokens,
                texts=(steps.texts or {})[record.id],
                framing={name: record.features[name] for name in OF_STEPS},
            )
            for record in steps.records.values()
        ]

    def steps(self, left_out: Tally[str], on_progress: OnProgress, *, with_texts: bool = False) -> Steps:
        """Return the steps whose growth is fully known, at least one, with their weeks, and texts if asked.

        A file that cannot be read is counted in `left_out`, and never named: its name may be a project's
        path.

        Raises:
            InputError: as `read`.
        """
        files = [self.path] if self.path.is_file() else sorted(self.path.rglob(LOG))
        if not files:
            raise InputError("path= leads to no session log. Give a JSON Lines file, or a folder of them.")
        steps = Steps(left_out, texts={} if with_texts else None)
        for file in files:
            try:
                _read(file, steps)
            except FileError:
                left_out[UNREADABLE_FILE] += 1
            on_progress(len(files))
        wanted = {name: record for name, record in steps.records.items() if self._wanted(record)}
        if len(wanted) < len(steps.records):
            left_out[OTHER_MODEL] += len(steps.records) - len(wanted)
        if not wanted:
            raise InputError(
                nothing_found(
                    "step", left_out, "Give path=<file or folder> of longer sessions, or no model=."
                )
            )
        return Steps(left_out, wanted, steps.weeks, steps.texts)

    def _wanted(self, record: Record) -> bool:
        return not self.model or record.model == self.model or is_same_model(record.model, self.model)


def _read(file: Path, steps: Steps) -> None:
    rows = _rows(file)
    first = [row for _, row in zip(range(PROBED_LINES), rows, strict=False)]
    read = next((found for row in first if row is not None and (found := _format(row))), None)
    if read is None:
        steps.left_out[UNKNOWN_FILE] += 1
        return
    read(chain(first, rows), hashed("file", file.stem), steps)


def _rows(file: Path) -> Iterator[Mapping[str, Any] | None]:
    for _, row, problem in read_rows(file):
        if problem != TORN:
            yield None if problem else row


def _format(row: Mapping[str, Any]) -> Read | None:
    if str(row.get("type")) in CODEX and "payload" in row:
        return read_codex
    return read_claude_code if row.keys() & {"sessionId", "message", "uuid", "leafUuid"} else None
