"""The registered model, as MLflow runs it from this file: texts in, estimates out.

MLflow copies the file into each version, together with the estimator's code under a name of its own
(`registry.package_estimator`), so it imports nothing of ours; it is not meant to be imported.
"""

import importlib
import math
import pkgutil
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext

COLUMN = "text"
# What MLflow, and Spark through it, call a column that was given without a name.
UNNAMED = (0, "0")


class TextModel(PythonModel):
    """Estimates the input tokens of texts with a model_coefs.json."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the coefficients and tables once, and all of the code."""
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
        """Return `input_tokens`, `upper_bound` and `in_domain` of each text; all null where the text is.

        Out of the model's domain the upper bound is the most tokens that the text's bytes can have, and null
        where nobody knows that: no number that was measured holds there.

        Raises:
            MlflowException: the column is not `text`, a value is not a string, or the model has no bound of
                the asked confidence.
        """
        column = model_input.columns[0]
        if column != COLUMN and column not in UNNAMED:
            raise _refused(
                f"The column is {column!r}. Give the texts in a column {COLUMN!r} (df[['{COLUMN}']])."
            )
        texts = model_input[column]
        given = texts.notna()
        strings = texts[given].tolist()
        for text in strings:
            if not isinstance(text, str):
                raise _refused(f"A text must be a string, and one is of type {type(text).__name__}.")
        try:
            found = self.estimator.describe_many(strings, (params or {}).get("confidence", 0.95))
        except ValueError as error:
            raise _refused(str(error)) from error
        answer = pd.DataFrame(index=model_input.index)
        for name, kind in (("input_tokens", "Int64"), ("upper_bound", "Int64"), ("in_domain", "boolean")):
            values = pd.Series(getattr(found, name), texts.index[given])
            if name == "upper_bound":
                values = values.where(values < math.inf)
            answer[name] = values.astype(pd.api.types.pandas_dtype(kind)).reindex(texts.index)
        return answer


def _refused(message: str) -> MlflowException:
    return MlflowException(message, error_code=INVALID_PARAMETER_VALUE)


set_model(TextModel())
