"""Usage together with the texts that were counted: what a table is adapted to. It is kept in memory alone."""

import hashlib
import json
from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Protocol

from token_approx.errors import InputError
from token_approx.labelling.usage import OnProgress
from token_approx.requests import RequestFeatures, read_request
from token_approx.requests.models import model_key

# What frames the texts of a request, of any provider: each has its own number of tokens, found by fitting.
OF_REQUESTS = (
    *("requests", "systems", "user_messages", "assistant_messages"),
    *("tools_on", "tools", "tool_properties", "tool_calls", "tool_results"),
)
# Of steps of a session.
OF_STEPS = ("tool_results", "user_messages")
MORE_THAN_TEXT = "more than texts (images, documents, unknown content)"
REPEATED = "repeated request"


@dataclass(frozen=True)
class Observation:
    """Texts that a provider counted as `tokens`, with what frames them.

    `framing` has numbers of framed things by name (`tool_results`), `group` what belongs on one side of a
    split (a session, a repository), `kind` what it is an observation of.
    """

    model: str
    group: str
    kind: str
    tokens: float
    texts: tuple[str, ...]
    framing: Mapping[str, float]


class Observer(Protocol):
    """Reads usage into observations."""

    def observe(self, left_out: Tally[str], on_progress: OnProgress) -> list[Observation]:
        """Return the observations; `left_out` is kept up to date, also where this raises.

        Raises:
            InputError: there is no observation.
        """
        ...


def of_request(
    body: Any,  # noqa: ANN401 - a mapping, or JSON
    model: str,
    wire_format: str,
    tokens: float,
    group: str,
) -> Observation | str:
    """Return the observation of a whole request, or the reason why it is left out.

    Raises:
        InputError: the body is in no known format.
    """
    features = read_request(body, model, wire_format)
    if features.not_counted or features.kind in ("images", "documents"):
        return MORE_THAN_TEXT
    texts = tuple(text for texts in features.texts.values() for text in texts)
    framing = {name: _number(features, name) for name in OF_REQUESTS}
    return Observation(model_key(model), group, features.kind, tokens, texts, framing)


def distinct(found: Iterable[Observation], left_out: Tally[str]) -> list[Observation]:
    """Return one observation for each request that was made several times, with the median of its counts."""
    same: dict[str, list[Observation]] = {}
    for each in found:
        content = json.dumps([each.model, each.texts, sorted(each.framing.items())])
        same.setdefault(hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest(), []).append(each)
    left_out[REPEATED] += sum(map(len, same.values())) - len(same)
    return [replace(each[0], tokens=float(median(one.tokens for one in each))) for each in same.values()]


def only_model(found: Iterable[Observation]) -> str:
    """Return the model of all observations.

    Raises:
        InputError: they are of several models.
    """
    models = Tally(each.model for each in found)
    if len(models) > 1:
        listed = ", ".join(f"{name} ({number})" for name, number in models.most_common(10))
        raise InputError(f"the usage is of several models: {listed}. Name one of them: model=<name>.")
    return next(iter(models))


def _number(features: RequestFeatures, name: str) -> float:
    return float(features.counts.get(name, 0.0))
