"""Every configured estimator is reported in raw units, exactly as scikit-learn predicts."""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.conftest import load_part
from token_approx.fitting.candidates import Candidate, FitError, Model, fit

RANDOM = np.random.default_rng(3)
X = RANDOM.uniform(10, 10_000, (60, 3))
TOKENS = 20 + X @ [0.25, 0.5, 0.0] + RANDOM.normal(0, 30, 60)
MODELS = ["ols", "ols_origin", "relative_ols", "ridge", "elastic_net", "huber"]


@pytest.mark.parametrize("name", MODELS)
def test_raw_coefficients_reproduce_the_estimator(name: str) -> None:
    """Intercept and coefficients in raw units predict as scikit-learn does."""
    model: Model = load_part("estimator", name)[name]
    values = {key: space.grid[0] for key, space in model.hyperparameters.items()}
    fitted = fit(Candidate(name, model, "three", ("a", "b", "c"), values), X, TOKENS)
    estimator = model.make(**values)
    if model.standardize:
        scaled = make_pipeline(StandardScaler(), estimator)
        peer = TransformedTargetRegressor(scaled, transformer=StandardScaler()).fit(X, TOKENS)
    else:
        weights = {"sample_weight": TOKENS**-2} if model.relative else {}
        peer = estimator.fit(X, TOKENS, **weights)
    np.testing.assert_allclose(fitted.predict(X), peer.predict(X), rtol=1e-9)


def test_a_constant_feature_is_harmless() -> None:
    """A feature that never varies gets a finite coefficient, standardised or not."""
    constant = np.column_stack([X[:, 0], np.full(60, 7.0)])
    ridge = Model(make=Ridge, standardize=True)
    assert np.isfinite(fit(Candidate("r", ridge, "s", ("a", "b")), constant, TOKENS).coefficients).all()


def test_relative_weights_serve_the_small() -> None:
    """Weighted by 1/tokens^2, the fit has a lower mean relative error where sizes differ a thousandfold."""
    sizes = np.geomspace(10, 100_000, 60)[:, None]
    tokens = sizes[:, 0] * 0.3 + 5 + 0.02 * sizes[:, 0] ** 1.05
    errors = {
        relative: np.abs(
            fit(
                Candidate("o", Model(LinearRegression, relative=relative), "s", ("a",)), sizes, tokens
            ).predict(sizes)
            / tokens
            - 1
        ).mean()
        for relative in (False, True)
    }
    assert errors[True] < errors[False] / 2


def test_no_solution_is_a_fit_error() -> None:
    """A hyperparameter that the estimator refuses makes the candidate fail, by name."""
    with pytest.raises(FitError, match="ridge · three · alpha=-1"):
        fit(Candidate("ridge", Model(Ridge), "three", ("a", "b", "c"), {"alpha": -1}), X, TOKENS)
