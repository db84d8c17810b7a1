"""What was counted for usage, beside what a model estimates of it: requests in traces, steps of sessions."""

import math
from collections import Counter as Tally
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from token_approx.errors import InputError
from token_approx.estimator.bounds import evaluate
from token_approx.estimator.domain import out_of_domain
from token_approx.estimator.request import features_total
from token_approx.estimator.total import rounded
from token_approx.fitting.bounds import DEFAULT_LEVEL
from token_approx.labelling.counters.protocol import STEP
from token_approx.labelling.exchanges import digest
from token_approx.labelling.observations import REPEATED
from token_approx.labelling.spans import UNKNOWN_MODEL
from token_approx.labelling.transcripts.reader import Transcripts
from token_approx.labelling.transcripts.steps import OTHER_MODEL
from token_approx.labelling.usage import OnProgress, nothing_found, week_of
from token_approx.lifecycle.feedback import TraceEstimate
from token_approx.lifecycle.traces import REMEDY, MlflowTraces
from token_approx.lifecycle.watching_models import (
    UsedModel,
    given_of_requests,
    given_of_steps,
    is_of,
    of_requests,
    of_texts,
)
from token_approx.reporting.drift import ESTIMATE, KIND, MODEL, TOKENS, UPPER, WEEK

SHIPPED = "the shipped models"
NO_MODEL = "no model of requests for its family"
INCOMPLETE = "something in it cannot be counted"


@dataclass(frozen=True)
class Watched:
    """Usage and estimates of it: `rows` as `reporting.drift` describes them, `name` that of the model.

    `new` are estimates that their traces do not have as feedback yet. `notice` says what the estimates leave
    out, "" for nothing.
    """

    name: str
    rows: pd.DataFrame
    new: tuple[TraceEstimate, ...] = ()
    notice: str = ""


def watched_traces(
    model: str, experiments: str, since: str, left_out: Tally[str], on_progress: OnProgress
) -> Watched:
    """Estimate the requests in traces by a model of whole requests, or each by its family's shipped one.

    A request that was made several times in a week has one row, with the median of its counts. `left_out`
    counts what has none, by the reason.

    Raises:
        UsageError, InputError: see `MlflowTraces`; or the model is not one of whole requests.
    """
    reader = MlflowTraces(experiments, since)
    given = given_of_requests(model)
    rows: list[dict[str, Any]] = []
    new: list[TraceEstimate] = []
    for call in reader.calls(left_out, on_progress):
        used = of_requests(given, call.fields["family"])
        if used is None or call.fields["not_counted"]:
            reason = INCOMPLETE if used else NO_MODEL if given is None else OTHER_MODEL
            left_out[reason] += 1
            continue
        total = features_total(used.estimator, call.features)
        upper = total.upper_bound(DEFAULT_LEVEL) if used.bounded else math.inf
        known = {MODEL: call.fields["model"], WEEK: week_of(call.span.moment), KIND: call.fields["kind"]}
        counted = {
            TOKENS: call.tokens,
            ESTIMATE: total.tokens,
            UPPER: upper if upper < math.inf else math.nan,
        }
        rows.append(known | counted | {"digest": digest(call.features)})
        if used.name not in call.span.noted:
            trace, _, span = call.span.id.partition(" ")
            bound = int(upper) if upper < math.inf else None
            new.append(TraceEstimate(trace, span, used.name, total.tokens, bound))
    if not rows:
        raise InputError(nothing_found("request", left_out, REMEDY))
    frame = pd.DataFrame(rows)
    keys = [MODEL, WEEK, "digest"]
    counts = frame.groupby(keys)[TOKENS].transform("median")
    distinct = frame.assign(**{TOKENS: counts}).drop_duplicates(keys).drop(columns="digest")
    if len(distinct) < len(frame):
        left_out[REPEATED] += len(frame) - len(distinct)
    return Watched(given.name if given else SHIPPED, distinct.reset_index(drop=True), tuple(new))


def watched_transcripts(model: str, path: str, left_out: Tally[str], on_progress: OnProgress) -> Watched:
    """Estimate the steps of coding agents' sessions, by a model of steps or of texts, or a catalogue's name.

    Without a model, each step is estimated by the shipped one of texts of its own model. A model of texts
    promises no bound of a step: nothing in it is for what frames a result.

    Raises:
        UsageError, InputError: see `Transcripts`; or the model is one of whole requests, or weighs what the
            steps do not have.
    """
    reader = Transcripts(path)
    given = given_of_steps(model)
    steps = reader.steps(left_out, on_progress)
    rows = []
    for name, record in steps.records.items():
        used = given or of_texts(record.model)
        if used is None or (given and not is_of(given.estimator.model, record.model)):
            left_out[UNKNOWN_MODEL if used is None else OTHER_MODEL] += 1
            continue
        known = {MODEL: record.model, WEEK: steps.weeks[name], KIND: record.category or ""}
        rows.append(known | {TOKENS: record.input_tokens} | _of_step(used, record.features))
    if not rows:
        remedy = "Give a model= of those that the sessions used, or none."
        raise InputError(nothing_found("step", left_out, remedy))
    found = given.name if given else SHIPPED
    notice = ""
    if given is None or given.estimator.counts_of != STEP:
        notice = (
            f"The estimates of {found} are of texts: the constant that a provider adds to each tool result is"
            " not in them, so they are low by it, and no bound is checked. Train on the steps to have both."
        )
    return Watched(found, pd.DataFrame(rows), notice=notice)


def _of_step(used: UsedModel, features: Mapping[str, float]) -> dict[str, float]:
    estimator = used.estimator
    lacking = [name for name in estimator.weights if name not in features]
    if lacking:
        raise InputError(
            f"{used.name} weighs the feature {lacking[0]!r}, which the steps do not have. Name its table in"
            " TOKEN_APPROX_TABLES, or train on steps."
        )
    linear_sum = estimator.linear_sum(features)
    upper = math.nan
    if estimator.counts_of == STEP and used.bounded and not out_of_domain(estimator.domain, features):
        upper = math.ceil(evaluate(estimator.upper, linear_sum, DEFAULT_LEVEL))
    return {ESTIMATE: rounded(linear_sum), UPPER: upper}
