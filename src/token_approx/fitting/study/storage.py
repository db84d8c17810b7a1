"""The database that holds studies: where it is, how it is opened, and how its address is shown."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import optuna
from optuna.exceptions import ExperimentalWarning, OptunaError, StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random

from token_approx.errors import MissingExtraError, StoreError

VARIABLE = "TOKEN_APPROX_STORAGE"
DEFAULT = "sqlite:///optuna.db"
# Seconds to wait for a server that does not answer, and for another process's lock on an SQLite file.
CONNECT_TIMEOUT = 10
LOCK_TIMEOUT = 60


class Storage(RDBStorage):
    """Optuna's storage, whose heartbeats outlive an outage that is over before the trial ends."""

    def record_heartbeat(self, trial_id: int) -> None:
        """Record a heartbeat of a trial, if the database answers."""
        with suppress(StorageInternalError, SQLAlchemyError):
            super().record_heartbeat(trial_id)


def storage_url(given: str) -> str:
    """Return the URL given, else the one in TOKEN_APPROX_STORAGE, else that of a file here."""
    return given or os.environ.get(VARIABLE) or DEFAULT


def has_password(url: str) -> bool:
    """Say whether a URL brings a password, or may, as one does that holds an `@` and cannot be parsed."""
    parsed = _parsed(url)
    return "@" in url if parsed is None else bool(parsed.password) or "password" in parsed.query


def shown(url: str) -> str:
    """Return a URL fit to be read by anyone: without its password and its query."""
    parsed = _parsed(url)
    # With a second @, what seems the host may be the rest of a password.
    if parsed is None or url.count("@") > 1:
        return f"{url.partition(':')[0]}://…"
    return parsed.set(query={}).render_as_string(hide_password=True)


def open_storage(url: str, heartbeat_interval: int, grace_period: int) -> Storage:
    """Open a storage whose running trials are stale `grace_period` seconds after their last heartbeat.

    Raises:
        StoreError: it cannot be opened; the message holds no password.
        MissingExtraError: the database's driver is not installed.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=ExperimentalWarning)  # heartbeats are
    with reported(
        url, "cannot be opened", "Give an SQLAlchemy URL such as postgresql+psycopg://user@host/optuna."
    ):
        engine = {"pool_pre_ping": True, "connect_args": _connect_args(make_url(url))}
        # Workers that start together on a new database all make its tables, and one is the first.
        for attempt in Retrying(
            retry=retry_if_exception(_is_there_already),
            stop=stop_after_attempt(10),
            wait=wait_random(0.1, 0.5),
            reraise=True,
        ):
            with attempt:
                return Storage(
                    url,
                    engine_kwargs=engine,
                    heartbeat_interval=heartbeat_interval,
                    grace_period=grace_period,
                )
        raise AssertionError("unreachable: the last attempt returns or raises")


@contextmanager
def reported(url: str, what: str, remedy: str) -> Iterator[None]:
    """Report a database's errors in one line that holds no password.

    Raises:
        StoreError: the block raised an error of the database.
        MissingExtraError: the database's driver is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(
            f"storage={shown(url)}: its driver is not installed ({error.__cause__ or error}). "
            "For PostgreSQL, run: pip install 'token-approx[postgres]'"
        ) from error
    except (SQLAlchemyError, OptunaError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        parsed = _parsed(url)
        if parsed is not None and parsed.password:
            reason = reason.replace(parsed.password, "***")
        raise StoreError(f"storage={shown(url)} {what} ({reason}). {remedy}") from error


def _is_there_already(error: BaseException) -> bool:
    return isinstance(error, IntegrityError) or "already exists" in str(error)


def _connect_args(url: URL) -> dict[str, int]:
    if url.get_backend_name() == "sqlite":
        return {"timeout": LOCK_TIMEOUT}
    return {"connect_timeout": CONNECT_TIMEOUT} if url.get_driver_name().startswith("psycopg") else {}


def _parsed(url: str) -> URL | None:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        return None
