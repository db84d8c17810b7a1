"""The ranking that people read: the winner, the others that may be chosen, and those that may not."""

from collections.abc import Sequence
from dataclasses import dataclass

from token_approx.fitting.comparison import Comparison
from token_approx.fitting.cross_validation import Evaluation

COLUMNS = ("CV", "unseen source", "gap", "test")


@dataclass(frozen=True)
class Place:
    """A candidate's place (1 is the winner), its name and title, and its MAE in tokens by COLUMNS.

    `reason` is the first of what bars it from being chosen, "" where it may be.
    """

    place: int
    name: str
    title: str
    errors: tuple[str, ...]
    winner: bool
    reason: str


def ranking(compared: Comparison, most: int) -> list[Place]:
    """Return the winner and the other candidates that may be chosen, the lowest error first."""
    return [place for place in _places(compared) if not place.reason][:most]


def barred(compared: Comparison, most: int) -> list[Place]:
    """Return the candidates that may not be chosen, the lowest error first."""
    return [place for place in _places(compared) if place.reason][:most]


def beaten_by(compared: Comparison) -> str:
    """Return one sentence on candidates with a lower error than the winner's and why they lost; or ""."""
    over, rule = compared.selection.passed_over, compared.rule
    if not over:
        return ""
    best, reason = over[0]
    share = 100 * (1 - rule.error(best) / rule.error(compared.winner))
    many = "1 candidate has" if len(over) == 1 else f"{len(over)} candidates have"
    return (
        f"{many} a lower {rule.metric.upper()} than the winner; the lowest, by {share:.1f} %, is"
        f" {best.candidate.name}, which was not chosen because it {reason.partition('; ')[0]}"
    )


def _places(compared: Comparison) -> Sequence[Place]:
    return [_place(compared, number, each) for number, each in enumerate(compared.ranked, start=1)]


def _place(compared: Comparison, number: int, evaluation: Evaluation) -> Place:
    folds, unseen = evaluation.cv["mae"], evaluation.unseen_source.get("mae")
    winner = evaluation is compared.winner
    refused = not winner and not compared.eligible(evaluation)
    return Place(
        place=number,
        name=evaluation.candidate.name,
        title=evaluation.candidate.title,
        errors=(
            f"{folds:.1f}",
            "-" if unseen is None else f"{unseen:.1f}",
            "-" if unseen is None else f"{unseen - folds:+.1f}",
            f"{evaluation.test['mae']:.1f}",
        ),
        winner=winner,
        reason=compared.barring(evaluation)[0] if refused else "",
    )
