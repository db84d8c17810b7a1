"""Recorded exchanges with providers -> records: what a request held, and what was counted for it."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from token_approx.errors import InputError
from token_approx.estimator.catalogue import catalogue
from token_approx.requests import RequestFeatures, read_request
from token_approx.requests.json_value import Json
from token_approx.requests.models import model_key
from token_approx.requests.named import base_features
from token_approx.text.ngrams import NgramTable, TableError

COLUMNS = ("id", "repository", "model", "input_tokens", "request")
# Endpoints whose prompts are no conversation: their counts have no framing.
OTHER_ENDPOINTS = frozenset({"embeddings", "rerank", "completions", "other"})
MEDIA = re.compile(r"@media:([0-9A-Za-z_-]+)")

Table = Callable[[str], NgramTable | None]
OnRow = Callable[[int], None]


def request_records(
    exchanges: Path, media: Path | None, table: Table, on_row: OnRow = lambda _: None
) -> pd.DataFrame:
    """Return one row of features for each distinct request of a Parquet file of exchanges.

    The file has the columns id, repository, model, input_tokens (the whole prompt, cached tokens with it) and
    request (the body that was sent, as JSON); provider, format and endpoint are used where it has them. A
    string `@media:<key>` in a request stands for the base64 that a second file has in its columns key and
    data. `table` gives the n-gram table of a family, None for one without. Requests in no known format and
    models of no known family are left out. A request that was recorded several times for one model has one
    row, with the median of its counts. The rows hold no text: the columns id, repository, provider, model
    (without date), family, format, kind, not_counted (how many things) and input_tokens, and the features.

    Raises:
        InputError: a file cannot be read or lacks a column.
    """
    frame = _read(exchanges, COLUMNS)
    files = {} if media is None else dict(_read(media, ("key", "data"))[["key", "data"]].to_numpy())
    rows = []
    for place, (fields, of_request) in enumerate(_requests(frame, files)):
        on_row(place)
        family, features = fields["family"], fields.pop("features")
        base = base_features(features, table(family))
        rows.append(fields | {"digest": of_request} | base)
    if not rows:
        raise InputError(
            f"{exchanges}: no request in it is in a known format and for a known model. Give other exchanges."
        )
    return distinct(pd.DataFrame(rows))


def _requests(frame: pd.DataFrame, files: Mapping[str, str]) -> Iterator[tuple[dict[str, Any], str]]:
    for row in frame.sort_values(["repository", "id"]).to_dict("records"):
        model, tokens = row["model"], row["input_tokens"]
        if row.get("endpoint") in OTHER_ENDPOINTS or not isinstance(model, str) or not tokens > 0:
            continue
        body = MEDIA.sub(lambda found: files.get(found[1], found[0]), str(row["request"]))
        try:
            fields, features = described(body, model)
        except InputError:
            continue
        yield (
            {
                "id": row["id"],
                "repository": row["repository"],
                "provider": row.get("provider", ""),
                **fields,
                "input_tokens": float(tokens),
                "features": features,
            },
            digest(features),
        )


def described(body: Json, model: str, wire_format: str = "") -> tuple[dict[str, Any], RequestFeatures]:
    """Return what a record says of a request besides its features and count, and the request's features.

    Raises:
        InputError: the model is of no known family, or the body in no known format.
    """
    family = catalogue().find(model).family.name
    features = read_request(body, model, wire_format)
    fields = {
        "model": model_key(model),
        "family": family,
        "format": features.format,
        "kind": features.kind,
        "not_counted": len(features.not_counted),
    }
    return fields, features


@cache
def table_of_family(family: str) -> NgramTable | None:
    """Return the shipped n-gram table of a family, None where it has none."""
    try:
        return NgramTable.load(family)
    except TableError:
        return None


def digest(features: RequestFeatures) -> str:
    """Return the SHA-256 of all that is known of a request and its model."""
    content = [model_key(features.model), features.format, dict(features.texts), dict(features.counts)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def distinct(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each digest of requests, the first, with the median of their counts."""
    counted = frame.groupby("digest")["input_tokens"].transform("median")
    first = frame.assign(input_tokens=counted).drop_duplicates("digest").drop(columns="digest")
    return first.sort_values("id").reset_index(drop=True)


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} cannot be read ({reason}). Give a Parquet file of exchanges.") from error
    missing = [column for column in columns if column not in frame]
    if missing:
        raise InputError(f"{path} has no column {missing[0]!r}. It needs {', '.join(columns)}.")
    return frame
