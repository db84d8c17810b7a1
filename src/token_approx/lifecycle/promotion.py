"""Promotion: the version that the alias `champion` names is one that beat the champion before it.

A version is complete before its alias is set, and setting an alias is one step in the registry's database:
whenever a run ends, killed or not, there is at most one champion and all its files are there.
"""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from token_approx.errors import InputError, StoreError
from token_approx.estimator.estimator import Estimator
from token_approx.fitting.dataset import Floats
from token_approx.fitting.metrics import paired_gain
from token_approx.lifecycle.contract import COEFS
from token_approx.lifecycle.lock import exclusive
from token_approx.lifecycle.registry import download

CHAMPION, CHALLENGER = "champion", "challenger"
# Tags of a version: which records it was fitted and tested on, and what became of it.
RECORDS, PROMOTION = "records_digest", "promotion"
LEFT = "undecided: the run ended before it compared this version"


@dataclass(frozen=True)
class PromotionRule:
    """When a version becomes champion.

    `better`: if it beats the champion by more than the share `margin` of the champion's mean absolute error,
    over the whole 95 % interval of `resamples` bootstrap resamples; `always` or `never` decide outright.
    `lease` and `patience` are in seconds: how long a killed run keeps others waiting, and how long a run
    waits for others.
    """

    when: Literal["better", "always", "never"]
    margin: float
    resamples: int
    seed: int
    lease: float
    patience: float


@dataclass(frozen=True)
class Challenge:
    """A new version with its test: features and counted tokens (n,) of the records, and its estimates (n,).

    `records` is the digest of the dataset, `barred` why the version must not become champion ("": nothing).
    """

    name: str
    version: str
    features: pd.DataFrame
    tokens: Floats
    estimates: Floats
    records: str
    barred: str = ""


@dataclass(frozen=True)
class PromotionDecision:
    """What became of a version, and why."""

    role: Literal["champion", "challenger", "registered"]
    reason: str


def promote(client: MlflowClient, challenge: Challenge, rule: PromotionRule) -> PromotionDecision:
    """Decide on a version, set its alias and say why in its tag `promotion`; explain what killed runs left.

    Raises:
        StoreError: other runs keep the registered model for longer than `rule.patience`, or this one was
            held up for longer than its lease.
    """
    name, version = challenge.name, challenge.version
    if rule.when == "never":
        decision = PromotionDecision("registered", "promotion.when=never")
        client.set_model_version_tag(name, version, PROMOTION, _explained(decision))
        return decision
    _check_complete(name, version)
    with exclusive(client, name, f"version-{int(version):08d}", rule.lease, rule.patience) as held:
        decision = _decide(client, challenge, rule)
        _set_alias(client, name, version, decision, held)
        _explain_what_killed_runs_left(client, name, version)
    return decision


def champion_of(client: MlflowClient, name: str) -> ModelVersion | None:
    """Return the version that the alias `champion` names, None where there is none."""
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _check_complete(name: str, version: str) -> None:
    # Also shows that files can be read just now: then a champion whose files cannot is broken.
    _estimator_of(f"models:/{name}/{version}")


def _decide(client: MlflowClient, challenge: Challenge, rule: PromotionRule) -> PromotionDecision:
    champion = champion_of(client, challenge.name)
    if challenge.barred:
        return PromotionDecision("challenger", challenge.barred)
    if champion is None:
        return PromotionDecision("champion", "no version was champion before")
    if str(champion.version) == challenge.version:
        return PromotionDecision("champion", "this version is champion already")
    if rule.when == "always":
        return PromotionDecision(
            "champion", f"it replaces version {champion.version}, as promotion.when is always"
        )
    return _compare(challenge, champion, rule)


def _compare(challenge: Challenge, champion: ModelVersion, rule: PromotionRule) -> PromotionDecision:
    present = f"version {champion.version}"
    try:
        errors = np.abs(_estimates(challenge, champion) - challenge.tokens)
    except (MlflowException, OSError, StoreError) as error:
        return PromotionDecision("champion", f"{present} cannot be loaded ({str(error).splitlines()[0]})")
    except KeyError as error:
        lacking = f"it weighs {error.args[0]!r}, and these records do not have that feature"
        return PromotionDecision("challenger", f"{present} cannot be compared: {lacking}")
    own = np.abs(challenge.estimates - challenge.tokens)
    gain, low, high = paired_gain(errors, own, rule.resamples, rule.seed)
    least = rule.margin * float(errors.mean())
    measured = (
        f"the MAE is {own.mean():.1f}, that of {present} is {errors.mean():.1f} on {len(own)} test records, a"
        f" gain of {gain:.1f} ({low:.1f} to {high:.1f})"
    )
    if champion.tags.get(RECORDS) != challenge.records:
        # The champion may have been fitted on some of them: it is kept only if it is clearly better.
        return PromotionDecision(
            "challenger" if high < -least else "champion", f"the records have changed; {measured}"
        )
    return PromotionDecision("champion" if low > least else "challenger", measured)


def _estimates(challenge: Challenge, champion: ModelVersion) -> Floats:
    estimator = _estimator_of(f"models:/{challenge.name}/{champion.version}")
    features = {name: challenge.features[name].to_numpy(np.float64) for name in estimator.weights}
    return estimator.linear_sums(features)


def _estimator_of(uri: str) -> Estimator:
    with tempfile.TemporaryDirectory() as folder:
        files = download(uri, Path(folder, "files"))
        try:
            return Estimator.load(files / COEFS)
        except InputError as error:  # what is wrong is in the store, not in what the user gave
            raise StoreError(f"{uri}: {str(error).replace(f'{files}/', '')}") from error


def _set_alias(
    client: MlflowClient, name: str, version: str, decision: PromotionDecision, held: Callable[[], bool]
) -> None:
    if not held():
        raise StoreError(
            f"{name}: promoting took longer than promotion.lease allows. Run the same command again."
        )
    client.set_registered_model_alias(name, decision.role, version)
    client.set_model_version_tag(name, version, PROMOTION, _explained(decision))
    if decision.role == CHAMPION:
        with suppress(MlflowException):
            if str(client.get_model_version_by_alias(name, CHALLENGER).version) == version:
                client.delete_registered_model_alias(name, CHALLENGER)


def _explain_what_killed_runs_left(client: MlflowClient, name: str, version: str) -> None:
    for left in client.search_model_versions(f"name = '{name}'"):
        if PROMOTION not in left.tags and int(left.version) < int(version):
            aliases = client.get_model_version(name, left.version).aliases
            why = "champion: a run set this and ended before it said why" if CHAMPION in aliases else LEFT
            client.set_model_version_tag(name, left.version, PROMOTION, why)


def _explained(decision: PromotionDecision) -> str:
    return f"{decision.role}: {decision.reason}"
