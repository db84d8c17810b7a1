"""Which documents to label next: those whose counts say most about all the others.

A document whose n-grams are little known, and are common among the documents that are not labelled, is worth
a count. Greedy reduction of the mean variance of the others (Cohn, Ghahramani and Jordan 1996, "Active
Learning with Statistical Models"), under the covariance that adapting assumes; no count is needed for it.
"""

import numpy as np

from token_approx.pretraining.grams import Grams
from token_approx.pretraining.kernels import Rows, Variances, covariance
from token_approx.pretraining.pieces import Floats
from token_approx.pretraining.priors import Priors

# Relative variance of the priors' shares before anything is known, in units of the noise.
SHARES = 25.0


def choose(
    grams: Grams, priors: Priors, variances: Variances, number: int, known: Rows | None = None
) -> Rows:
    """Return `number` of the documents in the order in which to label them.

    `known` are those that are labelled already. Documents are scaled by the mean of their priors' costs, in
    the place of tokens that nobody knows. Takes documents^2 memory, and that times `number` in time.
    """
    costs = np.column_stack([grams.costs(weights) for weights in priors.weights])
    scale = np.maximum(costs.mean(axis=1), 10.0)
    columns = variances.of_columns(priors.spread, priors.layout.offsets)
    relative = costs / scale[:, None]
    left = covariance(grams, scale, columns) + SHARES * relative @ relative.T / relative.shape[1]
    free = np.ones(len(scale), bool)
    for place in known if known is not None else ():
        _condition(left, int(place))
        free[place] = False
    chosen: list[int] = []
    for _ in range(min(number, int(free.sum()))):
        # Each document counts alike, by the share of its variance that goes: else odd ones decide.
        total = np.diag(left) + 1.0
        gain = np.einsum("ij,ij,i->j", left, left, 1.0 / total) / total
        place = int(np.argmax(np.where(free, gain, -np.inf)))
        _condition(left, place)
        free[place] = False
        chosen.append(place)
    return np.array(chosen, np.intp)


def _condition(left: Floats, place: int) -> None:
    # The covariance of what is left once a document's count is known.
    column = left[:, place].copy()
    left -= np.outer(column, column / (column[place] + 1.0))
