"""A log of requests with what was counted for each, as a gateway or a recorder writes it -> observations."""

import re
from collections import Counter as Tally
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pandas as pd

from token_approx.errors import InputError, UsageError
from token_approx.estimator.catalogue import catalogue, is_same_model
from token_approx.labelling.counters.protocol import REQUEST
from token_approx.labelling.exchanges import described, digest, table_of_family
from token_approx.labelling.exchanges import distinct as distinct_rows
from token_approx.labelling.observations import REPEATED, Observation, distinct, of_request
from token_approx.labelling.spans import NO_REQUEST, NO_USAGE, OTHER_MODEL, UNKNOWN_FORMAT, UNKNOWN_MODEL
from token_approx.labelling.transcripts.steps import hashed
from token_approx.labelling.usage import OnProgress, UsageRecords, nothing_found, request_usage
from token_approx.preparing.rows import read_rows
from token_approx.requests.named import base_features

# Columns that say which requests belong together; without one, each request stands for itself.
GROUPS = ("repository", "session", "trace_id")
BAD_ROW = "row that cannot be read"

Found = TypeVar("Found")


class _Sent(NamedTuple):
    body: Any
    model: str
    tokens: float
    number: int
    group: str


class ExchangeLog:
    """Reads a file (JSON Lines or Parquet) of rows with `model`, `input_tokens` and `request`, a body."""

    out = "requests.parquet"

    def __init__(self, path: str, model: str = "", pattern: str = "", *, grouped: bool = True) -> None:
        """Take the file; with `model` the requests of other models are left out.

        `pattern` (a regular expression) keeps several models instead, which then count as one by that name;
        without `grouped` each request stands for itself.

        Raises:
            UsageError: no path is given.
        """
        if not path:
            raise UsageError("reader=log needs a log. Give path=<JSON Lines or Parquet file>.")
        self.path, self.model, self.grouped = Path(path).expanduser(), model, grouped
        self.pattern = re.compile(pattern, re.IGNORECASE) if pattern else None

    def observe(self, left_out: Tally[str], on_progress: OnProgress) -> list[Observation]:
        """Return one observation for each distinct request; `left_out` counts other rows by the reason.

        Raises:
            InputError: the file cannot be read, or has no request that can be used.
        """
        return distinct(self._each(_observation, left_out, on_progress), left_out)

    def read(self, left_out: Tally[str], on_progress: OnProgress) -> UsageRecords:
        """Return one row per distinct request of a known family, as Parquet, without any text.

        Raises:
            InputError: as `observe`.
        """
        rows = self._each(_features, left_out, on_progress)
        frame = distinct_rows(pd.DataFrame(rows))
        left_out[REPEATED] += len(rows) - len(frame)
        return request_usage(frame)

    def _each(
        self, made: Callable[[_Sent], Found | str], left_out: Tally[str], on_progress: OnProgress
    ) -> list[Found]:
        found: list[Found] = []
        for number, (_, row, problem) in enumerate(read_rows(self.path)):
            on_progress(number + 1)
            sent = BAD_ROW if problem else self._sent(row, number)
            try:
                result = sent if isinstance(sent, str) else made(sent)
            except InputError:
                result = UNKNOWN_FORMAT
            if isinstance(result, str):
                left_out[result] += 1
            else:
                found.append(result)
        if not found:
            remedy = "Each row needs model, input_tokens (the whole prompt) and request (the body)."
            raise InputError(nothing_found("request", left_out, remedy))
        return found

    def _sent(self, row: Mapping[str, Any], number: int) -> _Sent | str:
        body, tokens = row.get("request"), row.get("input_tokens")
        model = str(row.get("model") or "")
        if not body:
            return NO_REQUEST
        if isinstance(tokens, bool) or not isinstance(tokens, int | float) or not 0 < tokens < 2**53:
            return NO_USAGE
        if self.pattern is not None:
            if not self.pattern.fullmatch(model):
                return OTHER_MODEL
            model = self.pattern.pattern
        elif self.model and not (model == self.model or is_same_model(model, self.model)):
            return OTHER_MODEL
        names = GROUPS if self.grouped else ()
        group = next((str(row[name]) for name in names if row.get(name) not in (None, "")), f"row {number}")
        return _Sent(body, model, float(tokens), number, hashed("group", group))


def _observation(sent: _Sent) -> Observation | str:
    return of_request(sent.body, sent.model, "", sent.tokens, sent.group)


def _features(sent: _Sent) -> dict[str, Any] | str:
    try:
        catalogue().find(sent.model)
    except InputError:
        return UNKNOWN_MODEL
    fields, features = described(sent.body, sent.model)
    return {
        "id": hashed("row", sent.number),
        "repository": sent.group,
        "provider": "",
        **fields,
        "counts_of": REQUEST,
        "input_tokens": sent.tokens,
        "digest": digest(features),
        **base_features(features, table_of_family(fields["family"])),
    }
