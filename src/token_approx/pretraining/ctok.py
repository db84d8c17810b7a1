"""Claude's tokenizers since version 3 as ctok reconstructs them: where their tokens end, byte by byte.

ctok rebuilds both vocabularies offline and reads some 0.2 MB/s. A store keeps what was found: another fit to
the same texts then takes neither that time nor ctok.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from token_approx.errors import InputError, MissingExtraError
from token_approx.pretraining.marked import token_starts
from token_approx.pretraining.pieces import Bytes
from token_approx.pretraining.store import EndsStore

FRAME = "⟨pad⟩"  # a token of the message around a text
LEAST_PYTHON = (3, 12)


def ctok(version: str, store: str = "") -> Callable[[str], Bytes]:
    """Return the token ends of Claude's tokenizer `version`: "3.0" up to Opus 4.6, "4.8" for what came later.

    `store` is a file of token ends found before, made where it is missing; "" keeps none. A text that is not
    in it needs ctok, which is asked for at the first such text.
    """
    find = partial(_Finder(), version=version)
    return EndsStore(store, f"ctok {version}", find) if store else find


class _Finder:
    """Loads ctok at the first text."""

    def __init__(self) -> None:
        self._package: Any = None  # ctok has no types

    def __call__(self, text: str, version: str) -> Bytes:
        if self._package is None:
            self._package = _load()
        tokens = (token for token in self._package.tokenize(text, version) if token != FRAME)
        starts = token_starts(text, tokens, partial(self._package.normalize, version=version))
        # A token that starts at a byte counts as one that ends before it: the two agree but for marks, and a
        # piece holds the tokens that start in it.
        return np.roll(starts, -1)


def _load() -> Any:  # noqa: ANN401 - a module without types
    if sys.version_info < LEAST_PYTHON:
        found = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise InputError(
            f"tokenizer=ctok needs Python 3.12 or newer, and this is {found}. Run the stage with such a"
            " Python, or give tokenizer.store=<token ends that one has found>."
        )
    try:
        import ctok as package  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("ctok is not installed. Run: pip install 'token-approx[ctok]'") from error
    return package
