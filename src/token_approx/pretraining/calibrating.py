"""A table and framing from usage: tokens = cost of the texts + c . framing, with c >= 0.

The texts' cost is a prior times a factor, or priors with a correction (`adapt`); framing are numbers of
framed things (messages, tools, tool results), and c are the tokens of each. Given the costs, c and the factor
are least squares on relative errors (Lawson and Hanson 1974, "Solving Least Squares Problems", chapter 23);
given c, the correction is fitted to what the texts are left with. Each is found in turn.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls
from sklearn.model_selection import GroupKFold

from token_approx.errors import InputError
from token_approx.labelling.observations import Observation
from token_approx.pretraining.adapt import (
    LEAST_GROUPS,
    Adapted,
    AdaptSpec,
    Groups,
    Labelled,
    adapt,
    adapted_weights,
)
from token_approx.pretraining.grams import Grams, count_grams
from token_approx.pretraining.kernels import Rows
from token_approx.pretraining.pieces import Floats
from token_approx.pretraining.priors import Priors
from token_approx.text.counts import encode

# Fits of the correction, each with the framing that the one before left.
PASSES = 2
# By how much, of its error, a correction must beat a factor alone: as the main job has it of its candidates.
MARGIN = 0.03


@dataclass(frozen=True)
class Usage:
    """Observations as arrays: n-gram counts of their texts, tokens, numbers of framed things, groups.

    `tokens`, `bytes` and `groups` have the shape (observations,), `framing` (observations, things); the
    things are named by `things`.
    """

    grams: Grams
    tokens: Floats
    bytes: Floats
    framing: Floats
    things: tuple[str, ...]
    groups: Groups

    def __len__(self) -> int:
        """Return the number of observations."""
        return len(self.tokens)

    def rows(self, chosen: Rows) -> "Usage":
        """Return some of the observations."""
        return Usage(
            self.grams.rows(chosen),
            self.tokens[chosen],
            self.bytes[chosen],
            self.framing[chosen],
            self.things,
            self.groups[chosen],
        )

    def of_texts(self, framing: Floats) -> Floats:
        """Return the tokens that the texts are left with, 0 at the least; `framing` has shape (things,)."""
        return np.maximum(self.tokens - self.framing @ framing, 0.0)


@dataclass(frozen=True, eq=False)
class Scaled:
    """The best single prior: its place, its factor, and the tokens of framed things, shape (things,)."""

    place: int
    factor: float
    framing: Floats


@dataclass(frozen=True, eq=False)
class Calibration:
    """What usage says: a scaled prior, priors with a correction, and which of both is better.

    `scaled_error` and `adapted_error` are means of relative errors by cross-validation over groups;
    `framing` are the tokens of framed things beside the correction, shape (things,).
    """

    scaled: Scaled
    scaled_error: float
    adapted: Adapted
    adapted_error: float
    framing: Floats

    @property
    def prefers_adapted(self) -> bool:
        """Say whether the correction is worth more than its absence, by more than the `MARGIN`."""
        return self.adapted_error < (1.0 - MARGIN) * self.scaled_error


@dataclass(frozen=True, eq=False)
class Calibrated:
    """What was fitted to the usage in `inside`; nothing was fitted to the sessions of `test`.

    `observations` are those of `inside`, then those of `test`.
    """

    observations: tuple[Observation, ...]
    priors: Priors
    spec: AdaptSpec
    inside: Usage
    test: Usage
    calibration: Calibration

    @property
    def adapts(self) -> bool:
        """Say whether the texts' table is an adapted one."""
        return self.calibration.prefers_adapted

    @property
    def weights(self) -> Floats:
        """The weights of the texts' table in tokens, shape (columns,)."""
        scaled = self.calibration.scaled
        if self.adapts:
            return self.calibration.adapted.weights
        return np.asarray(scaled.factor * self.priors.weights[scaled.place])

    @property
    def framing(self) -> Floats:
        """The tokens of each framed thing, shape (things,)."""
        return self.calibration.framing if self.adapts else self.calibration.scaled.framing


def calibrated(
    observations: Sequence[Observation], priors: Priors, spec: AdaptSpec, held_out: float, seed: int
) -> Calibrated:
    """Hold a share of the sessions out, and calibrate on the others.

    Raises:
        InputError: there are too few sessions.
    """
    groups = np.array(sorted({each.group for each in observations}))
    number = max(1, round(held_out * len(groups)))
    if len(groups) - number < LEAST_GROUPS:
        raise InputError(
            f"the usage is of {len(groups)} sessions, of which {number} are held out. Calibrating needs"
            f" {LEAST_GROUPS} besides those: give the usage of more sessions."
        )
    held = set(np.random.default_rng(seed).permutation(groups)[:number].tolist())
    inside = [each for each in observations if each.group not in held]
    ordered = (*inside, *(each for each in observations if each.group in held))
    usage = gather(ordered, priors)
    fitted = usage.rows(np.arange(len(inside)))
    tested = usage.rows(np.arange(len(inside), len(ordered)))
    return Calibrated(ordered, priors, spec, fitted, tested, calibrate(fitted, priors, spec))


def gather(observations: Sequence[Observation], priors: Priors) -> Usage:
    """Return observations as arrays; things that none of them has are left out."""
    texts = [text for each in observations for text in each.texts]
    owners = np.repeat(np.arange(len(observations)), [len(each.texts) for each in observations])
    things = [name for name in observations[0].framing if any(each.framing[name] for each in observations)]
    sizes = [float(sum(len(encode(text)) for text in each.texts)) for each in observations]
    framing = np.array([[each.framing[name] for name in things] for each in observations], np.float64)
    return Usage(
        grams=count_grams(texts, priors.layout).together(owners, len(observations)),
        tokens=np.array([each.tokens for each in observations], np.float64),
        bytes=np.array(sizes),
        framing=framing.reshape(len(observations), len(things)),
        things=tuple(things),
        groups=np.array([each.group for each in observations], str),
    )


def calibrate(usage: Usage, priors: Priors, spec: AdaptSpec) -> Calibration:
    """Fit a scaled prior and priors with a correction, and compare them on groups left out."""
    scaled = fit_scaled(usage, priors, spec.floor)
    framing = scaled.framing
    for _ in range(PASSES):
        labelled = Labelled(usage.grams, usage.of_texts(framing), usage.groups)
        adapted = adapt(labelled, priors, spec)
        framing = framing_beside(usage, adapted.weights, spec.floor)
    return Calibration(
        scaled=scaled,
        scaled_error=_left_out(usage, spec, lambda inside: scaled_weights(inside, priors, spec.floor)),
        adapted=adapted,
        adapted_error=_left_out(
            usage, spec, lambda inside: corrected(inside, priors, adapted, framing, spec)
        ),
        framing=framing,
    )


def fit_scaled(usage: Usage, priors: Priors, floor: float) -> Scaled:
    """Return the prior that is best alone, by the mean relative error, its factor and the framing."""
    scale = np.maximum(usage.tokens, floor)
    best: tuple[float, Scaled] | None = None
    for place, weights in enumerate(priors.weights):
        columns = np.column_stack([usage.grams.costs(weights), usage.framing]) / scale[:, None]
        found = nnls(columns, usage.tokens / scale)[0]
        error = float(np.abs(columns @ found - usage.tokens / scale).mean())
        if best is None or error < best[0]:
            best = error, Scaled(place, float(found[0]), found[1:])
    if best is None:
        raise InputError("There is no prior. Give prior=all.")
    return best[1]


def framing_beside(usage: Usage, weights: Floats, floor: float) -> Floats:
    """Return the tokens of each framed thing, given the texts' weights; shape (things,)."""
    if not usage.things:
        return np.zeros(0)
    scale = np.maximum(usage.tokens, floor)
    rest = (usage.tokens - usage.grams.costs(weights)) / scale
    return np.asarray(nnls(usage.framing / scale[:, None], rest)[0])


def corrected(
    usage: Usage, priors: Priors, adapted: Adapted, framing: Floats, spec: AdaptSpec
) -> tuple[Floats, Floats]:
    """Return the weights of a correction with the variances of `adapted`, and the framing beside it."""
    labelled = Labelled(usage.grams, usage.of_texts(framing), usage.groups)
    _, weights = adapted_weights(labelled, priors, adapted.variances, spec)
    return weights, framing_beside(usage, weights, spec.floor)


def out_of_fold(usage: Usage, priors: Priors, found: Calibration, spec: AdaptSpec) -> Floats:
    """Return the texts' costs under corrections that were fitted without their groups, in tokens.

    Bounds need errors on what a table never saw, and the table itself is fitted to all of these.
    """
    costs = np.zeros(len(usage))
    for inside, outside in folds_of(usage, spec):
        weights, _ = corrected(usage.rows(inside), priors, found.adapted, found.framing, spec)
        costs[outside] = usage.rows(outside).grams.costs(weights)
    return costs


def folds_of(usage: Usage, spec: AdaptSpec) -> Iterator[tuple[Rows, Rows]]:
    """Return folds in which no group is on both sides."""
    folds = GroupKFold(min(spec.folds, len(np.unique(usage.groups))), shuffle=True, random_state=spec.seed)
    yield from folds.split(usage.tokens, groups=usage.groups)


def relative_errors(usage: Usage, weights: Floats, framing: Floats, floor: float) -> Floats:
    """Return estimate minus truth, divided by the truth (`floor` tokens at least), shape (observations,)."""
    estimates = usage.grams.costs(weights) + usage.framing @ framing
    return np.asarray((estimates - usage.tokens) / np.maximum(usage.tokens, floor))


def scaled_weights(usage: Usage, priors: Priors, floor: float) -> tuple[Floats, Floats]:
    """Return the weights of the best single prior times its factor, and the framing beside it."""
    scaled = fit_scaled(usage, priors, floor)
    return scaled.factor * priors.weights[scaled.place], scaled.framing


def _left_out(usage: Usage, spec: AdaptSpec, fit: Callable[[Usage], tuple[Floats, Floats]]) -> float:
    errors = [
        relative_errors(usage.rows(outside), *fit(usage.rows(inside)), spec.floor)
        for inside, outside in folds_of(usage, spec)
    ]
    return float(np.abs(np.concatenate(errors)).mean())
