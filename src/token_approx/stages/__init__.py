"""The entry points of the MLflow project, one thin module each."""
