"""golden_vectors.json: what a model says of chosen texts, to the last bit, for programs in any language."""

import base64
import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from token_approx.estimator.bounds import Bound
from token_approx.estimator.estimator import BASIC, Estimator, rounded
from token_approx.estimator.total import Total
from token_approx.files import write_whole
from token_approx.lifecycle.golden_texts import GoldenText, golden_texts
from token_approx.text.counts import encode

SCHEMA_VERSION = 2
SCHEMA_FILE = "golden_vectors.schema.json"
FILE = "golden_vectors.json"


def golden_vectors(estimator: Estimator, texts: Iterable[GoldenText]) -> dict[str, Any]:
    """Return the content of golden_vectors.json for a model and texts, which determine it.

    Raises:
        KeyError: the model weighs a feature that cannot be computed from a text.
    """
    vectors = [_vector(estimator, golden) for golden in texts]
    return {"schema_version": SCHEMA_VERSION, "model": estimator.model, "vectors": vectors}


def write_golden_vectors(coefs: Path) -> None:
    """Write golden_vectors.json beside a model_coefs.json, from that file and the tables it names.

    A model on features that no text gives has none: then an earlier model's file is removed.

    Raises:
        InputError: the coefficients or their tables cannot be read.
    """
    estimator, path = Estimator.load(coefs), coefs.with_name(FILE)
    if not estimator.weights.keys() <= BASIC | estimator.tables.keys():
        path.unlink(missing_ok=True)
        return
    content = golden_vectors(estimator, golden_texts())
    # A line per vector, so that a difference names it; ASCII, because a lone surrogate has no UTF-8.
    lines = ",\n".join(json.dumps(vector, allow_nan=False) for vector in content.pop("vectors"))
    head = json.dumps(content)[:-1]
    write_whole(path, f'{head}, "vectors": [\n{lines}\n]}}\n'.encode("ascii"))


def schema_text() -> str:
    """Return the JSON schema of golden_vectors.json."""
    return (files("token_approx.lifecycle") / SCHEMA_FILE).read_text(encoding="utf-8")


def _vector(estimator: Estimator, golden: GoldenText) -> dict[str, Any]:
    piece = golden.text if isinstance(golden.text, bytes) else encode(golden.text)
    data = piece * golden.times
    features = estimator.domain_features(data)
    found = estimator.of_features(features)
    inside = Total([found._replace(outside="")], estimator.upper, estimator.lower)
    return {
        "name": golden.name,
        **({"text": golden.text} if isinstance(golden.text, str) else {}),
        "text_base64": base64.b64encode(piece).decode("ascii"),
        "times": golden.times,
        "features": features,
        "linear_sum": found.linear_sum,
        "estimate": rounded(found.linear_sum),
        "upper_bound": {str(level): inside.upper_bound(level) for level in _levels(estimator.upper)},
        "lower_bound": {str(level): inside.lower_bound(level) for level in _levels(estimator.lower)},
        "byte_bound": found.most if estimator.byte_bound else None,
        "in_domain": not found.outside,
    }


def _levels(bounds: tuple[Bound, ...]) -> list[float]:
    return sorted({bound.confidence for bound in bounds})
