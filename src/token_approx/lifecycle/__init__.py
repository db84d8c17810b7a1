"""Best candidate -> registry and files: tracking, export, the registered model."""
