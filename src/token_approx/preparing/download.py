"""Downloads that are made once, checked and renamed into place."""

import hashlib
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from token_approx.errors import InputError
from token_approx.files import write_together

TIMEOUT_SECONDS = 60
CHECKSUM_SUFFIX = ".sha256"
# What an address may hold as it is; a percent sign begins what is encoded already.
SAFE = "/?#[]@!$&'()*+,;=:%~"


def download(url: str, cache: Path, name: str | None = None) -> Path:
    """Return the file that the URL names, downloaded unless the cache holds it already.

    Its SHA-256 stands beside it (`<name>.sha256`, in sha256sum's format) and is compared at each later use.
    Spaces and letters beyond ASCII may stand in the URL as they are or percent-encoded.

    Raises:
        InputError: the download fails or is cut short, or the cached file is no longer what was downloaded.
    """
    name = name or Path(unquote(urlsplit(url).path)).name or "index.html"
    # One folder per URL: two URLs may end in the same name.
    path = cache / hashlib.sha256(url.encode()).hexdigest()[:16] / name
    recorded = path.with_name(path.name + CHECKSUM_SUFFIX)
    if path.exists() and recorded.exists():
        if hashlib.sha256(path.read_bytes()).hexdigest() != recorded.read_text(encoding="utf-8").split()[0]:
            raise InputError(
                f"{path} is not what was downloaded (its SHA-256 differs). Delete it and run again."
            )
        return path
    try:
        # http.client raises where fewer bytes arrive than were promised.
        request = urllib.request.Request(_encoded(url), headers={"User-Agent": "token-approx"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - the caller's URL
            data = answer.read()
    except (OSError, ValueError, HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise InputError(f"{url} cannot be downloaded ({reason}). Check the address.") from error
    digest = hashlib.sha256(data).hexdigest()
    write_together({recorded: f"{digest}  {name}\n".encode(), path: data})
    return path


def _encoded(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.encode("idna").decode() if not parts.netloc.isascii() else parts.netloc
    return urlunsplit((parts.scheme, host, *(quote(part, safe=SAFE) for part in parts[2:])))
