"""Candidates (feature set x estimator x hyperparameters) and their fit, in raw feature units."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from token_approx.fitting.dataset import Floats
from token_approx.fitting.feature_sets import COUNTS
from token_approx.text.features import NGRAM


class FitError(ArithmeticError):
    """Raised when an estimator finds no solution; the candidate is then shown as failed."""


@dataclass(frozen=True)
class Hyperparameter:
    """The values that a search may give a hyperparameter: a grid, and the range that holds it."""

    grid: tuple[float, ...]
    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Model:
    """How one kind of estimator is made and fed.

    `make` builds the scikit-learn estimator from hyperparameters. `standardize` fits it on features and
    tokens with mean 0 and standard deviation 1 (penalties and robust losses depend on the scale).
    `relative` weights every record by 1/tokens^2, so that the squared relative error is minimised. On fewer
    features than `least_features` it tells nothing that a simpler one does not. `title` says in plain words
    what it makes of the features.
    """

    make: Callable[..., Any]
    standardize: bool = False
    relative: bool = False
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    least_features: int = 1
    title: str = ""


@dataclass(frozen=True)
class Candidate:
    """One feature set with one estimator and its hyperparameters."""

    model_name: str
    model: Model
    feature_set: str
    features: tuple[str, ...]
    hyperparameters: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the run's name, such as `huber · bytes_words · epsilon=1.35`."""
        settings = [f"{key}={value:.4g}" for key, value in self.hyperparameters.items()]
        return " · ".join([self.model_name, self.feature_set, *settings])

    @property
    def title(self) -> str:
        """Return in plain words what it is, such as `n-gram table claude_3 × scale`."""
        counts = "all four counts" if set(COUNTS) <= set(self.features) else ""
        others = [name for name in self.features if not (counts and name in COUNTS)]
        tables = [name for name in others if name.startswith(NGRAM)]
        counted = f"{len(tables)} n-gram tables" if len(tables) > 1 else ""
        names = [
            name.replace(NGRAM, "n-gram table ", 1) for name in others if not (counted and name in tables)
        ]
        parts = " + ".join(filter(None, [counts, *names, counted]))
        return f"{parts} {self.model.title or self.model_name}"


@dataclass(frozen=True)
class LinearFit:
    """A fitted linear model in raw units: tokens = intercept + coefficients · features."""

    intercept: float
    coefficients: Floats

    def predict(self, X: Floats) -> Floats:
        """Return the unrounded estimates (n,) of a design matrix (n, d), in tokens."""
        return X @ self.coefficients + self.intercept


def fit(candidate: Candidate, X: Floats, tokens: Floats) -> LinearFit:
    """Fit a candidate on a design matrix (n, d) of its features and the counted tokens (n,).

    Raises:
        FitError: the solver did not converge or returned numbers that are not finite.
    """
    model = candidate.model
    estimator = model.make(**candidate.hyperparameters)
    if hasattr(estimator, "named"):
        estimator.named(candidate.features)
    centre, scale = np.zeros(X.shape[1]), np.ones(X.shape[1])
    token_centre, token_scale = 0.0, 1.0
    if model.standardize:
        centre, scale = X.mean(axis=0), _spread(X)
        token_centre, token_scale = float(tokens.mean()), float(_spread(tokens[:, None])[0])
    weights = {"sample_weight": np.maximum(tokens, 1.0) ** -2.0} if model.relative else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            estimator.fit((X - centre) / scale, (tokens - token_centre) / token_scale, **weights)
        except (ConvergenceWarning, ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
            raise FitError(f"{candidate.name}: no solution ({str(error).splitlines()[0]})") from error
    coefficients = np.asarray(estimator.coef_, dtype=np.float64) * token_scale / scale
    intercept = token_centre + token_scale * float(estimator.intercept_) - float(coefficients @ centre)
    if not (np.isfinite(coefficients).all() and np.isfinite(intercept)):
        raise FitError(f"{candidate.name}: no solution (coefficients are not finite)")
    return LinearFit(intercept, coefficients)


def _spread(X: Floats) -> Floats:
    deviation = X.std(axis=0)
    return np.where(deviation > 0, deviation, 1.0)
