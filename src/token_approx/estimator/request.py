"""A provider's request -> its total: tokens by part, bounds, and what cannot be known from it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..requests import PARTS, TEXT_KINDS, RequestFeatures, read_request
from ..requests.named import TEXT, measured_features, named_features, part_of
from ..text.known_ngrams import NGRAM
from .bounds import Bound
from .byte_bounds import REQUEST
from .catalogue import catalogue
from .domain import known_range, out_of_domain
from .exact import Exact, ExactCount
from .total import TextEstimate, Total, rounded

if TYPE_CHECKING:
    from .estimator import Estimator

# Whose requests are written in a format, by the name of the family's table; the other formats are anybody's.
_CLAUDE, _OPENAI, _GOOGLE = ("claude_3", "claude_4_7"), ("o200k_base", "cl100k_base"), ("gemma_3",)
_OTHERS = ("deepseek_3", "llama_3", "qwen_3", "tekken")
FAMILIES = _CLAUDE + _OPENAI + _GOOGLE + _OTHERS
ASKED_IN = {"anthropic": _CLAUDE, "gemini": _GOOGLE, "converse": _CLAUDE + _OTHERS}
# The kinds of requests in words.
KINDS = {
    "plain": "plain requests",
    "options": "requests with a schema or thinking",
    "tools": "requests with tools",
    "images": "requests with images",
    "documents": "requests with documents",
}


@dataclass(frozen=True)
class RequestTotal(Total):
    """The estimate of a whole request.

    `parts` are the tokens of each of its parts, whole numbers that add up to `tokens`: system, messages,
    tools, tool calls, tool results, images, documents, framing. `model` is the model's name as it was given
    or as the body has it. `not_counted` lists, as "place: reason", what the request has that no estimate can
    know; its tokens come on top, so the decision is then `ask` unless what is known exceeds the limit.
    """

    parts: Mapping[str, int] = field(default_factory=dict)
    not_counted: tuple[str, ...] = ()
    model: str = ""

    @property
    def unknown(self) -> str:
        """The first thing in it whose tokens cannot be known; "" if there is none."""
        return next(iter(self.not_counted), "")


def request_total(
    estimator: "Estimator",
    body: Any,  # noqa: ANN401 - a mapping, JSON or an SDK's object
    model: str = "",
    wire_format: str = "",
    otherwise: str = "",
) -> RequestTotal:
    """Return the total of a request's body by an estimator of whole requests.

    `model` is the model's name, `otherwise` the one where neither `model` nor the body has one.

    Raises:
        InputError: the body is in no known format, or the estimator counts something else.
    """
    features = read_request(body, model, wire_format)
    if otherwise and not features.model:
        features = read_request(body, otherwise, wire_format)
    return features_total(estimator, features)


def messages_total(estimator: "Estimator", messages: Any, model: str, *, first: bool) -> RequestTotal:  # noqa: ANN401 - a mapping or several
    """Return what messages add to a request, in any format; with `first`, they begin it.

    Raises:
        InputError: as `request_total`.
    """
    added = [messages] if isinstance(messages, Mapping) or hasattr(messages, "model_dump") else list(messages)
    plain = [
        message.model_dump(exclude_none=True) if hasattr(message, "model_dump") else message
        for message in added
    ]
    fields = {name for message in plain if isinstance(message, Mapping) for name in message}
    kinds = {message.get("type") for message in plain if isinstance(message, Mapping)}
    field = "contents" if "parts" in fields else "input" if kinds - {None, "message"} else "messages"
    features = read_request({field: added, "model": model}, model)
    if not first:
        counts = {name: number for name, number in features.counts.items() if name != "requests"}
        features = replace(features, counts=counts)
    return features_total(estimator, features)


def features_total(estimator: "Estimator", features: RequestFeatures) -> RequestTotal:
    """Return the total of a request that was read, by an estimator of whole requests.

    Raises:
        InputError: the estimator counts something else.
    """
    if estimator.counts_of != REQUEST:
        raise InputError(
            f"the model of {estimator.model} counts {estimator.counts_of}. Give a model of whole requests."
        )
    table = next(iter(estimator.tables.values()), None)
    base, rare = measured_features(features, table)
    values = named_features(estimator.weights, base, features.model, features.format)
    linear_sum = estimator.linear_sum(values)
    upper, lower = _bounds(estimator.upper, features.kind), _bounds(estimator.lower, features.kind)
    return RequestTotal(
        # No bytes bound a request: what a provider adds to it does not follow from its texts.
        [TextEstimate(linear_sum, math.inf, _outside(estimator, features, base, rare))],
        upper,
        lower,
        counter=_not_counted_exactly,
        parts=_parts(estimator, values, rounded(linear_sum)),
        not_counted=features.not_counted,
        model=features.model,
    )


def _not_counted_exactly(_: Exact) -> ExactCount:
    # What a provider adds to a request is fitted: the measured bounds hold for that as well as for the texts.
    return ExactCount(None, "no tokenizer counts what a provider adds to a whole request")


def _outside(
    estimator: "Estimator", features: RequestFeatures, base: Mapping[str, float], rare: float
) -> str:
    """Return why no bound of a request can be trusted, "" if one can: its kind, or its texts' n-grams."""
    table = next(iter(estimator.tables.values()), None)
    asked_so = ASKED_IN.get(features.format)
    if table and asked_so and table.tokenizer in FAMILIES and table.tokenizer not in asked_so:
        return (
            f"this family is not asked in the format {features.format}: written for it, the request differs"
        )
    if features.kind in estimator.kinds_without_bound:
        requests = KINDS.get(features.kind, features.kind)
        return f"no bound for {requests} to this family held on repositories that were left out"
    if table is None or table.known is None:
        return ""
    cost = math.fsum(base[TEXT + kind] for kind in TEXT_KINDS)  # not by the prefix: `text_blocks` is a count
    name, limits = known_range(NGRAM + table.tokenizer)
    above, _, below = name.partition("/")
    return out_of_domain({name: limits}, {above: rare, below: cost}) if cost else ""


def family_of(body: Any, model: str = "") -> str:  # noqa: ANN401 - a mapping, JSON or an SDK's object
    """Return the family of the model that is given, or else of the one that a request's body names.

    Raises:
        InputError: there is none, or the catalogue does not know it.
    """
    name = model or read_request(body).model
    if not name:
        raise InputError("the request names no model. Give its name, such as model='claude-opus-5'.")
    return catalogue().find(name).family.name


def request_model_for(model: str) -> "Estimator":
    """Return the shipped estimator of whole requests to a model, by any of its names.

    Raises:
        InputError: the catalogue does not know the model, or none is shipped for its family.
    """
    return shipped_request_model(catalogue().find(model).family.name)


@lru_cache(maxsize=16)
def shipped_request_model(family: str) -> "Estimator":
    """Return the shipped estimator of whole requests to a family of models.

    Raises:
        InputError: none is shipped for that family; the message names those that there are.
    """
    from .coefs_file import read_coefs  # noqa: PLC0415 - read by the estimator, which imports this
    from .estimator import Estimator  # noqa: PLC0415
    from .shipped import DEFAULTS, TABLES  # noqa: PLC0415

    folder = DEFAULTS / "requests"
    path = folder / f"{family}.json"
    if not path.exists():
        there = ", ".join(sorted(found.stem for found in folder.glob("*.json"))) or "none"
        raise InputError(
            f"no model of whole requests is shipped for {family!r}: too few were recorded to fit one. Its"
            f" texts and chat messages can be estimated (estimate, messages). Families with one: {there}."
        )
    return Estimator(**read_coefs(path, TABLES))


def _bounds(bounds: tuple[Bound, ...], kind: str) -> tuple[Bound, ...]:
    """Return the bounds of a kind of request: its own at the levels that have them, else those of all."""
    own = {bound.confidence for bound in bounds if bound.kind == kind}
    return tuple(bound for bound in bounds if bound.kind == (kind if bound.confidence in own else ""))


def _parts(estimator: "Estimator", values: Mapping[str, float], tokens: int) -> dict[str, int]:
    found = dict.fromkeys(PARTS, 0.0)
    for name, weight in estimator.weights.items():
        found[part_of(name)] += weight * values[name]
    whole = {part: max(0, round(value)) for part, value in found.items()}
    # What rounding leaves over is framing's, or the largest part's where framing has too little.
    rest = tokens - sum(whole.values())
    taker = "framing" if whole["framing"] + rest >= 0 else max(whole, key=lambda part: whole[part])
    return whole | {taker: whole[taker] + rest}
