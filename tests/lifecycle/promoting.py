"""A process that registers a version and promotes it, and may be killed at any of its writes."""

import functools
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.tracking import MlflowClient

from token_approx.lifecycle.patience import patiently
from token_approx.lifecycle.promotion import RECORDS, Challenge, PromotionDecision, PromotionRule, promote
from token_approx.lifecycle.registry import create_version, log_model
from token_approx.lifecycle.tested_records import TestedRecords, keep

NAME = "token-approx-made-up"
# What changes the store, of all that MLflow's client does while a version is logged, registered and promoted.
WRITES = (
    *("create_logged_model", "log_model_artifacts", "log_model_artifact", "finalize_logged_model"),
    *("create_registered_model", "create_model_version", "set_model_version_tag"),
    *("set_registered_model_tag", "delete_registered_model_tag"),
    *("set_registered_model_alias", "delete_registered_model_alias"),
)
RULE = PromotionRule(when="better", margin=0.01, resamples=200, seed=1, lease=60.0, patience=60.0)
# Of runs that are killed, so that the others need not wait for long.
SHORT_LEASE = 2.0


def coefs(weight: float, level: float = 0.95) -> dict[str, Any]:
    """Return a model of bytes; the truth's weight is 0.25."""
    line = {"confidence": level, "factor": 1.1, "offset": 0.0, "from": 0.0, "to": None}
    return {
        "model": "made-up",
        "feature_set": ["bytes"],
        "w0": 0.0,
        "w_bytes": weight,
        "tables": {},
        "upper_bound": [line],
        "lower_bound": [line],
        "domain": {"bytes": [1, 20_000]},
    }


def measured(records: str = "same", truth: float = 0.25, n: int = 40, fitted: str = "") -> TestedRecords:
    """Return a version's test: n records, with counted tokens around a share `truth` of their bytes.

    `records` names them; those of the name `fitted` are what the version was fitted on.
    """
    random = np.random.default_rng(0)
    size = random.integers(400, 8000, n).astype(float)
    tokens = np.round(size * truth + random.normal(0, 2, n))
    keys = tuple(f"{records} {number}" for number in range(n))
    fitted_on = frozenset(f"{fitted} {number}" for number in range(n))
    return TestedRecords(pd.DataFrame({"bytes": size}), tokens, keys, fitted_on)


def challenge(
    version: str,
    records: str = "same",
    on: TestedRecords | None = None,
    **changes: Any,  # noqa: ANN401
) -> Challenge:
    """Return a version's challenge, by default with 40 records."""
    return Challenge(NAME, version, on or measured(records), records, **changes)


def register(
    weight: float,
    records: str = "same",
    rule: PromotionRule = RULE,
    on: TestedRecords | None = None,
    level: float = 0.95,
) -> tuple[str, PromotionDecision]:
    """Register and promote a version, as the main job does, and return it with the decision.

    Its bounds are of `level`, its test records `on`, by default those that `records` names.
    """
    client = MlflowClient()
    mlflow.set_experiment("promoting")
    with mlflow.start_run() as run:
        logged = log_model(coefs(weight, level), "# Card")
        keep(logged.model_id, on or measured(records))
        version = patiently(
            lambda: create_version(client, NAME, logged, run, "# Card", {RECORDS: records}), rule.patience
        )
        new = challenge(version, records, on)
        return version, patiently(lambda: promote(client, new, rule), rule.patience)


def killed_at(uri: str, weight: float, write: int) -> None:
    """Register a version in the store `uri`, killed right before its write number `write` (0: the first)."""
    made = 0

    def counted(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
            nonlocal made
            if made == write:
                os.kill(os.getpid(), signal.SIGKILL)
            made += 1
            return method(*arguments, **named)

        return call

    for name in WRITES:
        setattr(MlflowClient, name, counted(getattr(MlflowClient, name)))
    registered(uri, weight)


def registered(uri: str, weight: float, lease: float = SHORT_LEASE) -> None:
    """Register a version in the store `uri`."""
    mlflow.set_tracking_uri(uri)
    register(weight, rule=replace(RULE, lease=lease))
