"""Choosing the champion: the simplest candidate among those as good as the best."""

from collections.abc import Sequence

from token_approx.errors import InputError
from token_approx.fitting.cross_validation import Evaluation


def select(
    evaluations: Sequence[Evaluation], margin: float, simpler_first: Sequence[str], metric: str = "mae"
) -> Evaluation:
    """Return the simplest candidate whose cross-validated error `metric` is within `margin` of the lowest.

    Simplest is fewest features, then the estimator that stands earlier in `simpler_first`; between equals
    the lower error wins. The test records take no part.

    Raises:
        InputError: an estimator does not stand in `simpler_first`.
    """
    unknown = sorted({e.candidate.model_name for e in evaluations} - set(simpler_first))
    if unknown:
        raise InputError(f"selection.simpler_first lacks the model {unknown[0]!r}: add it where it belongs")
    limit = (1 + margin) * min(evaluation.cv[metric] for evaluation in evaluations)
    as_good = [evaluation for evaluation in evaluations if evaluation.cv[metric] <= limit]
    return min(
        as_good,
        key=lambda e: (
            len(e.candidate.features),
            simpler_first.index(e.candidate.model_name),
            e.cv[metric],
            e.candidate.name,
        ),
    )
