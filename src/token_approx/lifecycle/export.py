"""model_coefs.json: the winner as coefficients that any program can evaluate."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import jsonschema

from token_approx import __version__
from token_approx.estimator.bounds import Bound
from token_approx.estimator.byte_bounds import byte_bound
from token_approx.estimator.domain import known_range
from token_approx.fitting.comparison import Comparison
from token_approx.lifecycle.contract import SCHEMA_VERSION, schema_text, sha256, tables_of
from token_approx.reporting.report import Report
from token_approx.text.features import NGRAM, known_table


def model_coefs(
    comparison: Comparison, reported: Report, counts_of: str, provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of model_coefs.json for the winner, checked against its schema.

    Raises:
        jsonschema.ValidationError: the content breaks the contract (a defect of ours, never of the input).
    """
    winner = comparison.winner
    candidate = winner.candidate
    settings = ", ".join(f"{name}={value!r}" for name, value in candidate.hyperparameters.items())
    content = {
        "schema_version": SCHEMA_VERSION,
        "type": "linear",
        "model": comparison.dataset.reference_model,
        "counts_of": counts_of,
        "estimator": f"{candidate.model_name}({settings})",
        "feature_set": list(candidate.features),
        "w0": winner.fit.intercept,
        **{
            f"w_{name}": float(value)
            for name, value in zip(candidate.features, winner.fit.coefficients, strict=True)
        },
        "tables": {
            name: {"file": table.name, "sha256": table.sha256}
            for name, table in tables_of(candidate.features, comparison.dataset.table).items()
        },
        "upper_bound": [_bound(bound) for bound in reported.upper],
        "lower_bound": [_bound(bound) for bound in reported.lower],
        "byte_bound": _byte_bound(comparison.dataset.reference_model, counts_of),
        "domain": domain(comparison),
        "metrics": {
            "training_records": len(comparison.train),
            "test_records": len(comparison.test),
            "cv": winner.cv,
            "unseen_source": winner.unseen_source,
            "test": {
                name: {"value": value, "interval_95": list(comparison.test_intervals[name])}
                for name, value in winner.test.items()
            },
        },
        "provenance": {
            **provenance,
            "package_version": __version__,
            "records_sha256": sha256(comparison.dataset.path),
        },
    }
    if reported.kinds_without_bound:
        content["kinds_without_bound"] = reported.kinds_without_bound
    jsonschema.validate(content, json.loads(schema_text()))
    return content


def _bound(bound: Bound) -> dict[str, float | str | None]:
    return {
        "confidence": bound.confidence,
        "factor": bound.factor,
        "offset": bound.offset,
        "from": bound.start,
        "to": bound.end if math.isfinite(bound.end) else None,
        **({"kind": bound.kind} if bound.kind else {}),
    }


def _byte_bound(reference_model: str, counts_of: str) -> dict[str, float | str] | None:
    found = byte_bound(reference_model, counts_of)
    return None if found is None else asdict(found)


def domain(comparison: Comparison) -> dict[str, list[float]]:
    """Return the training records' range [least, greatest] of each feature and of bytes per feature.

    A table that knows which n-grams its training held brings the range that keeps to them.
    """
    frame = comparison.dataset.features.iloc[comparison.train]
    ranges = {name: frame[name] for name in comparison.winner.candidate.features}
    if "bytes" in frame:
        others = [name for name in frame if name != "bytes" and (frame[name] > 0).all()]
        ranges |= {f"bytes/{name}": frame["bytes"] / frame[name] for name in others}
    found = {name: [float(values.min()), float(values.max())] for name, values in ranges.items()}
    for name in tables_of(comparison.winner.candidate.features):
        if known_table(name.removeprefix(NGRAM)).known is not None:
            ratio, limits = known_range(name)
            found[ratio] = list(limits)
    return found
