"""The registered model of whole requests, as MLflow runs it from this file: JSON bodies in, estimates out.

MLflow copies the file into each version, together with the estimator's code under a name of its own
(`registry.package_estimator`), so it imports nothing of ours; it is not meant to be imported.
"""

import importlib
import json
import math
import pkgutil
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext

COLUMN = "request"
# What MLflow, and Spark through it, call a column that was given without a name.
UNNAMED = (0, "0")
TYPES = {
    "input_tokens": "Int64",
    "upper_bound": "Int64",
    "in_domain": "boolean",
    "not_counted": "string",
}


class RequestModel(PythonModel):
    """Estimates the input tokens of requests' bodies with a model_coefs.json."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the coefficients and the table once, and all of the code."""
        package = importlib.import_module(context.model_config["package"])
        # At the next call, the folder that the code was loaded from may be gone.
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
        self.estimator = package.Estimator.load(context.artifacts["model_coefs"])

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - MLflow's signature
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Return `input_tokens`, `upper_bound`, `in_domain` and `not_counted` of each body; null where it is.

        `not_counted` is a JSON list of what cannot be known from the request, as "place: reason"; its tokens
        come on top of the bound. The bound is null where the request is out of the domain. The parameter
        `model` names the model where bodies do not, `confidence` the level of the bound.

        Raises:
            MlflowException: the column is not `request`, a value is no request's body in JSON (the message
                names its row), or the model has no bound of the asked confidence.
        """
        column = model_input.columns[0]
        if column != COLUMN and column not in UNNAMED:
            raise _refused(
                f"The column is {column!r}. Give the bodies in a column {COLUMN!r} (df[['{COLUMN}']])."
            )
        asked = params or {}
        bodies = model_input[column]
        rows = [
            self._row(body, place, asked) if given else dict.fromkeys(TYPES)
            for place, (body, given) in enumerate(zip(bodies, bodies.notna(), strict=True))
        ]
        return pd.DataFrame(
            {
                name: pd.Series([row[name] for row in rows], model_input.index, dtype=kind)
                for name, kind in TYPES.items()
            }
        )

    def _row(self, body: object, place: int, asked: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(body, str):
            raise _refused(
                f"Row {place}: a body must be a string of JSON, and it is a {type(body).__name__}."
            )
        try:
            total = self.estimator.request(body, asked.get("model", ""))
            upper = total.upper_bound(asked.get("confidence", 0.95))
        except ValueError as error:
            raise _refused(f"Row {place}: {error}") from error
        return {
            "input_tokens": total.tokens,
            "upper_bound": upper if upper < math.inf else None,
            "in_domain": not total.out_of_domain,
            "not_counted": json.dumps([*map(_encodable, total.not_counted)], ensure_ascii=False),
        }


def _encodable(reason: str) -> str:
    # It may name a field, and JSON can write what no UTF-8 can: half of a surrogate pair.
    return reason.encode("utf-8", "replace").decode()


def _refused(message: str) -> MlflowException:
    return MlflowException(message, error_code=INVALID_PARAMETER_VALUE)


set_model(RequestModel())
