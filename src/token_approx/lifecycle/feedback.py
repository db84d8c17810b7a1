"""Estimates written back to the traces in MLflow that they are of, as feedback; each once per model."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import mlflow
from mlflow.entities import AssessmentSource, AssessmentSourceType, TraceInfo

NAME = "token_estimate"
SOURCE = AssessmentSource(AssessmentSourceType.CODE, "token-approx")
MODEL = "model"


@dataclass(frozen=True)
class TraceEstimate:
    """What a model says of the call in a trace's span, in tokens; `upper_bound` is None where it has none."""

    trace_id: str
    span_id: str
    model: str
    tokens: int
    upper_bound: int | None


def write_feedback(estimates: Iterable[TraceEstimate]) -> int:
    """Write each estimate to its span, with the bound and the model in the metadata; return how many."""
    written = 0
    for each in estimates:
        bound = {} if each.upper_bound is None else {"upper_bound_95": str(each.upper_bound)}
        mlflow.log_feedback(
            trace_id=each.trace_id,
            span_id=each.span_id,
            name=NAME,
            value=each.tokens,
            source=SOURCE,
            metadata={MODEL: each.model, **bound},
        )
        written += 1
    return written


def models_noted(trace: TraceInfo) -> dict[str, frozenset[str]]:
    """Return the models whose estimates a trace has already, by the span that they are of."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for each in trace.assessments or []:
        if each.name == NAME and each.span_id and each.metadata:
            found[each.span_id].add(str(each.metadata.get(MODEL)))
    return {span: frozenset(models) for span, models in found.items()}
