"""Winner -> MLflow: tracking, export, registry, promotion, the registered model."""
