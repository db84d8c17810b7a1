"""A comparison's winner as a version of its registered model, and whether that takes the alias."""

from collections.abc import Mapping
from typing import Any

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from token_approx.fitting.comparison import Comparison
from token_approx.lifecycle import promotion, registry
from token_approx.lifecycle.patience import patiently
from token_approx.lifecycle.tested_records import keep, tested_records
from token_approx.reporting.card import model_card
from token_approx.reporting.report import Report


def register(
    run: Run, compared: Comparison, reported: Report, coefs: Mapping[str, Any], rule: promotion.PromotionRule
) -> tuple[str, promotion.PromotionDecision]:
    """Register the winner of a comparison and decide on its alias; return the version and the decision.

    Raises:
        InputError: see `promotion.promote`.
    """
    client, dataset, winner = MlflowClient(), compared.dataset, compared.winner
    name = registry.registered_name(dataset.reference_model)
    card = model_card(compared, reported, coefs)
    tags = {
        "candidate": winner.candidate.name,
        "dataset": dataset.name,
        "test_mae": f"{winner.test['mae']:.6g}",
        promotion.RECORDS: dataset.digest,
    }
    logged = patiently(lambda: registry.log_model(coefs, card), rule.patience)
    tested = tested_records(compared)
    patiently(lambda: keep(logged.model_id, tested), rule.patience)
    version = patiently(lambda: registry.create_version(client, name, logged, run, card, tags), rule.patience)
    challenge = promotion.Challenge(name, version, tested, dataset.digest, compared.refused)
    return version, patiently(lambda: promotion.promote(client, challenge, rule), rule.patience)
