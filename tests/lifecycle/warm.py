"""What the server from which processes are forked has imported: all that a registration needs.

A process that starts from nothing takes seconds to get there, and dozens are killed.
"""

import os
import tempfile

import mlflow
import psycopg

from tests.lifecycle.promoting import register

__all__ = ["psycopg"]

with tempfile.TemporaryDirectory() as folder:
    before = os.getcwd()  # noqa: PTH109
    os.chdir(folder)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    register(0.4)
    register(0.3)
    os.chdir(before)
