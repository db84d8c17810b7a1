"""Fixtures of the labelling tests: a provider on the loopback, counters that ask it, samples."""

import asyncio
import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.labelling.provider_server import Provider, running
from token_approx.labelling.counters.protocol import Counter
from token_approx.labelling.progress import LabellingSettings
from token_approx.preparing.samples import Sample, sample_id

CLASSES = {"anthropic": "AnthropicCounter", "openai": "OpenAICounter", "google": "GoogleCounter"}
KEYS = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY", "google": "GEMINI_API_KEY"}
# OpenAI's library expects the version in the address.
PATHS = {"anthropic": "", "openai": "/v1", "google": ""}


@pytest.fixture
def provider() -> Iterator[Provider]:
    """Return a running provider."""
    with running() as server:
        yield server


@pytest.fixture
def make_counter(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Counter]:
    """Return a function that makes a provider's counter, through its real library, for that server."""

    def make(name: str = "anthropic", timeout: float = 5.0, key: str = "k-e-y") -> Counter:
        monkeypatch.setenv(KEYS[name], key)
        module = importlib.import_module(f"token_approx.labelling.counters.{name}")
        counter: Counter = getattr(module, CLASSES[name])(
            model="made-up", base_url=provider.url + PATHS[name], timeout=timeout
        )
        return counter

    return make


def ask(counter: Counter, *texts: str) -> Sequence[int]:
    """Return what a counter says, asynchronous or not."""

    async def asked() -> Sequence[int]:
        counts: Any = counter.count(texts)
        result: Sequence[int] = counts if isinstance(counts, list) else await counts
        return result

    return asyncio.run(asked())


def settings(**changes: Any) -> LabellingSettings:  # noqa: ANN401 - any of the fields
    """Return settings that retry at once."""
    fields: dict[str, Any] = {
        "framing": "keep",
        "concurrency": 4,
        "requests_per_minute": 0,
        "attempts": 5,
        "first_wait": 0.001,
        "longest_wait": 0.01,
        "give_up_after": 20,
    }
    return LabellingSettings(**fields | changes)


def sample(text: str, source: str = "s", category: str = "c") -> Sample:
    """Return a sample of a text."""
    return Sample(id=sample_id(text), source=source, category=category, text=text)
