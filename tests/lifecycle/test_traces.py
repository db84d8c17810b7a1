"""Traces that MLflow's autologging leaves of the providers' real SDKs -> records of whole requests."""

import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anthropic
import mlflow
import mlflow.anthropic
import mlflow.gemini
import mlflow.openai
import openai
import pandas as pd
import pytest
from google import genai
from mlflow.entities import SpanType

from tests.lifecycle.chat_server import chat_server, tokens_of
from token_approx.errors import InputError, UsageError
from token_approx.fitting.dataset import read_requests
from token_approx.lifecycle import traces
from token_approx.lifecycle.traces import MlflowTraces
from token_approx.requests import read_request

KEY = "sk-planted-okapi-0123456789"
FLAVORS = (mlflow.anthropic, mlflow.openai, mlflow.gemini)
FUNCTION = {"name": "weather", "description": "Say the weather."}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture
def autologged() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Run the providers, with the SDKs logged, in an experiment of their own."""
    mlflow.set_experiment("calls")
    for flavor in FLAVORS:
        flavor.autolog()
    try:
        with chat_server() as server:
            yield server
    finally:
        for flavor in FLAVORS:
            flavor.autolog(disable=True)


def read(**arguments: str) -> tuple[pd.DataFrame, Counter[str]]:
    """Return the records, and what was left out."""
    left_out: Counter[str] = Counter()
    reader = MlflowTraces(**({"experiments": "calls"} | arguments))
    found = reader.read(left_out, lambda *_: None)
    return pd.read_parquet(io.BytesIO(found.content)), left_out


def call(url: str) -> None:
    """Ask in each format, in ways that leave a whole request and ways that do not."""
    claude = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0)
    gpt = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
    said: Any = [{"role": "user", "content": "Is the quagga at okapi@example.org, in /home/okapi?"}]
    tool: Any = {"name": "weather", "description": "Say the weather.", "input_schema": SCHEMA}
    opus = {"model": "claude-opus-4-8", "max_tokens": 9, "messages": said}
    claude.messages.create(**opus, system="Be brief.", tools=[tool], extra_headers={"x-own": KEY})
    claude.messages.create(**opus)
    claude.messages.create(**opus)  # the same again
    function: Any = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
    gpt.chat.completions.create(model="gpt-4o-2024-08-06", messages=said, tools=[function])
    gpt.responses.create(model="gpt-5.5", input="Is it the quagga?", instructions="Be brief.")
    for _ in gpt.chat.completions.create(model="gpt-4o", messages=said, stream=True):
        pass
    with pytest.raises(openai.BadRequestError):
        gpt.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "fail"}])
    config: Any = {"system_instruction": "Be brief.", "tools": [{"function_declarations": [FUNCTION]}]}
    with genai.Client(api_key=KEY, http_options={"base_url": url}) as gemini:
        gemini.models.generate_content(model="gemini-2.5-flash", contents="Is it?", config=config)
    gpt.chat.completions.create(model="acme-secret-model", messages=said)
    gpt.embeddings  # noqa: B018 - other endpoints leave spans of other types
    with mlflow.start_span("Claude Code", span_type=SpanType.LLM) as span:
        span.set_inputs({"model": "claude-opus-4-8", "messages": said})
        span.set_attributes(
            {"mlflow.message.format": "anthropic", "mlflow.chat.tokenUsage": {"input_tokens": 3}}
        )
    with mlflow.start_span("framework", span_type=SpanType.CHAT_MODEL) as span:
        span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 999})
        gpt.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Below."}])
    with mlflow.start_span("chain", span_type=SpanType.CHAT_MODEL) as span:
        span.set_inputs([[{"type": "human", "content": "x"}]])
        span.set_attributes(
            {"mlflow.message.format": "langchain", "mlflow.chat.tokenUsage": {"input_tokens": 3}}
        )


LEFT_OUT = {
    "repeated request": 1,
    "no usage: streamed": 1,
    "no usage: failed call": 1,
    "unknown model": 1,
    "span of type LLM, without the whole request": 1,
    "span above another model's": 2,
    "unknown format": 1,
}


def test_autologged_calls(
    autologged: tuple[str, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each whole request becomes a record with the provider's count, cached tokens with it, and no text.

    The pages are smaller than what there is, and training reads the records.
    """
    url, bodies = autologged
    call(url)
    monkeypatch.setattr(traces, "PAGE", 3)
    frame, left_out = read()
    assert left_out == LEFT_OUT
    sent = [bodies[0], bodies[1], bodies[3], bodies[4], bodies[7], bodies[-1]]
    found = {(row.model, row.format): row for row in frame.itertuples() if row.kind == "tools"}
    assert found.keys() == {
        ("claude-opus-4-8", "anthropic"),
        ("gpt-4o", "openai_chat"),
        ("gemini-2-5-flash", "gemini"),
    }
    assert sorted(frame["input_tokens"]) == sorted(map(tokens_of, sent))
    assert Counter(frame["format"]) == {"anthropic": 2, "openai_chat": 2, "openai_responses": 1, "gemini": 1}
    assert set(frame["counts_of"]) == {"request"}
    for body in sent:
        # What is read from the span is what is read from what was sent.
        (row,) = frame[frame["input_tokens"] == tokens_of(body)].to_dict("records")
        features = read_request(body)
        assert row["format"] == features.format
        assert features.counts.items() <= row.items()
        assert row["bytes"] == sum(len(text.encode()) for texts in features.texts.values() for text in texts)
        assert row["not_counted"] == len(features.not_counted) == 0
    frame.to_parquet(tmp_path / "requests.parquet")
    dataset = read_requests(
        "mine", str(tmp_path / "requests.parquet"), ["o200k_base"], ["requests", "text_user"], ["openai"]
    )
    assert sorted(dataset.tokens) == sorted(map(tokens_of, (sent[2], sent[3], sent[5])))
    everything = frame.to_csv() + str(left_out)
    for secret in (KEY, "okapi", "quagga", "acme", "weather", "brief"):
        assert secret not in everything, secret
    frame, left_out = read(model="openai/gpt-4o")
    assert set(frame["model"]) == {"gpt-4o"}
    assert left_out["another model"] == 6


@pytest.mark.slow
def test_autologged_calls_on_postgres(
    postgres_store: str, autologged: tuple[str, list[dict[str, Any]]]
) -> None:
    """A PostgreSQL store gives the same records and reasons."""
    url, bodies = autologged
    assert mlflow.get_tracking_uri() == postgres_store
    call(url)
    frame, left_out = read()
    assert left_out == LEFT_OUT
    sent = [bodies[0], bodies[1], bodies[3], bodies[4], bodies[7], bodies[-1]]
    assert sorted(frame["input_tokens"]) == sorted(map(tokens_of, sent))


def test_which_traces_are_read(autologged: tuple[str, list[dict[str, Any]]]) -> None:
    """Experiments by name and id, from a moment on; calls of one session are of one source."""
    url, bodies = autologged
    gpt = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY)

    @mlflow.trace
    def ask(text: str, session: str) -> None:
        mlflow.update_current_trace(metadata={"mlflow.trace.session": session})
        gpt.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": text}])

    ask("one", "okapi")
    ask("two", "okapi")
    other = mlflow.set_experiment("others").experiment_id
    ask("three", "zebra")
    assert len(bodies) == 3
    frame, _ = read()
    assert len(frame) == 2
    assert len(set(frame["repository"])) == 1
    frame, _ = read(experiments=f"calls, {other}")
    assert len(frame) == 3
    assert len(set(frame["repository"])) == 2
    now = datetime.now(UTC)
    assert len(read(since=(now - timedelta(days=1)).date().isoformat())[0]) == 2
    with pytest.raises(InputError, match="no request can be used \\(there is none\\)"):
        read(since=(now + timedelta(days=1)).isoformat())


def test_bad_input_is_a_sentence() -> None:
    """It says what is missing or wrong."""
    with pytest.raises(UsageError, match="needs experiments="):
        MlflowTraces("")
    with pytest.raises(UsageError, match="since=yesterday is not a day or a moment"):
        MlflowTraces("calls", since="yesterday")
    for name in ("nowhere", "77"):
        with pytest.raises(InputError, match=f"there is no experiment '{name}' at MLflow"):
            read(experiments=name)
