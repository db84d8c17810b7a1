"""No text has more tokens than its bytes allow: a counterexample is searched where that can be done."""

import unicodedata
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ctok_python import needs_ctok, printed
from token_approx.estimator.byte_bounds import TOKENIZERS, byte_bound, message_framing
from token_approx.estimator.catalogue import catalogue
from token_approx.pretraining.tokenizers import openai_tokenizer

ANY = st.text(st.characters(codec="utf-8"), max_size=60)
CODE_POINTS = [point for point in range(0x110000) if not 0xD800 <= point < 0xE000]


@cache
def encoding(name: str) -> Any:  # noqa: ANN401 - tiktoken.Encoding
    """Return an OpenAI encoding, whose vocabulary bpe-openai carries."""
    return openai_tokenizer(name)


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
@settings(max_examples=300, deadline=None)
@given(text=ANY)
def test_openai_s_encodings(name: str, text: str) -> None:
    """Strings of any code points have at most a token per byte."""
    bound = byte_bound(name, "text")
    assert bound is not None
    assert len(encoding(name).encode_ordinary(text)) <= bound.tokens(len(text.encode()))


def test_a_normal_form_grows_by_the_factor() -> None:
    """No code point's NFC form is longer than the factor says, and one is as long."""
    growth = max(
        len(unicodedata.normalize("NFC", chr(point)).encode()) / len(chr(point).encode())
        for point in CODE_POINTS
    )
    assert TOKENIZERS["qwen_3"][0] == growth


@needs_ctok
@pytest.mark.parametrize(("name", "version"), [("claude_3", "3.0"), ("claude_4_7", "4.8")])
def test_claude_s_tokenizers(name: str, version: str) -> None:
    """Every 7th code point, alone, repeated and between others, and the worst ones found, stay within it."""
    bound = byte_bound(name, "one-user-message")
    assert bound is not None
    worst = ["\U0001d160", "\U0001d1c0", "\u023a", "\u023e", "\u0344", "\u24b6", "\t", "A", "\u2adc"]
    pairs = [first + second for first in worst for second in worst]
    singles = [
        chr(point) for point in CODE_POINTS[::7] if unicodedata.category(chr(point)) not in ("Cn", "Co")
    ]
    texts = [
        *worst,
        *pairs,
        *singles,
        *(text * 5 for text in worst),
        *(f"{text} {text}1{text}." for text in pairs),
    ]
    counts = printed(
        "import ctok\nprint(json.dumps([ctok.token_count(text, version) for text in texts]))",
        texts=texts,
        version=version,
    )
    assert isinstance(counts, list)
    for text, tokens in zip(texts, counts, strict=True):
        assert tokens <= bound.tokens(len(text.encode())), ascii(text)


def test_framing_is_in_the_bound_where_labels_hold_it() -> None:
    """A message of Claude 3 is framed by 7 tokens; whole requests have no bound by a text's bytes."""
    message, text = byte_bound("claude-3-7-sonnet-latest", "one-user-message"), byte_bound("claude_3", "text")
    assert message is not None
    assert text is not None
    assert (message.tokens(2), text.tokens(2)) == (14, 7)
    assert byte_bound("claude-3-7-sonnet-latest", "as-logged") is None
    assert byte_bound("claude-3-7-sonnet-latest", None) is None


def test_a_tokenizer_that_nobody_knows_has_none() -> None:
    """Neither a model that is not in the catalogue, nor a version that another stands for."""
    assert byte_bound("a-model-of-nobody-s", "text") is None
    assert catalogue().find("claude-opus-9").notice
    assert byte_bound("claude-opus-9", "text") is None
    assert message_framing("a-model-of-nobody-s") == (0, 8)


def test_every_family_of_the_catalogue_has_one() -> None:
    """A family that is added must say how many tokens its tokenizer makes of a byte."""
    assert set(catalogue().families) <= set(TOKENIZERS)
