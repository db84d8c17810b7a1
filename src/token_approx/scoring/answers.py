"""A column of texts or requests -> tokens, bounds and domain of each value, and what is not counted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from token_approx.errors import InputError
from token_approx.estimator.bounds import at_level
from token_approx.estimator.byte_bounds import REQUEST as WHOLE_REQUESTS
from token_approx.estimator.estimator import Estimator
from token_approx.estimator.request import request_model_for, request_total
from token_approx.requests.reading import plain
from token_approx.scoring.parquet_input import REQUEST, RESULTS

NO_MODEL = "the request names no model. Give model=<the one it is sent to>."
Answer = tuple[int | None, int | None, bool | None, list[str]]


@dataclass(frozen=True)
class Scorer:
    """What answers the values of a column: `holds` says what they are, `confidence` is the upper bounds'.

    Without an estimator, each request is answered by the shipped one for the model that it names.
    """

    holds: str
    confidence: float
    estimator: Estimator | None = None

    def answers(self, values: pa.Array) -> list[pa.Array]:
        """Return a column per field of `RESULTS`, for a column of strings; null where the value is.

        A request that cannot be read has nulls, and the reason in `not_counted`. An upper bound that nobody
        knows is null.
        """
        return self._of_requests(values) if self.holds == REQUEST else self._of_texts(values)

    def _of_texts(self, values: pa.Array) -> list[pa.Array]:
        if self.estimator is None:
            raise TypeError("texts name no model: they need an estimator")
        given = values.is_valid().to_numpy(zero_copy_only=False)
        # As bytes: they were checked when they were read, and are not decoded again.
        texts = values.drop_null().cast(pa.binary()).to_numpy(zero_copy_only=False).tolist()
        found = self.estimator.describe_many(texts, self.confidence)
        known = np.isfinite(found.upper_bound)
        upper = np.where(known, found.upper_bound, 0).astype(np.int64)
        bounded = given.copy()
        bounded[given] = known
        return [
            _spread(found.input_tokens, given, given),
            _spread(upper, given, bounded),
            _spread(found.in_domain, given, given),
        ]

    def _of_requests(self, values: pa.Array) -> list[pa.Array]:
        rows = list(self._each(values))
        columns = zip(*rows, strict=True) if rows else ([] for _ in RESULTS[REQUEST])
        return [
            pa.array(list(column), field.type)
            for column, field in zip(columns, RESULTS[REQUEST], strict=True)
        ]

    def _each(self, values: pa.Array) -> Iterator[tuple[Any, ...]]:
        for value in values.to_pylist():
            if value is None:
                yield (None, None, None, None)
                continue
            try:
                yield self._of_request(value)
            except InputError as error:
                yield (None, None, None, [_encodable(str(error))])

    def _of_request(self, body: str) -> Answer:
        fields = plain(body)
        if self.estimator is None:
            total = request_total(_shipped(_named(fields)), fields)
        else:
            total = self.estimator.request(fields)
        upper = total.upper_bound(self.confidence)
        reasons = [_encodable(entry) for entry in total.not_counted]
        return total.tokens, int(upper) if np.isfinite(upper) else None, not total.out_of_domain, reasons


def checked_scorer(holds: str, confidence: float, estimator: Estimator | None = None) -> Scorer:
    """Return what answers the values of a column, once it is known that it can.

    Raises:
        InputError: the model has no bound of that level, or counts something else than the column holds, or
            none is shipped for whole requests to it.
    """
    if estimator is not None:
        requests = estimator.counts_of == WHOLE_REQUESTS
        if requests and holds != REQUEST:
            raise InputError(f"the model of {estimator.model} counts whole requests. Give holds={REQUEST}.")
        asked = estimator if requests or holds != REQUEST else request_model_for(estimator.model)
        at_level(asked.upper, confidence)
    return Scorer(holds, confidence, estimator)


@lru_cache(maxsize=1024)
def _shipped(model: str) -> Estimator:
    return request_model_for(model)


def _named(fields: Mapping[str, Any]) -> str:
    name = fields.get("model", fields.get("modelId"))
    if not isinstance(name, str) or not name:
        raise InputError(NO_MODEL)
    return name


def _spread(found: npt.NDArray[Any], given: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]) -> pa.Array:
    # The values that were found at the rows that had one; null where none is known.
    column = np.zeros(len(given), found.dtype)
    column[given] = found
    return pa.array(column, mask=~known)


def _encodable(reason: str) -> str:
    # It may name a field, and JSON can write what no UTF-8 can: half of a surrogate pair.
    return reason.encode("utf-8", "replace").decode("utf-8")
