"""A search by Optuna that workers on several machines share."""
