"""Promotion: the version that the alias `champion` names answers by default, and beat the one before it.

A version is complete before its alias is set, and setting an alias is one step in the registry's database:
whenever a run ends, killed or not, there is at most one champion and all its files are there.
"""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import mlflow
import numpy as np
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from token_approx.errors import InputError, StoreError
from token_approx.estimator.bounds import at_level
from token_approx.estimator.estimator import Estimator
from token_approx.fitting.bounds import DEFAULT_LEVEL
from token_approx.fitting.metrics import paired_gain
from token_approx.lifecycle.contract import COEFS
from token_approx.lifecycle.lock import exclusive
from token_approx.lifecycle.patience import is_away
from token_approx.lifecycle.registry import download
from token_approx.lifecycle.tested_records import TestedRecords, kept

CHAMPION, CHALLENGER = "champion", "challenger"
# Tags of a version: which records it was fitted and tested on, and what became of it.
RECORDS, PROMOTION = "records_digest", "promotion"
LEFT = "undecided: the run ended before it compared this version"


@dataclass(frozen=True)
class PromotionRule:
    """When a version becomes champion.

    `better`: if it beats the champion by more than the share `margin` of the champion's mean absolute error,
    over the whole 95 % interval of `resamples` bootstrap resamples, on at least `fewest` test records;
    `always` or `never` decide outright. Where the records changed, it must beat the champion on its own test
    records, and be no worse by that margin on the champion's, each without what the other was fitted on: of
    two versions, only one can ever replace the other.
    `lease` and `patience` are in seconds: how long a killed run keeps others waiting, and how long a run
    waits for others.
    """

    when: Literal["better", "always", "never"]
    margin: float
    resamples: int
    seed: int
    lease: float
    patience: float
    fewest: int = 20


@dataclass(frozen=True)
class Challenge:
    """A new version with its test records.

    `records` is the digest of the dataset, `barred` why the version must not become champion ("": nothing).
    """

    name: str
    version: str
    tested: TestedRecords
    records: str
    barred: str = ""

    @property
    def uri(self) -> str:
        """Return the version's URI."""
        return f"models:/{self.name}/{self.version}"


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
    # Also shows that files can be read just now: then a champion whose files cannot is broken.
    barred = challenge.barred or _cannot_answer(challenge.uri)
    with exclusive(client, name, f"version-{int(version):08d}", rule.lease, rule.patience) as held:
        decision = _decide(client, replace(challenge, barred=barred), rule)
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


def _cannot_answer(uri: str) -> str:
    # Why a version cannot do what is asked of a model without more ado, "" where it can.
    lacking = _lacks_default(_estimator_of(uri))
    if lacking:
        return lacking
    try:
        model = mlflow.pyfunc.load_model(uri)
        model.predict(model.metadata.load_input_example(uri))
    except MlflowException as error:
        if is_away(error):
            raise
        return f"it does not answer its own example ({str(error).splitlines()[0]})"
    return ""


def _lacks_default(estimator: Estimator) -> str:
    # Predict, serve, score, truncate and decide ask at this level where no other is given.
    try:
        for bounds in (estimator.upper, estimator.lower):
            at_level(bounds, DEFAULT_LEVEL)
    except InputError as error:
        return f"it cannot answer as it is asked by default ({error})"
    return ""


def _compare(challenge: Challenge, champion: ModelVersion, rule: PromotionRule) -> PromotionDecision:
    present, uri = f"version {champion.version}", f"models:/{challenge.name}/{champion.version}"
    try:
        before = _estimator_of(uri)
    except (MlflowException, OSError, StoreError) as error:
        return PromotionDecision("champion", f"{present} cannot be loaded ({str(error).splitlines()[0]})")
    lacking = _lacks_default(before)
    if lacking:
        return PromotionDecision("champion", f"{present} is no champion: {lacking}")
    changed = champion.tags.get(RECORDS) != challenge.records
    mine, theirs = challenge.tested, kept(uri) if changed else None
    if changed and theirs is None:
        why = f"the records have changed, and {present} keeps none to compare on. Give promotion.when=always"
        return PromotionDecision("challenger", f"{why} to replace it")
    rivals = present, before, _estimator_of(challenge.uri)
    try:
        if theirs is None:
            won, measured = _gain(mine, *rivals, rule, beats=True)
            return PromotionDecision("champion" if won else "challenger", measured)
        won, measured = _gain(mine.unseen_by(theirs), *rivals, rule, beats=True)
        holds, on_theirs = _gain(theirs.unseen_by(mine), *rivals, rule, beats=False)
    except KeyError as error:
        why = f"the feature {error.args[0]!r} is weighed, and not all test records have it"
        return PromotionDecision("challenger", f"{present} cannot be compared: {why}")
    reason = f"the records have changed; on its own, {measured}; on those of {present}, {on_theirs}"
    return PromotionDecision("champion" if won and holds else "challenger", reason)


def _gain(
    tested: TestedRecords,
    present: str,
    before: Estimator,
    after: Estimator,
    rule: PromotionRule,
    *,
    beats: bool,
) -> tuple[bool, str]:
    # Whether the new version is good enough on these records, and the figures in words.
    if len(tested.tokens) < rule.fewest:
        return False, f"{len(tested.tokens)} test records are too few to compare on, {rule.fewest} are enough"
    features = {
        name: tested.features[name].to_numpy(np.float64) for name in {**before.weights, **after.weights}
    }
    old, new = (np.abs(each.linear_sums(features) - tested.tokens) for each in (before, after))
    gain, low, high = paired_gain(old, new, rule.resamples, rule.seed)
    least = rule.margin * float(old.mean())
    measured = (
        f"the MAE is {new.mean():.1f}, that of {present} is {old.mean():.1f} on {len(tested.tokens)} test"
        f" records, a gain of {gain:.1f} ({low:.1f} to {high:.1f})"
    )
    return (low > least if beats else gain >= -least), measured


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
