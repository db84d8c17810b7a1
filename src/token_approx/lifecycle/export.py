"""model_coefs.json: the champion as coefficients that any program can evaluate."""

import json
import math
from collections.abc import Mapping
from typing import Any

import jsonschema

from token_approx import __version__
from token_approx.fitting.bounds import Bound
from token_approx.fitting.comparison import Comparison
from token_approx.lifecycle.contract import SCHEMA_VERSION, schema_text, sha256, tables_of
from token_approx.reporting.report import Report


def model_coefs(
    comparison: Comparison, reported: Report, counts_of: str, provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of model_coefs.json for the champion, checked against its schema.

    Raises:
        jsonschema.ValidationError: the content breaks the contract (a defect of ours, never of the input).
    """
    champion = comparison.champion
    candidate = champion.candidate
    settings = ", ".join(f"{name}={value!r}" for name, value in candidate.hyperparameters.items())
    content = {
        "schema_version": SCHEMA_VERSION,
        "type": "linear",
        "model": comparison.dataset.reference_model,
        "counts_of": counts_of,
        "estimator": f"{candidate.model_name}({settings})",
        "feature_set": list(candidate.features),
        "w0": champion.fit.intercept,
        **{
            f"w_{name}": float(value)
            for name, value in zip(candidate.features, champion.fit.coefficients, strict=True)
        },
        "tables": {
            name: {"file": path.name, "sha256": sha256(path)}
            for name, path in tables_of(candidate.features, comparison.dataset.table).items()
        },
        "upper_bound": [_bound(bound) for bound in reported.upper],
        "lower_bound": [_bound(bound) for bound in reported.lower],
        "domain": domain(comparison),
        "metrics": {
            "training_records": len(comparison.train),
            "test_records": len(comparison.test),
            "cv": champion.cv,
            "unseen_source": champion.unseen_source,
            "test": {
                name: {"value": value, "interval_95": list(comparison.test_intervals[name])}
                for name, value in champion.test.items()
            },
        },
        "provenance": {
            **provenance,
            "package_version": __version__,
            "records_sha256": sha256(comparison.dataset.path),
        },
    }
    jsonschema.validate(content, json.loads(schema_text()))
    return content


def _bound(bound: Bound) -> dict[str, float | None]:
    return {
        "confidence": bound.confidence,
        "factor": bound.factor,
        "offset": bound.offset,
        "from": bound.start,
        "to": bound.end if math.isfinite(bound.end) else None,
        **({"kind": bound.kind} if bound.kind else {}),
    }


def domain(comparison: Comparison) -> dict[str, list[float]]:
    """Return the training records' range [least, greatest] of each feature and of bytes per feature."""
    frame = comparison.dataset.features.iloc[comparison.train]
    ranges = {name: frame[name] for name in comparison.champion.candidate.features}
    if "bytes" in frame:
        others = [name for name in frame if name != "bytes" and (frame[name] > 0).all()]
        ranges |= {f"bytes/{name}": frame["bytes"] / frame[name] for name in others}
    return {name: [float(values.min()), float(values.max())] for name, values in ranges.items()}
