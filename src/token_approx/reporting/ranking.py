"""The ranking that people read: the best candidates and the champion, and why others were passed over."""

from dataclasses import dataclass

from token_approx.fitting.comparison import Comparison
from token_approx.fitting.sanity import MARK

COLUMNS = ("CV", "unseen source", "gap", "test")


@dataclass(frozen=True)
class Place:
    """A candidate's place (1 is the best), its MAE in tokens by COLUMNS, and whether it makes no sense."""

    place: int
    name: str
    errors: tuple[str, ...]
    mark: str
    champion: bool


def ranking(compared: Comparison, most: int) -> list[Place]:
    """Return the best candidates, `most` at most, and the champion, by what the rule compares."""
    places = []
    for place, evaluation in enumerate(compared.ranked, start=1):
        champion = evaluation is compared.champion
        if place > most and not champion:
            continue
        folds, unseen = evaluation.cv["mae"], evaluation.unseen_source.get("mae")
        name = evaluation.candidate.name
        errors = (
            f"{folds:.1f}",
            "-" if unseen is None else f"{unseen:.1f}",
            "-" if unseen is None else f"{unseen - folds:+.1f}",
            f"{evaluation.test['mae']:.1f}",
        )
        bad = any(flag.startswith(MARK) for flag in compared.flags[name])
        places.append(Place(place, name, errors, MARK if bad else "", champion))
    return places


def passed_over(compared: Comparison) -> str:
    """Return how many candidates with a lower error were passed over, the best of them, and why; or ""."""
    over = compared.selection.passed_over
    if not over:
        return ""
    best, reason = over[0]
    share = 100 * (1 - compared.rule.error(best) / compared.rule.error(compared.champion))
    return f"{len(over)} with a lower error, {best.candidate.name} the lowest, by {share:.1f} %: {reason}"
