"""An evaluation as JSON values, which a study hands from one worker to the others."""

from typing import Any

import numpy as np
import pandas as pd

from token_approx.fitting.candidates import Candidate, LinearFit
from token_approx.fitting.cross_validation import Evaluation


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return all of an evaluation but its candidate as JSON values, every number exact."""
    return {
        "intercept": evaluation.fit.intercept,
        "coefficients": evaluation.fit.coefficients.tolist(),
        "cv": evaluation.cv,
        "unseen": evaluation.unseen.to_dict("list"),
        "curve": evaluation.curve.to_dict("list"),
        "test": evaluation.test,
        "out_of_fold": {basis: estimates.tolist() for basis, estimates in evaluation.out_of_fold.items()},
        "standard_errors": evaluation.standard_errors,
    }


def from_json(candidate: Candidate, values: dict[str, Any]) -> Evaluation:
    """Return the evaluation of a candidate that `as_json` gave the values of."""
    return Evaluation(
        candidate=candidate,
        fit=LinearFit(values["intercept"], np.array(values["coefficients"], dtype=np.float64)),
        cv=values["cv"],
        unseen=pd.DataFrame(values["unseen"]),
        curve=pd.DataFrame(values["curve"]),
        test=values["test"],
        out_of_fold={basis: np.array(estimates) for basis, estimates in values["out_of_fold"].items()},
        standard_errors=values["standard_errors"],
    )
