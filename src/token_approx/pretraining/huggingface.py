"""Where the tokens of a text end, for a tokenizer that comes as a tokenizer.json.

The tokenizers library says for each token which characters of the text it came from, whatever the normal form
(NFC, the mark of a space, lower case) and the vocabulary (byte-level, SentencePiece's, WordPiece) are.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from token_approx.errors import InputError, MissingExtraError
from token_approx.pretraining.marked import byte_offsets
from token_approx.pretraining.pieces import Bytes
from token_approx.text.counts import encode


def huggingface(path: str) -> Callable[[str], Bytes]:
    """Return the token ends of the tokenizer in the file `path`, a tokenizer.json.

    Of a text, its own tokens are read: not those that a template puts around it.

    Raises:
        MissingExtraError: the extra `huggingface` is not installed.
        InputError: the file cannot be read, or is not a tokenizer.json.
    """
    tokenizer = _load(Path(path))

    def ends(text: str) -> Bytes:
        # The library takes no lone surrogates: it reads a character in the place of each.
        read = text.encode("utf-8", "replace").decode("utf-8")
        return character_ends(text, [stop for _, stop in tokenizer.encode(read).offsets])

    return ends


def character_ends(text: str, stops: Sequence[int]) -> Bytes:
    """Tokens that end at each byte of `text`, shape (bytes,), by the character after each token's last.

    Tokens that share a character end at its last byte; a token of no characters, which a normal form may
    bring before the first one, ends there too.
    """
    if not text:
        return np.zeros(0, np.uint8)
    borders = np.append(byte_offsets(text), len(encode(text)))
    last = borders[np.maximum(np.asarray(stops, np.int64), 1)] - 1
    return np.bincount(last, minlength=int(borders[-1])).astype(np.uint8)


def _load(path: Path) -> Any:  # noqa: ANN401 - an extra
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError(
            "tokenizers is not installed. Run: pip install 'token-approx[huggingface]'"
        ) from error
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        # The last step puts tokens around a text, and some forms of it leave white space out of the offsets.
        document["post_processor"] = None
        tokenizer = Tokenizer.from_str(json.dumps(document))
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        raise InputError(f"{path} {reason}. Give tokenizer.path=<tokenizer.json>.") from error
    except Exception as error:  # the library raises plain Exception for a file that is not a tokenizer
        raise InputError(f"{path} is not a tokenizer.json ({error}). Give tokenizer.path=<one>.") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
