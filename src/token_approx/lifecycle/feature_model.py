"""The registered model, as MLflow runs it from this file: feature columns in, `input_tokens` out.

MLflow copies the file into each version, so it imports nothing of ours; it is not meant to be imported.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class FeatureModel(PythonModel):
    """Evaluates model_coefs.json on a DataFrame of its features."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the coefficients once."""
        self.coefs = json.loads(Path(context.artifacts["model_coefs"]).read_text(encoding="utf-8"))

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - MLflow's signature
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002 - MLflow's signature
    ) -> pd.DataFrame:
        """Return one row of `input_tokens` per row of features."""
        total = np.full(len(model_input), self.coefs["w0"])
        for name in self.coefs["feature_set"]:
            total = total + self.coefs[f"w_{name}"] * model_input[name].to_numpy(dtype=np.float64)
        tokens = np.maximum(0, np.floor(total + 0.5)).astype(np.int64)
        return pd.DataFrame({"input_tokens": tokens}, index=model_input.index)


set_model(FeatureModel())
