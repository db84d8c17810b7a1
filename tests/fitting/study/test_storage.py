"""A storage's address never shows a password, whatever is wrong with it."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fitting.study.test_tpe import tpe, work
from tests.fitting.test_comparison import models
from tests.postgres import Postgres
from token_approx.errors import MissingExtraError, StoreError
from token_approx.fitting.dataset import read_dataset
from token_approx.fitting.search import Trial
from token_approx.fitting.study.storage import VARIABLE, has_password, open_storage, shown, storage_url


@pytest.mark.parametrize(
    ("url", "secret", "readable"),
    [
        ("sqlite:///optuna.db", False, "sqlite:///optuna.db"),
        ("postgresql+psycopg://me@host:5432/studies", False, "postgresql+psycopg://me@host:5432/studies"),
        ("postgresql+psycopg://me:hush@host/studies", True, "postgresql+psycopg://me:***@host/studies"),
        ("postgresql+psycopg://me:hu/sh?@host/studies", True, "postgresql+psycopg://me:***@host/studies"),
        ("postgresql+psycopg://me:h@ush@host/studies", True, "postgresql+psycopg://…"),
        ("postgresql://me@host/studies?password=hush", True, "postgresql://me@host/studies"),
        ("postgresql:/me:hush@host/studies", True, "postgresql://…"),
        ("postgresql://me:hush@host:port/studies", True, "postgresql://…"),
    ],
)
def test_passwords_are_seen_and_not_shown(url: str, secret: bool, readable: str) -> None:  # noqa: FBT001
    """A password is found wherever a URL may hold one, and no part of it is shown."""
    assert has_password(url) is secret
    assert shown(url) == readable


def test_where_the_storage_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The URL given goes before the environment's, which goes before the file."""
    assert storage_url("") == "sqlite:///optuna.db"
    monkeypatch.setenv(VARIABLE, "sqlite:///shared.db")
    assert storage_url("") == "sqlite:///shared.db"
    assert storage_url("sqlite:///mine.db") == "sqlite:///mine.db"


@pytest.mark.parametrize(
    ("url", "kind", "message"),
    [
        ("nonsense://me:hush@host/studies", StoreError, "cannot be opened"),
        ("mysql+pymysql://me:hush@host/studies", MissingExtraError, "driver is not installed"),
        ("postgresql+psycopg://me:hush@127.0.0.1:1/studies", StoreError, "refused"),
        ("postgresql+psycopg:/me:hush@host", StoreError, "cannot be opened"),
    ],
)
def test_what_cannot_be_opened(url: str, kind: type[Exception], message: str) -> None:
    """Each is one error that says why, without the password."""
    with pytest.raises(kind, match=message) as raised:
        open_storage(url, 1, 2)
    assert "hush" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_database_that_goes_away(postgres: Postgres, make_records: Callable[..., Path]) -> None:
    """It ends the search with one error and no password; the study goes on once the database is back."""
    url = postgres.url("goes_away").replace("token_approx@", "token_approx:hush@")
    dataset, compared = read_dataset("d", str(make_records(40, noise=50.0))), models("ridge")

    def stop(trial: Trial, _: int) -> None:
        if trial.number == 2:
            postgres.stop()

    with contextlib.ExitStack() as stack:
        stack.callback(postgres.start)
        with pytest.raises(StoreError, match=r"storage=.*:\*\*\*@.* does not answer") as raised:
            work(tpe(url, 6), dataset, compared, on_trial=stop)
    assert "hush" not in str(raised.value)
    assert "\n" not in str(raised.value)
    found = work(tpe(url, 6), dataset, compared)
    assert {trial.number for trial in found.trials} >= {3, 4, 5}
