"""Exact tokenizers that are installed: asked where no bound can decide, and never imported before."""

import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import sha1
from os import PathLike, environ, fspath
from pathlib import Path
from tempfile import gettempdir
from typing import NamedTuple

from ..errors import InputError, MissingExtraError
from ..text.counts import encode
from .byte_bounds import MESSAGES, TEXTS, known_entry

NEVER, INSTALLED = "never", "installed"
# `never`, `installed`, or the path of a tokenizer.json.
Exact = str | PathLike[str]
FRAME = "⟨pad⟩"  # ctok's name for a token of the message around a text
CTOK_PYTHON = (3, 12)
BUNDLED = ("o200k_base", "cl100k_base")  # the encodings whose data bpe-openai brings
# Where tiktoken looks for a vocabulary that it has fetched before; it is never made to fetch one here.
TIKTOKEN_FOLDERS = ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR")
TIKTOKEN_FILE = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"


class Tokenizer(NamedTuple):
    """An exact tokenizer: its name, and the count of a text's own tokens."""

    name: str
    count: Callable[[str], int]


class ExactCount(NamedTuple):
    """The tokens of texts together, and which tokenizer counted; None and why not, where none is at hand."""

    tokens: float | None
    reason: str


def checked(exact: Exact) -> str:
    """Return how exact tokenizers are to be used: `never`, `installed`, or the path of a tokenizer.json.

    Raises:
        InputError: it is none of these.
    """
    found = fspath(exact) if isinstance(exact, str | PathLike) else ""
    if found in (NEVER, INSTALLED) or Path(found).suffix == ".json":
        return found
    raise InputError(
        f"exact={exact!r} is not known. Give 'never', 'installed', or the path of a tokenizer.json."
    )


def exact_tokenizer(model: str, exact: Exact = INSTALLED) -> Tokenizer:
    """Return the exact tokenizer of a model's family that is installed here, or the tokenizer.json given.

    For OpenAI it is bpe-openai, or tiktoken where its vocabulary is on this machine already; for Claude since
    version 3 ctok, with Python 3.12 or newer; for others `tokenizers`, with the tokenizer.json that `exact`
    or an entry of one's own catalogue names. Nothing is downloaded.

    Raises:
        MissingExtraError: its library is not installed.
        InputError: `exact` is not known, the catalogue does not know the model for certain, or a file that it
            takes cannot be read or is not named.
    """
    chosen = checked(exact)
    if chosen not in (NEVER, INSTALLED):
        return _of_file(chosen)
    entry = known_entry(model)
    if entry is None or entry.family.exact is None:
        raise InputError(f"no exact tokenizer is known for {model!r}")
    library, name = str(entry.family.exact["library"]), str(entry.family.exact["tokenizer"])
    return installed(library, name)


def count_exactly(
    model: str, counts_of: str | None, texts: Iterable[str | bytes], besides: float, exact: Exact
) -> ExactCount:
    """Return what texts have by an exact tokenizer, and `besides`; a reason where none can be asked.

    `counts_of` says what the model's labels count: texts alone, or a message around each.

    Raises:
        MissingExtraError, InputError: a tokenizer.json is given that cannot be used.
    """
    if counts_of not in (*TEXTS, *MESSAGES):
        return ExactCount(None, f"no tokenizer counts what the model's labels do ({counts_of})")
    try:
        tokenizer = exact_tokenizer(model, exact)
    except (MissingExtraError, InputError) as error:
        if checked(exact) != INSTALLED:
            raise
        return ExactCount(None, str(error))
    try:
        tokens = sum(tokenizer.count(_string(text)) for text in texts)
    except Exception as error:  # noqa: BLE001 - as bpe-openai of a text of a million characters
        # Its message may quote the text.
        return ExactCount(None, f"{tokenizer.name} cannot count the text ({type(error).__name__})")
    return ExactCount(tokens + besides, f"counted by {tokenizer.name}")


def _string(text: str | bytes) -> str:
    # What cannot be encoded is sent as the replacement character.
    data = text if isinstance(text, bytes) else text if text.isascii() else encode(text)
    return data if isinstance(data, str) else data.decode("utf-8", "replace")


@lru_cache(maxsize=8)
def installed(library: str, name: str) -> Tokenizer:
    """Return the tokenizer of a library as the catalogue names the two, imported here for the first time.

    Raises:
        MissingExtraError: the library, or what it needs, is not here.
        InputError: the library must be given a file.
    """
    match library:
        case "ctok":
            return _ctok(name)
        case "tiktoken" | "bpe-openai":
            return _openai(name)
        case "tokenizers" if Path(name).suffix == ".json":
            return _of_file(name)
    raise InputError(
        f"the tokenizer {name} is a file to be named: exact=<path of its tokenizer.json>, or `exact` of the"
        " family in a catalogue of your own"
    )


def _openai(name: str) -> Tokenizer:
    # bpe-openai first: its time is linear in any text.
    try:
        import bpe_openai  # noqa: PLC0415 - an extra

        if name in BUNDLED:
            encoding = bpe_openai.get_encoding(name)
            return Tokenizer("bpe-openai", lambda text: len(encoding.encode_ordinary(text)))
    except ImportError:
        pass
    try:
        import tiktoken  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError(
            "bpe-openai is not installed: pip install 'token-approx[bpe-openai]'"
        ) from error
    folder = next(filter(None, map(environ.get, TIKTOKEN_FOLDERS)), str(Path(gettempdir(), "data-gym-cache")))
    file = sha1(TIKTOKEN_FILE.format(name).encode(), usedforsecurity=False).hexdigest()
    if not Path(folder, file).is_file():
        raise MissingExtraError(
            f"tiktoken has not fetched {name} to this machine yet: pip install 'token-approx[bpe-openai]'"
        )
    fetched = tiktoken.get_encoding(name)
    return Tokenizer("tiktoken", lambda text: len(fetched.encode_ordinary(text)))


def _ctok(version: str) -> Tokenizer:
    if sys.version_info < CTOK_PYTHON:
        raise MissingExtraError("ctok needs Python 3.12 or newer")
    try:
        import ctok  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("ctok is not installed: pip install 'token-approx[ctok]'") from error

    def count(text: str) -> int:
        tokens = ctok.tokenize(text, version)
        return len(tokens) - int(tokens.count(FRAME))

    return Tokenizer("ctok", count)


@lru_cache(maxsize=8)
def _of_file(path: str) -> Tokenizer:
    try:
        import tokenizers  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError(
            "tokenizers is not installed: pip install 'token-approx[huggingface]'"
        ) from error
    try:
        loaded = tokenizers.Tokenizer.from_file(path)
    except Exception as error:  # the library raises plain Exception for whatever is wrong with a file
        raise InputError(f"{path} cannot be read as a tokenizer.json. Give the path of one.") from error
    loaded.no_truncation()
    loaded.no_padding()
    return Tokenizer("tokenizers", lambda text: len(loaded.encode(text, add_special_tokens=False).ids))
