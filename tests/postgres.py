"""A real PostgreSQL for the tests: a cluster of its own, on a free port of the loopback."""

import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import psycopg
import pytest
from psycopg import sql

# Where Debian and Ubuntu put initdb and pg_ctl, which they leave out of PATH.
DEBIAN = Path("/usr/lib/postgresql")
# Below the ports that the system gives to clients: a stopped server finds its port free when it comes back.
PORTS = range(20_000, 32_000)
ROLE = "token_approx"


@dataclass(frozen=True)
class Postgres:
    """A server with its programs in `programs`, its files in `folder` and its port on 127.0.0.1."""

    programs: Path
    folder: Path
    port: int

    def url(self, database: str) -> str:
        """Make an empty database of that name, in place of one that was there, and return its SQLAlchemy URL.

        The URL has no password and needs none; the server accepts any.
        """
        name, owner = sql.Identifier(database), sql.Identifier(ROLE)
        with psycopg.connect(
            host=str(self.folder), port=self.port, user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
        return f"postgresql+psycopg://{ROLE}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it accepts connections; the databases are as they were."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c max_connections=100"
        careless = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        log = str(self.folder / "server.log")
        self._run("pg_ctl", "start", "-w", "-l", log, "-o", f"{options} {careless}")

    def stop(self) -> None:
        """Disconnect all clients, end the server and wait until it is gone."""
        self._run("pg_ctl", "stop", "-w", "-m", "fast")

    def make(self) -> None:
        """Make the cluster: the superuser reaches it through the folder alone, the tests' role by TCP."""
        self._run(
            "initdb", "--username=postgres", "--encoding=UTF8", "--no-locale", "--auth=trust", "--no-sync"
        )
        rules = f"local all postgres trust\nhost all {ROLE} 127.0.0.1/32 trust\n"
        (self.folder / "data/pg_hba.conf").write_text(rules)
        self.start()
        with psycopg.connect(
            host=str(self.folder), port=self.port, user="postgres", dbname="postgres"
        ) as connection:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(sql.Identifier(ROLE)))

    def _run(self, program: str, *arguments: str) -> None:
        # PostgreSQL refuses to run as root.
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if _is_root() else []
        done = subprocess.run(
            [*user, str(self.programs / program), *arguments, "-D", str(self.folder / "data")],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        log = self.folder / "server.log"
        told = log.read_text() if log.exists() else ""
        assert done.returncode == 0, f"{program} {' '.join(arguments)}\n{done.stdout}{done.stderr}{told}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Return a running server; where PostgreSQL is not installed, skip the test, or fail it if CI is set."""
    programs = _programs()
    if programs is None:
        missing = "PostgreSQL is not installed: apt-get install postgresql"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    # Not in pytest's own folder, which no other user can enter.
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        if _is_root():
            shutil.chown(folder, "postgres", "postgres")
        server = Postgres(programs, folder, _free_port())
        server.make()
        yield server
        if (folder / "data/postmaster.pid").exists():
            server.stop()
    finally:
        shutil.rmtree(folder)


def _is_root() -> bool:
    return os.geteuid() == 0


def _programs() -> Path | None:
    installed = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    elsewhere = shutil.which("initdb")
    return installed[-1].parent if installed else Path(elsewhere).parent if elsewhere else None


def _free_port() -> int:
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


@pytest.fixture
def postgres_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: Postgres, request: pytest.FixtureRequest
) -> str:
    """Return an empty PostgreSQL store with its artifacts below the test's folder."""
    monkeypatch.chdir(tmp_path)
    # A name of its own: MLflow remembers that the tables of an address are there.
    uri = postgres.url(request.node.name)
    mlflow.set_tracking_uri(uri)
    return uri
