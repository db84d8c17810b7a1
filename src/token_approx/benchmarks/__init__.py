"""What the README says of error and speed, measured: each module with a `main` is run by `python -m`."""
