"""The tests' PostgreSQL is what those that use it take it for."""

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from tests.postgres import Postgres


def test_a_server_goes_away_and_comes_back(postgres: Postgres) -> None:
    """A database is empty, outlives a stop, cannot be reached meanwhile, and is empty when made again."""
    url = postgres.url("comes_back")
    engine = create_engine(url, connect_args={"connect_timeout": 2})
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept (number INTEGER)"))
        connection.execute(text("INSERT INTO kept VALUES (7)"))
    postgres.stop()
    try:
        engine.dispose()
        with pytest.raises(OperationalError, match="refused"):
            engine.connect()
    finally:
        postgres.start()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT number FROM kept")) == 7
    assert postgres.url("comes_back") == url
    engine.dispose()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM pg_tables WHERE tablename = 'kept'")) == 0
    engine.dispose()
