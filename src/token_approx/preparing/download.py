"""Downloads that are made once, checked and renamed into place."""

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import unquote, urlsplit

from token_approx.errors import InputError

BLOCK = 1 << 20
TIMEOUT_SECONDS = 60
CHECKSUM_SUFFIX = ".sha256"


def download(url: str, cache: Path, name: str | None = None) -> Path:
    """Return the file that the URL names, downloaded unless the cache holds it already.

    Its SHA-256 stands beside it (`<name>.sha256`, in sha256sum's format) and is compared at each later use.

    Raises:
        InputError: the download fails or is cut short, or the cached file is no longer what was downloaded.
    """
    name = name or Path(unquote(urlsplit(url).path)).name or "index.html"
    # One folder per URL: two URLs may end in the same name.
    path = cache / hashlib.sha256(url.encode()).hexdigest()[:16] / name
    recorded = path.with_name(path.name + CHECKSUM_SUFFIX)
    if path.exists() and recorded.exists():
        if _sha256(path) != recorded.read_text(encoding="ascii").split()[0]:
            raise InputError(f"{path}: is not what was downloaded (SHA-256 differs): delete it and run again")
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        temporary = Path(file.name)
        try:
            _fetch(url, temporary)
            temporary.chmod(0o644)
            recorded.write_text(f"{_sha256(temporary)}  {name}\n", encoding="ascii")
            os.replace(temporary, path)  # noqa: PTH105 - the known idiom
        except (OSError, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise InputError(f"{url}: cannot be downloaded ({reason}): check the address") from error
        finally:
            temporary.unlink(missing_ok=True)
    return path


def _fetch(url: str, path: Path) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "token-approx"})  # noqa: S310
    with (
        urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer,  # noqa: S310 - the caller's URL
        path.open("wb") as file,
    ):
        expected = answer.headers.get("Content-Length")
        received = 0
        while block := answer.read(BLOCK):
            received += file.write(block)
    if expected is not None and received != int(expected):
        raise ValueError(f"{received} of {expected} bytes arrived")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
