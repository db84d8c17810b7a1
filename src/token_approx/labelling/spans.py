"""Spans of traces -> records of whole requests: what a request held and what the provider counted for it."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import pandas as pd

from token_approx.errors import InputError
from token_approx.estimator.catalogue import catalogue, is_same_model
from token_approx.labelling.counters.protocol import REQUEST
from token_approx.labelling.exchanges import Table, described, digest, distinct
from token_approx.labelling.observations import REPEATED, Observation, of_request
from token_approx.labelling.observations import distinct as distinct_requests
from token_approx.labelling.transcripts.steps import hashed
from token_approx.requests import RequestFeatures
from token_approx.requests.named import base_features

CHAT_MODEL, LLM = "CHAT_MODEL", "LLM"
# What the attribute mlflow.message.format says, and the wire format; OpenAI's are told by the body.
WIRE_FORMATS = {"anthropic": "anthropic", "openai": "", "gemini": "gemini", "bedrock": "converse", "": ""}
# MLflow gives the calls of Gemini's SDK, which hold the whole request, the type of others that do not.
WHOLE_AS_LLM = {"gemini"}
FORMAT, USAGE, MODEL = "mlflow.message.format", "mlflow.chat.tokenUsage", "mlflow.llm.model"
PROVIDER = "mlflow.llm.provider"
PROVIDERS = {"openai": "openai", "anthropic": "anthropic", "gemini": "google", "bedrock": "bedrock"}
# Arguments of the SDKs that are no part of the body; headers may hold a key.
NOT_SENT = frozenset({"extra_headers", "extra_query", "extra_body", "timeout"})
# How MLflow writes an argument that an SDK left out.
OMITTED = ("NOT_GIVEN", "<openai.Omit object", "<openai.NotGiven object", "<anthropic.")

PARENT = "span above another model's"
TEXT_ALONE = "span of type LLM, without the whole request"
STREAMED = "no usage: streamed"
FAILED = "no usage: failed call"
NO_USAGE = "no usage"
NO_REQUEST = "no request in the span"
UNKNOWN_FORMAT = "unknown format"
UNKNOWN_MODEL = "unknown model"
OTHER_MODEL = "another model"

Found = TypeVar("Found")


@dataclass(frozen=True)
class Span:
    """A span as MLflow has it; `group` is its session's name or its trace's, `failed` whether it failed.

    `moment` is when its trace began, in milliseconds since 1970; `noted` names the models whose estimate
    stands beside it already.
    """

    id: str
    parent: str | None
    type: str
    group: str
    inputs: Any
    attributes: Mapping[str, Any]
    failed: bool = False
    moment: int | None = None
    noted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SpanCall:
    """A call whose span holds the whole request: its features, and the tokens that were counted for it.

    `fields` is what a record says of it besides, with a public name for its model.
    """

    span: Span
    fields: Mapping[str, Any]
    features: RequestFeatures
    tokens: int


def span_calls(traces: Iterable[Sequence[Span]], left_out: Tally[str], model: str = "") -> Iterator[SpanCall]:
    """Yield the calls in the spans of traces; with `model` those of other models are left out.

    `left_out` counts spans that cannot be used, by the reason.
    """
    return _each(traces, left_out, lambda span: _call(span, model))


def span_records(
    traces: Iterable[Sequence[Span]], table: Table, left_out: Tally[str], model: str = ""
) -> pd.DataFrame:
    """Return one row of features for each distinct request in the spans of traces, as `request_records` does.

    `left_out` and `model` are as for `span_calls`. The rows hold no text; `repository` is a hash of the
    session, or of the trace without one.
    """
    rows = [
        {
            "id": hashed("span", call.span.id),
            "repository": hashed("group", call.span.group),
            **call.fields,
            "counts_of": REQUEST,
            "input_tokens": float(call.tokens),
            "digest": digest(call.features),
            **base_features(call.features, table(call.fields["family"])),
        }
        for call in span_calls(traces, left_out, model)
    ]
    if not rows:
        return pd.DataFrame()
    frame = distinct(pd.DataFrame(rows))
    if len(frame) < len(rows):
        left_out[REPEATED] += len(rows) - len(frame)
    return frame


def _leaves(spans: Sequence[Span], left_out: Tally[str]) -> Iterator[Span]:
    # A framework's span and that of the SDK below it tell of the same call.
    parents = {span.id: span.parent for span in spans}
    above: set[str] = set()
    models = [span for span in spans if span.type in (CHAT_MODEL, LLM)]
    for span in models:
        parent = span.parent
        while parent is not None and parent not in above:
            above.add(parent)
            parent = parents.get(parent)
    for span in models:
        if span.id in above:
            left_out[PARENT] += 1
        elif span.type == LLM and span.attributes.get(FORMAT) not in WHOLE_AS_LLM:
            left_out[TEXT_ALONE] += 1
        else:
            yield span


def span_observations(
    traces: Iterable[Sequence[Span]], left_out: Tally[str], model: str = ""
) -> list[Observation]:
    """Return the distinct requests in the spans of traces with their texts, in memory; of any model.

    `model` and `left_out` are as those of `span_calls`.
    """
    return distinct_requests(_each(traces, left_out, lambda span: _observed(span, model)), left_out)


def _each(
    traces: Iterable[Sequence[Span]], left_out: Tally[str], made: Callable[[Span], Found | str]
) -> Iterator[Found]:
    # What is made of each span that no other repeats, or its reason in `left_out`.
    for spans in traces:
        for span in _leaves(spans, left_out):
            found = made(span)
            if isinstance(found, str):
                left_out[found] += 1
            else:
                yield found


def _observed(span: Span, wanted: str) -> Observation | str:
    sent = _sent(span, wanted)
    if isinstance(sent, str):
        return sent
    try:
        return of_request(sent.body, sent.model, sent.format, sent.tokens, hashed("group", span.group))
    except InputError:
        return UNKNOWN_FORMAT


def _call(span: Span, wanted: str) -> SpanCall | str:
    sent = _sent(span, wanted)
    if isinstance(sent, str):
        return sent
    try:
        known = catalogue().find(sent.model).name
    except InputError:
        return UNKNOWN_MODEL
    try:
        fields, features = described(sent.body, sent.model, sent.format)
    except InputError:
        return UNKNOWN_FORMAT
    provider = str(span.attributes.get(PROVIDER) or span.attributes.get(FORMAT) or "")
    # A name of one's own, as of a fine-tuned model, may say whose it is.
    public = fields["model"] if is_same_model(sent.model, known) else known
    fields = {"provider": PROVIDERS.get(provider, ""), **fields, "model": public}
    return SpanCall(span, fields, features, sent.tokens)


class _Sent(NamedTuple):
    body: dict[str, Any]
    model: str
    format: str
    tokens: int


def _sent(span: Span, wanted: str) -> _Sent | str:
    # What was sent and what was counted, or the reason why that is not known.
    usage = span.attributes.get(USAGE)
    tokens = usage.get("input_tokens") if isinstance(usage, dict) else None
    if not isinstance(span.inputs, dict):
        return UNKNOWN_FORMAT if span.inputs else NO_REQUEST
    if not isinstance(tokens, int) or tokens <= 0:
        return STREAMED if span.inputs.get("stream") is True else FAILED if span.failed else NO_USAGE
    named = span.attributes.get(FORMAT) or ""
    if named not in WIRE_FORMATS:
        return UNKNOWN_FORMAT
    body = _body(span.inputs)
    model = str(body.get("model") or body.get("modelId") or span.attributes.get(MODEL) or "")
    if wanted and not is_same_model(model, wanted):
        return OTHER_MODEL
    return _Sent(body, model, WIRE_FORMATS[named], tokens)


def _body(inputs: Mapping[str, Any]) -> dict[str, Any]:
    sent = {name: value for name, value in inputs.items() if name not in NOT_SENT and value is not None}
    more = inputs.get("extra_body")
    sent |= more if isinstance(more, dict) else {}
    return {
        name: value
        for name, value in sent.items()
        if not (isinstance(value, str) and value.startswith(OMITTED))
    }
