"""Tokenizers whose vocabulary is at hand: they say where the tokens of a training text end."""

import base64
import gzip
import json
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from token_approx.errors import InputError, MissingExtraError
from token_approx.pretraining.boundaries import token_ends
from token_approx.pretraining.pieces import Bytes

Ends = Callable[[str], Bytes]


def documents_only() -> None:
    """Return no tokenizer: whole documents' counts are all that is known."""


def openai_encoding(name: str) -> Ends:
    """Return the token ends of an OpenAI encoding, from the vocabulary that bpe-openai carries.

    Raises:
        MissingExtraError: the extra `pretrain` is not installed.
        InputError: there is no such encoding.
    """
    return _ends(openai_tokenizer(name))


def openai_tokenizer(name: str) -> Any:  # noqa: ANN401 - tiktoken.Encoding, an extra
    """Return tiktoken's encoding `name` without its download, from bpe-openai's vocabulary.

    Raises:
        MissingExtraError: the extra `pretrain` is not installed.
        InputError: there is no such encoding.
    """
    try:
        from tiktoken_ext import openai_public  # noqa: PLC0415 - an extra

        packed = (files("bpe_openai") / "data" / f"{name}.tiktoken.gz").read_bytes()
    except ImportError as error:
        raise _missing(error) from error
    except OSError as error:
        raise InputError(
            f"tokenizer.name={name} is not a vocabulary that bpe-openai holds. Give one, such as o200k_base."
        ) from error
    lines = gzip.decompress(packed).decode("ascii").splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines if line)}
    return _encoding(name, ranks, _pattern_of(openai_public, name))


def tekken(path: str) -> Ends:
    """Return the token ends of Mistral's tokenizer in the file `path`, a tekken.json.

    Raises:
        MissingExtraError: the extra `pretrain` is not installed.
        InputError: the file cannot be read, or is not a tekken.json.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        config = document["config"]
        # The file lists more tokens than the vocabulary takes, of which special tokens take the first places.
        size = config["default_vocab_size"] - config["default_num_special_tokens"]
        ranks = {base64.b64decode(token["token_bytes"]): token["rank"] for token in document["vocab"][:size]}
        return _ends(_encoding("tekken", ranks, config["pattern"]))
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}). Give tokenizer.path=<tekken.json>."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a tekken.json. Give tokenizer.path=<one>.") from error


def _encoding(name: str, ranks: dict[bytes, int], pattern: str) -> Any:  # noqa: ANN401 - an extra
    try:
        import tiktoken  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise _missing(error) from error
    return tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


def _ends(encoding: Any) -> Ends:  # noqa: ANN401 - an extra
    lengths = np.array([len(token) for token in _tokens(encoding)], np.int32)
    return partial(token_ends, encode=encoding.encode_ordinary, lengths=lengths)


def _tokens(encoding: Any) -> list[bytes]:  # noqa: ANN401 - an extra
    tokens = [b""] * (encoding.max_token_value + 1)
    for token in encoding.token_byte_values():
        tokens[encoding.encode_single_token(token)] = token
    return tokens


def _pattern_of(openai_public: Any, name: str) -> str:  # noqa: ANN401 - a module
    # The package's constructors download the vocabulary; with that step replaced, they give the pattern.
    original = openai_public.load_tiktoken_bpe
    openai_public.load_tiktoken_bpe = lambda *_, **__: {}
    try:
        return str(openai_public.ENCODING_CONSTRUCTORS[name]()["pat_str"])
    except KeyError as error:
        raise InputError(
            f"tokenizer.name={name} is not an encoding of tiktoken. Give one, such as o200k_base."
        ) from error
    finally:
        openai_public.load_tiktoken_bpe = original


def _missing(error: ImportError) -> MissingExtraError:
    return MissingExtraError(f"{error.name} is not installed. Run: pip install 'token-approx[pretrain]'")
