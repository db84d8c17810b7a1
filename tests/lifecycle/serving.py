"""Servers that a test starts on the loopback and ends."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from moto.server import ThreadedMotoServer

UP_SECONDS = 120


@contextmanager
def serving(command: Sequence[str], folder: Path, environment: Mapping[str, str], page: str) -> Iterator[str]:
    """Start a server with `--host 127.0.0.1 --port <a free one>`, wait for a page, and yield its address.

    It runs in a process group of its own, which ends with the block.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / f"server-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            env=dict(environment), cwd=folder, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + UP_SECONDS
        while not _answers(address + page):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@contextmanager
def s3_store(bucket: str) -> Iterator[dict[str, str]]:
    """Start an S3-compatible store with one empty bucket, and yield the environment that leads to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    make = urllib.request.Request(f"{address}/{bucket}", method="PUT")  # noqa: S310 - the loopback
    urllib.request.urlopen(make, timeout=30).close()  # noqa: S310
    try:
        yield {
            "MLFLOW_S3_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    finally:
        server.stop()


def ask(address: str, body: str, kind: str) -> tuple[int, str]:
    """Post a request to MLflow's server of a model, and return the status and the answer's body."""
    request = urllib.request.Request(  # noqa: S310
        f"{address}/invocations", body.encode(), {"Content-Type": kind}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5).close()  # noqa: S310
    except OSError:
        return False
    return True
