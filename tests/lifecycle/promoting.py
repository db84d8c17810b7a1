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

NAME = "token-approx-made-up"
# What changes the store, of all that MLflow's client does while a version is logged, registered and promoted.
WRITES = (
    *("create_logged_model", "log_model_artifacts", "log_model_artifact", "finalize_logged_model"),
    *("create_registered_model", "create_model_version", "set_model_version_tag"),
    *("set_registered_model_tag", "delete_registered_model_tag"),
    *("set_registered_model_alias", "delete_registered_model_alias"),
)
RULE = PromotionRule(when="better", margin=0.01, resamples=200, seed=1, lease=1.0, patience=60.0)


def coefs(weight: float) -> dict[str, Any]:
    """Return a model of bytes; the truth's weight is 0.25."""
    line = {"confidence": 0.95, "factor": 1.1, "offset": 0.0, "from": 0.0, "to": None}
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


def challenge(version: str, weight: float, records: str = "same", **changes: Any) -> Challenge:  # noqa: ANN401
    """Return a version's test: 40 records with the counted tokens around a quarter of their bytes."""
    random = np.random.default_rng(0)
    size = random.integers(400, 8000, 40).astype(float)
    features = pd.DataFrame({"bytes": size})
    tokens = np.round(size / 4 + random.normal(0, 2, 40))
    return Challenge(NAME, version, features, tokens, weight * size, records, **changes)


def register(
    weight: float, records: str = "same", rule: PromotionRule = RULE
) -> tuple[str, PromotionDecision]:
    """Register and promote a version, as the main job does, and return it with the decision."""
    client = MlflowClient()
    mlflow.set_experiment("promoting")
    with mlflow.start_run() as run:
        logged = log_model(coefs(weight), "# Card")
        version = patiently(
            lambda: create_version(client, NAME, logged, run, "# Card", {RECORDS: records}), rule.patience
        )
        tested = challenge(version, weight, records)
        return version, patiently(lambda: promote(client, tested, rule), rule.patience)


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


def registered(uri: str, weight: float, lease: float = RULE.lease) -> None:
    """Register a version in the store `uri`."""
    mlflow.set_tracking_uri(uri)
    register(weight, rule=replace(RULE, lease=lease))
