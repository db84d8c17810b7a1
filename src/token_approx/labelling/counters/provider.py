"""What the providers' counters share: keys, addresses, and what an HTTP answer means."""

import logging
import math
import os
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from token_approx.errors import InputError, UsageError
from token_approx.labelling.counters.protocol import Refused, Transient

# A client error that another attempt may cure: time-out, conflict, too early, too many requests.
PASSING_CLIENT_ERRORS = (408, 409, 425, 429)
# A client error that is about the one text: bad request, too large, not processable.
ABOUT_THE_TEXT = (400, 413, 422)
TOO_LARGE = 413
SERVER_ERROR = 500
KEY_REFUSED = (401, 403)
NOT_FOUND = 404
# What providers say when a text is too long. "limit" alone is not here: spending has limits, too.
TOO_LONG = (
    *("too long", "too large", "too many tokens", "too many input tokens", "context length"),
    *("context window", "maximum context", "maximum number of tokens", "token limit", "input token count"),
)
# What they say when they do not take what a text holds.
CONTENT = (
    *("unicode", "utf-8", "surrogate", "null character", "non-whitespace", "content must be"),
    *("content policy", "content filter", "invalid characters", "safety", "blocked", "prohibited"),
)
# What they say when it is about who asks, whatever the text.
ACCOUNT = (
    *("credit", "credits", "billing", "balance", "payment", "spend", "spending", "quota", "usage limits?"),
    *("regain access", "plan", "subscription", "organi[sz]ation", "account", "location", "workspace"),
)
# Beyond this a count is no longer exact in double precision, and no text is that long.
MOST_TOKENS = 2**53


def key_from(variable: str, counter: str) -> str:
    """Return the key that an environment variable holds.

    Raises:
        UsageError: it holds none.
    """
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UsageError(f"counter={counter} needs a key. Set the environment variable {variable}.")
    return key


def checked_address(base_url: str | None, counter: str) -> str | None:
    """Return the address of a gateway, None for the provider's own.

    Raises:
        UsageError: it is not an address, or holds a user name, a password or a query, which would be logged.
    """
    if not base_url:
        return None
    try:
        parts = urlsplit(base_url)
        host = parts.hostname if parts.port is None or parts.port else None
    except ValueError as error:  # a port beyond 65535, a bracket that is not closed
        raise UsageError(
            f"counter={counter}: counter.base_url is not an address ({error}). Give https://<host>/<path>."
        ) from error
    if parts.username or parts.password or parts.query:
        raise UsageError(
            f"counter={counter}: counter.base_url holds credentials or a query, which would be logged. Give"
            " scheme, host and path alone, and the key in its environment variable."
        )
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(
            f"counter={counter}: counter.base_url is not an http or https address. Give https://<host>/<path>."
        )
    return base_url


def silence(*names: str) -> None:
    """Keep libraries from logging what they send: their debug levels write texts and headers."""
    for name in names:
        logging.getLogger(name).setLevel(logging.WARNING)


def failure(
    status: int, message: str, retry_after: float | None, counter: str, key_variable: str
) -> Exception:
    """Return what an HTTP status (400 or more) means; `message` is read for its sense and never kept."""
    if status in KEY_REFUSED:
        return InputError(f"{counter} refuses the key in {key_variable} (HTTP {status}). Set a valid one.")
    if status == NOT_FOUND:
        return InputError(
            f"{counter} does not know the model or the address (HTTP {status}). Check model= and"
            " counter.base_url=."
        )
    if status in ABOUT_THE_TEXT:
        return _refusal(status, message.lower())
    if status in PASSING_CLIENT_ERRORS or status >= SERVER_ERROR:
        return Transient(f"HTTP {status}", retry_after)
    return InputError(f"{counter} answers HTTP {status}. Check the account, model= and counter.base_url=.")


def _refusal(status: int, message: str) -> Refused:
    # A verdict on the text, for good, only where it is clearly about its length or its content.
    if status == TOO_LARGE or any(words in message for words in TOO_LONG):
        return Refused(f"too long (HTTP {status})")
    if any(re.search(rf"\b{word}\b", message) for word in ACCOUNT):
        return Refused(f"account refused (HTTP {status})", final=False)
    clear = any(words in message for words in CONTENT)
    return Refused(f"{'content refused' if clear else 'refused'} (HTTP {status})", final=clear)


def wait_asked(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that an answer asks to wait: retry-after-ms, or retry-after as number or date."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) / unit
        except ValueError:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - time.time()
            except ValueError:
                continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    return None


def counted(value: object) -> int:
    """Return a count out of an answer.

    Raises:
        Transient: it is not a whole number of tokens, as when a gateway answers with something else.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_TOKENS:
        raise Transient("wrong answer")
    return value
