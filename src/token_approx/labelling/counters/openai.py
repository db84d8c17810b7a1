"""OpenAI's counting of a response's input tokens, through the official library."""

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
    import openai
except ImportError as error:
    raise missing_extra("openai") from error

KEY = "OPENAI_API_KEY"


class OpenAICounter:
    """Counts each text as one user message, without instructions or tools."""

    name = "openai"
    counts_of = ONE_USER_MESSAGE
    batch_size = 1

    def __init__(self, model: str, base_url: str | None, timeout: float) -> None:
        """Make the client; `timeout` is in seconds. The library's own retries are off: ours rule.

        Raises:
            UsageError: a key or a model is missing, or the address is not one.
        """
        silence("openai", "httpx2", "httpcore2")
        self.model = known_model(self.name, model)
        self._client = openai.AsyncOpenAI(
            api_key=key_from(KEY, self.name),
            base_url=checked_address(base_url, self.name),
            timeout=timeout,
            max_retries=0,
        )

    async def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of input tokens of each text, as the provider counts them."""
        return [await self._count(text) for text in texts]

    async def _count(self, text: str) -> int:
        try:
            answer = await self._client.responses.input_tokens.count(model=self.model, input=text)
        except openai.APIStatusError as error:
            wait = wait_asked(error.response.headers)
            raise failure(error.status_code, error.message, wait, self.name, KEY) from None
        except openai.APITimeoutError:
            raise Transient("time-out") from None
        except openai.APIConnectionError:
            raise Transient("connection") from None
        except (openai.APIError, ValueError):
            raise Transient("wrong answer") from None
        return counted(getattr(answer, "input_tokens", None))
