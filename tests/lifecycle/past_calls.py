"""Calls by the real SDKs, autologged, whose traces are then moved to the days on which they were made."""

import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import anthropic
import mlflow
import openai

from tests.lifecycle.chat_server import chat_server
from token_approx.estimator.request import request_model_for

WORDS = ("boats", "came", "in", "one", "after", "the", "other", "and", "nobody", "counted", "them")
# A Tuesday of each of four weeks, 2026-W03 to 2026-W06.
DAYS = ("2026-01-13", "2026-01-20", "2026-01-27", "2026-02-03")


def text_of(number: int) -> str:
    """Return a text that no other number has."""
    return (
        " ".join(f"{WORDS[(number + place) % len(WORDS)]}" for place in range(20 + 3 * number)) + f" {number}"
    )


def call_on_days(
    days: Iterable[str],
    count: Callable[[str, int], float],
    models: tuple[str, ...] = ("gpt-4o",),
    number: int = 12,
    said_first: str = "",
    key: str = "k",
) -> None:
    """Ask each model so many different things on each day, in the experiment that is chosen.

    The provider counts what the shipped model of requests estimates, times `count(model, place of the day)`,
    and up to 1 % more or less.
    """
    moved = []
    for place, day in enumerate(days):

        def tokens(body: dict[str, Any], place: int = place) -> int:
            exact = request_model_for(body["model"]).request(body).tokens
            return round(exact * (count(body["model"], place) + (len(str(body)) % 21 - 10) / 1000))

        with chat_server(tokens) as (url, _):
            gpt = openai.OpenAI(base_url=f"{url}/v1", api_key=key)
            claude = anthropic.Anthropic(base_url=url, api_key=key)
            for each in range(number):
                said: Any = [{"role": "user", "content": said_first + text_of(each + number * place)}]
                said = [{"role": "user", "content": f"{said_first}Now."}] * (each % 3) + said
                for model in models:
                    if model.startswith("claude"):
                        claude.messages.create(model=model, max_tokens=9, messages=said)
                    else:
                        gpt.chat.completions.create(model=model, messages=said)
                    moved.append((day, mlflow.get_last_active_trace_id()))
    mlflow.flush_trace_async_logging()
    with sqlite3.connect(mlflow.get_tracking_uri().removeprefix("sqlite:///")) as store:
        for day, trace in moved:
            at = int(datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC).timestamp() * 1000)
            done = store.execute("UPDATE trace_info SET timestamp_ms = ? WHERE request_id = ?", (at, trace))
            assert done.rowcount == 1
