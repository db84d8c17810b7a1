"""Which model estimates usage: the one that is given, or the shipped one of each call's family."""

import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from token_approx import __version__
from token_approx.errors import InputError, MissingExtraError
from token_approx.estimator.catalogue import catalogue, is_same_model
from token_approx.estimator.estimator import Estimator
from token_approx.estimator.request import shipped_request_model
from token_approx.fitting.bounds import DEFAULT_LEVEL
from token_approx.labelling.counters.protocol import REQUEST
from token_approx.lifecycle.loading import URI, load_model


@dataclass(frozen=True)
class UsedModel:
    """An estimator, and the name by which runs and feedback know it."""

    name: str
    estimator: Estimator

    @property
    def bounded(self) -> bool:
        """Whether it has an upper bound of the default level."""
        return any(bound.confidence == DEFAULT_LEVEL for bound in self.estimator.upper)


def given_of_requests(model: str) -> UsedModel | None:
    """Return the model of requests that is given, by its URI or file; None for "".

    Raises:
        InputError: it cannot be had, or estimates something else.
    """
    if not model:
        return None
    loaded = load_model(model)
    counts_of = loaded.estimator.counts_of
    if counts_of != REQUEST:
        raise InputError(
            f"{loaded.name} estimates {counts_of or 'texts'}, and traces hold whole requests. Give a model of"
            " requests (see docs/usage.md), or none for the shipped ones."
        )
    return UsedModel(loaded.name, loaded.estimator)


def of_requests(given: UsedModel | None, family: str) -> UsedModel | None:
    """Return the model for requests to a family, shipped if none is given; None where there is none."""
    if given is None:
        return _shipped(family)
    tables = {table.tokenizer for table in given.estimator.tables.values()} & catalogue().families.keys()
    return given if not tables or family in tables else None


@lru_cache(maxsize=16)
def _shipped(family: str) -> UsedModel | None:
    try:
        return UsedModel(f"{family} of token-approx {__version__}", shipped_request_model(family))
    except InputError:
        return None


def given_of_steps(model: str) -> UsedModel | None:
    """Return the model of steps or texts that is given, by URI, file or name in the catalogue; None for "".

    Raises:
        InputError: it cannot be had, or estimates whole requests.
    """
    if not model:
        return None
    if not URI.match(model) and not Path(model).exists():
        try:
            catalogue().find(model)
        except InputError as error:
            raise InputError(
                f"model={model} is no file, and the catalogue has none so named: {error}"
            ) from error
        return of_texts(model)
    loaded = load_model(model)
    if loaded.estimator.counts_of == REQUEST:
        raise InputError(
            f"{loaded.name} estimates whole requests, and sessions' logs show steps. Give a model that was"
            " trained on steps (see docs/usage.md), or the name of a model of texts."
        )
    return UsedModel(loaded.name, loaded.estimator)


@lru_cache(maxsize=64)
def of_texts(name: str) -> UsedModel | None:
    """Return the shipped model of texts for a model by its name; None for one that is not known."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a newer version of a known line
            return UsedModel(name, Estimator.for_model(name))
    except MissingExtraError:
        raise
    except InputError:
        return None


def is_of(reference_model: str, model: str) -> bool:
    """Say whether a model is the reference model of an estimator, or one of a family that is."""
    if is_same_model(reference_model, model):
        return True
    if reference_model not in catalogue().families:
        return False
    try:
        return catalogue().find(model).family.name == reference_model
    except InputError:
        return False
