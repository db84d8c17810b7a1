"""What the providers' counters share: keys, addresses, and what an HTTP answer means."""

import logging
import math
import os
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from token_approx.errors import InputError
from token_approx.labelling.counters.protocol import Refused, Transient

# A client error that another attempt may mend: time-out, conflict, too early, too many requests.
PASSING_CLIENT_ERRORS = (408, 409, 425, 429)
# A client error that is about the one text: bad request, too large, not processable.
ABOUT_THE_TEXT = (400, 413, 422)
TOO_LARGE = 413
SERVER_ERROR = 500
KEY_REFUSED = (401, 403)
NOT_FOUND = 404
TOO_LONG = ("too long", "too large", "too many tokens", "maximum", "exceed", "context length", "limit")


def key_from(variable: str, counter: str) -> str:
    """Return the key that an environment variable holds.

    Raises:
        InputError: it holds none.
    """
    key = os.environ.get(variable, "").strip()
    if not key:
        raise InputError(f"counter={counter} needs a key: set the environment variable {variable}")
    return key


def checked_address(base_url: str | None, counter: str) -> str | None:
    """Return the address of a gateway, None for the provider's own.

    Raises:
        InputError: it is no address, or holds a user name, a password or a query, which would be logged.
    """
    if not base_url:
        return None
    parts = urlsplit(base_url)
    if parts.username or parts.password or parts.query:
        raise InputError(
            f"counter={counter}: counter.base_url holds credentials or a query: give scheme, host and path"
            " alone, and the key in its environment variable"
        )
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InputError(f"counter={counter}: counter.base_url is no http or https address: give https://…")
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
        return InputError(f"{counter} refuses the key in {key_variable} (HTTP {status}): set a valid one")
    if status == NOT_FOUND:
        return InputError(
            f"{counter} knows no such model or address (HTTP {status}): check model= and counter.base_url="
        )
    if status in ABOUT_THE_TEXT:
        too_long = status == TOO_LARGE or any(words in message.lower() for words in TOO_LONG)
        return Refused(f"{'too long' if too_long else 'refused'} (HTTP {status})")
    if status in PASSING_CLIENT_ERRORS or status >= SERVER_ERROR:
        return Transient(f"HTTP {status}", retry_after)
    return InputError(f"{counter} answers HTTP {status}: check the account, model= and counter.base_url=")


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
        Transient: it is no whole number of at least 0, as when a gateway answers with something else.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Transient("wrong answer")
    return value
