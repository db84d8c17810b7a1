"""The entry points of the MLflow project, one thin module each."""

from token_approx.stages.extras import end_without

end_without("train", but={"score": "score"})
