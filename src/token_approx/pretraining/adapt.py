"""A table from counts of whole documents and priors: w = sum_k a_k * prior_k + d.

a >= 0 and d are least squares on relative errors; d has a Gaussian prior (Rasmussen and Williams 2006,
"Gaussian Processes for Machine Learning", section 2.1.2: a linear model and its dual). For documents with
counts X of n-grams and tokens t, r = (tokens - X w_a) / t, Z = X / t, and variances V of the weights in units
of the noise,

    d = V Z' (Z V Z' + I)^-1 r              in the dual, documents x documents
    (Z' Z + V^-1) d = Z' r                  in the primal, by conjugate gradients

which are the same d. How large V is, and how it depends on the order of n-grams and on how much the priors
differ in an n-gram, is chosen by cross-validation over groups of the documents that are fitted to.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls
from scipy.sparse.linalg import LinearOperator, cg
from sklearn.model_selection import GroupKFold

from token_approx.errors import InputError
from token_approx.pretraining.fit import FitSpec, quantise
from token_approx.pretraining.grams import Grams
from token_approx.pretraining.kernels import Rows, Variances, covariance, kernels
from token_approx.pretraining.pieces import Floats
from token_approx.pretraining.priors import Priors
from token_approx.text.ngrams import NgramTable

Groups = npt.NDArray[np.str_]

LEAST_GROUPS = 5


@dataclass(frozen=True)
class AdaptSpec:
    """What adapting tries, and its limits.

    `floor` are the tokens below which an error stops growing. `scales` and `spreads` are tried for
    `Variances`, then each order's variance times `steps`; the usual ones serve where there is no count yet.
    `folds` of groups, drawn `repeats` times below `few` documents, say what is best, on at most
    `most_searched` documents. Up to `most_dual` documents are solved in the dual; of more, a is fitted to so
    many of them. Weights are stored in units of 2**-unit_bits tokens.
    """

    floor: float = 10.0
    scales: tuple[float, ...] = (0.25, 2.5, 7.5, 25.0, 75.0, 250.0)
    spreads: tuple[float, ...] = (0.0, 0.5, 1.0)
    steps: tuple[float, ...] = (0.25, 4.0)
    folds: int = 5
    repeats: int = 2
    usual_scale: float = 25.0
    usual_spread: float = 0.5
    few: int = 500
    most_searched: int = 1000
    most_dual: int = 3000
    unit_bits: int = 12
    seed: int = 1


@dataclass(frozen=True)
class Labelled:
    """Documents to adapt to: n-gram counts, `tokens` and `groups`, each of shape (documents,)."""

    grams: Grams
    tokens: Floats
    groups: Groups

    def rows(self, chosen: Rows) -> "Labelled":
        """Return some of the documents."""
        return Labelled(self.grams.rows(chosen), self.tokens[chosen], self.groups[chosen])


@dataclass(frozen=True, eq=False)
class Adapted:
    """The weights (tokens, shape (columns,)) and how they came about.

    `shares` are the priors' and the counts' factors a by name; the errors are means of relative ones by
    cross-validation over groups: of the best single prior times a factor, of the priors' combination alone,
    and of the result.
    """

    weights: Floats
    shares: dict[str, float]
    variances: Variances
    scale_error: float
    combined_error: float
    error: float


def adapt(labelled: Labelled, priors: Priors, spec: AdaptSpec) -> Adapted:
    """Adapt priors to labelled documents.

    Raises:
        InputError: there are fewer than five groups of documents.
    """
    groups = len(np.unique(labelled.groups))
    if groups < LEAST_GROUPS:
        raise InputError(
            f"Adapting needs documents of at least {LEAST_GROUPS} groups, and there are {groups}. Label"
            " documents of more sources."
        )
    drawn = np.random.default_rng(spec.seed).permutation(len(labelled.tokens))
    search = _Search(labelled.rows(np.sort(drawn[: spec.most_searched])), priors, spec)
    variances, error = search.best()
    shares, weights = adapted_weights(labelled, priors, variances, spec)
    return Adapted(
        weights=weights,
        shares=dict(zip((*priors.names, "bytes", "runes"), shares.tolist(), strict=True)),
        variances=variances,
        scale_error=search.scale_error(),
        combined_error=search.combined_error(),
        error=error,
    )


def adapted_weights(
    labelled: Labelled, priors: Priors, variances: Variances, spec: AdaptSpec
) -> tuple[Floats, Floats]:
    """Return the factors a, shape (priors + 2,), and the weights, shape (columns,), with known variances."""
    drawn = np.random.default_rng(spec.seed).permutation(len(labelled.tokens))
    solved = labelled.rows(np.sort(drawn[: spec.most_dual]))
    shares, correction = _dual(solved, priors, variances, spec.floor)
    combined = shares @ priors.bases
    if len(solved.tokens) < len(labelled.tokens):
        correction = primal(labelled, combined, variances, priors.spread, spec.floor)
    return shares, combined + correction


def adapted_table(
    labelled: Labelled, priors: Priors, spec: AdaptSpec, name: str, provenance: dict[str, Any]
) -> NgramTable:
    """Return the table of adapted priors; `adapted` in its provenance says how it came about."""
    return table_of(adapt(labelled, priors, spec), priors, spec, name, provenance)


def table_of(
    found: Adapted, priors: Priors, spec: AdaptSpec, name: str, provenance: dict[str, Any]
) -> NgramTable:
    """Return adapted weights as a table; `adapted` in its provenance says how they came about.

    It knows the n-grams that every prior's training held: a few documents teach too little of others.
    """
    layout = priors.layout
    exponent, weights = quantise(found.weights, FitSpec(layout=layout, unit_bits=spec.unit_bits))
    how = {
        "shares": found.shares,
        "variances": asdict(found.variances),
        "cross_validation": {
            "scale": found.scale_error,
            "combination": found.combined_error,
            "adapted": found.error,
        },
    }
    return NgramTable(
        name,
        tuple(range(1, len(layout.bits) + 1)),
        layout.bits,
        weights,
        exponent,
        layout.fold,
        provenance=provenance | {"adapted": how},
        known=priors.known,
    )


def _dual(labelled: Labelled, priors: Priors, variances: Variances, floor: float) -> tuple[Floats, Floats]:
    scale = np.maximum(labelled.tokens, floor)
    columns = variances.of_columns(priors.spread, priors.layout.offsets)
    shares, dual = _solve(
        covariance(labelled.grams, scale, columns),
        _relative_costs(labelled.grams, priors, scale),
        labelled.tokens / scale,
    )
    return shares, columns * _to_weights(labelled.grams, dual / scale)


def _solve(covariance: Floats, costs: Floats, target: Floats) -> tuple[Floats, Floats]:
    # a and (Z V Z' + I)^-1 r, the best of both together.
    root = cholesky(covariance + np.eye(len(target)), lower=True, overwrite_a=True)
    white = solve_triangular(root, np.column_stack([costs, target]), lower=True)
    shares = nnls(white[:, :-1], white[:, -1])[0]
    residual = white[:, -1] - white[:, :-1] @ shares
    return shares, solve_triangular(root, residual, lower=True, trans="T")


def _relative_costs(grams: Grams, priors: Priors, scale: Floats) -> Floats:
    return np.column_stack([grams.costs(base) for base in priors.bases]) / scale[:, None]


def primal(labelled: Labelled, start: Floats, variances: Variances, spread: Floats, floor: float) -> Floats:
    """Return the correction d of the weights `start`, shape (columns,), by conjugate gradients."""
    grams = labelled.grams
    scale = np.maximum(labelled.tokens, floor)
    target = (labelled.tokens - grams.costs(start)) / scale
    root = np.sqrt(variances.of_columns(spread, grams.layout.offsets))

    def second(step: Floats) -> Floats:
        return root * _to_weights(grams, grams.costs(root * step) / scale**2) + step

    size = grams.layout.size
    operator = LinearOperator((size, size), matvec=second, dtype=np.float64)
    solved, _ = cg(operator, root * _to_weights(grams, target / scale), rtol=1e-6, maxiter=400)
    return np.asarray(root * solved)


def _to_weights(grams: Grams, values: Floats) -> Floats:
    return np.concatenate([counts.T @ values for counts in grams.orders])


class _Search:
    """Tries variances on documents in the dual: kernels, and folds of groups."""

    def __init__(self, labelled: Labelled, priors: Priors, spec: AdaptSpec) -> None:
        self.spec, self.orders = spec, len(priors.layout.bits)
        scale = np.maximum(labelled.tokens, spec.floor)
        self.target = labelled.tokens / scale
        self.costs = _relative_costs(labelled.grams, priors, scale)
        self.single = self.costs[:, : len(priors.names)]
        self.kernels = kernels(labelled.grams, scale, priors.spread)
        self.folds = list(_folds(labelled.groups, spec))

    def best(self) -> tuple[Variances, float]:
        """Return the best variances found and their error: all scales and spreads, then order by order."""
        equal = (1.0,) * self.orders
        wanted = (
            Variances(scale, spread, equal) for spread in self.spec.spreads for scale in self.spec.scales
        )
        tried = {variances: self.error(variances) for variances in wanted}
        best = min(tried, key=tried.__getitem__)
        for order in range(self.orders):
            for step in self.spec.steps:
                varied = list(best.orders)
                varied[order] *= step
                variances = replace(best, orders=tuple(varied))
                tried[variances] = self.error(variances)
            best = min(tried, key=tried.__getitem__)
        return best, tried[best]

    def error(self, variances: Variances) -> float:
        """Return the mean relative error on groups left out."""

        def predict(inside: Rows, outside: Rows) -> Floats:
            inner = self.kernels.combined(variances, inside, inside)
            shares, dual = _solve(inner, self.costs[inside], self.target[inside])
            return self.costs[outside] @ shares + self.kernels.combined(variances, outside, inside) @ dual

        return self._left_out(predict)

    def combined_error(self) -> float:
        """Return the error on groups left out of the priors' combination alone."""
        return self._left_out(
            lambda inside, outside: self.costs[outside] @ nnls(self.costs[inside], self.target[inside])[0]
        )

    def scale_error(self) -> float:
        """Return the error on groups left out of the single prior, times a factor, that is best inside."""

        def predict(inside: Rows, outside: Rows) -> Floats:
            place, factor = best_scale(self.single[inside], self.target[inside])
            return np.asarray(factor * self.single[outside, place])

        return self._left_out(predict)

    def _left_out(self, predict: Callable[[Rows, Rows], Floats]) -> float:
        errors = [np.abs(predict(*fold) - self.target[fold[1]]) for fold in self.folds]
        return float(np.concatenate(errors).mean())


def best_scale(costs: Floats, target: Floats) -> tuple[int, float]:
    """Return which column of `costs` (documents, priors) is nearest to `target` times a factor, and that.

    Nearest is the mean absolute error, which is least at the weighted median of target / cost.
    """
    best = (np.inf, 0, 1.0)
    for place, cost in enumerate(costs.T):
        positive = cost > 0
        if not positive.any():
            continue
        ratio = target[positive] / cost[positive]
        order = np.argsort(ratio)
        weight = np.cumsum(cost[positive][order])
        factor = float(ratio[order][np.searchsorted(weight, weight[-1] / 2)])
        best = min(best, (float(np.abs(factor * cost - target).mean()), place, factor))
    return best[1], best[2]


def _folds(groups: Groups, spec: AdaptSpec) -> Iterator[tuple[Rows, Rows]]:
    random = np.random.default_rng(spec.seed)
    for _ in range(spec.repeats if len(groups) < spec.few else 1):
        # Groups are drawn: GroupKFold alone would put the largest together always in the same way.
        folds = min(spec.folds, len(np.unique(groups)))
        split = GroupKFold(folds, shuffle=True, random_state=int(random.integers(2**31)))
        yield from split.split(groups, groups=groups)
