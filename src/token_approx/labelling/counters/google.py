"""Google's count_tokens endpoint, through the official library."""

import re
from collections.abc import Sequence

from token_approx.labelling.counters.protocol import ONE_USER_MESSAGE, Transient, known_model, missing_extra
from token_approx.labelling.counters.provider import (
    checked_address,
    counted,
    failure,
    key_from,
    silence,
    wait_asked,
)

try:
    import httpx2
    from google import genai
    from google.genai import errors, types
except ImportError as error:
    raise missing_extra("google") from error

KEY = "GEMINI_API_KEY"
# The wait that a 429 asks for stands in the body: {"retryDelay": "3.5s"}.
RETRY_DELAY = re.compile(r"'retryDelay': '([0-9.]+)s'")


class GoogleCounter:
    """Counts each text as one user message."""

    name = "google"
    counts_of = ONE_USER_MESSAGE
    batch_size = 1

    def __init__(self, model: str, base_url: str | None, timeout: float) -> None:
        """Make the client; `timeout` is in seconds. The library's own retries are off: ours rule.

        Raises:
            UsageError: a key or a model is missing, or the address is not one.
        """
        silence("google_genai", "httpx2", "httpcore2")
        self.model = known_model(self.name, model)
        self._client = genai.Client(
            api_key=key_from(KEY, self.name),
            vertexai=False,
            http_options=types.HttpOptions(
                base_url=checked_address(base_url, self.name),
                timeout=round(timeout * 1000),
                retry_options=types.HttpRetryOptions(attempts=1),
                # Without a client of ours it takes aiohttp where that is installed, whose errors differ.
                httpx_async_client=httpx2.AsyncClient(),
            ),
        )

    async def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, as the provider counts them."""
        return [await self._count(text) for text in texts]

    async def _count(self, text: str) -> int:
        try:
            answer = await self._client.aio.models.count_tokens(model=self.model, contents=text)
        except errors.APIError as error:
            message = error.message or ""
            if error.code == 400 and "API key" in message:  # noqa: PLR2004 - what it answers instead of 401
                raise failure(401, message, None, self.name, KEY) from None
            raise failure(error.code, message, _wait(error), self.name, KEY) from None
        except httpx2.TimeoutException:
            raise Transient("time-out") from None
        except httpx2.HTTPError:
            raise Transient("connection") from None
        except (ValueError, TypeError, AttributeError):  # what the library makes of a body of another form
            raise Transient("wrong answer") from None
        return counted(getattr(answer, "total_tokens", None))


def _wait(error: errors.APIError) -> float | None:
    headers = getattr(error.response, "headers", None)
    asked = wait_asked(headers) if headers is not None else None
    delay = RETRY_DELAY.search(str(error.details))
    return float(delay[1]) if asked is None and delay else asked
