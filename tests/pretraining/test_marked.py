"""Tokens of a stream with marks stand at the text's own bytes, each once."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_approx.pretraining.marked import content_of, token_starts
from token_approx.text.counts import encode


def nfc(text: str) -> str:
    """Normalise as the tokenizer does: composed, without control characters."""
    return "".join(c for c in unicodedata.normalize("NFC", text) if c not in "\r\x01")


def shown(text: str, tokens: list[str]) -> str:
    """Write a bar before each byte for every token that starts there."""
    starts = token_starts(text, tokens, nfc)
    assert starts.sum() == len(tokens)
    pairs = zip(encode(text), starts.tolist(), strict=True)
    return b"".join(b"|" * count + bytes([byte]) for byte, count in pairs).decode()


@pytest.mark.parametrize(
    ("tokens", "bars"),
    [
        (["⟨shift⟩⟨bow⟩hello⟨eow⟩", ",⟨eow⟩", "⟨bow⟩wor", "ld⟨eow⟩"], "|Hello|,| wor|ld"),
        (["⟨shift⟩", "⟨bow⟩h", "i⟨eow⟩", "⟨bow⟩", "x", "⟨eow⟩"], "||H|i|| |x"),
        (["⟨bow⟩a⟨eow⟩", "  ", "⟨bow⟩b⟨eow⟩", "\n\n", "⟨caps⟩⟨bow⟩nasa⟨eow⟩"], "|a|  |b|\n\n|NASA"),
        (["⟨bow⟩a⟨eow⟩", "⟨0xF0⟩", "⟨0x92⟩", "⟨0x80⟩⟨0x80⟩", "b"], "|a|||𒀀|b"),
        (["⟨0xE2⟩⟨0x9F⟩⟨0xA8⟩", "⟨bow⟩x"], "|⟨|x"),
        ([" ", "'", "x⟨eow⟩"], "||'|x"),
        (["日", "本", "⟨bow⟩é⟨eow⟩"], "|日|本| é"),
    ],
)
def test_tokens_stand_where_they_belong(tokens: list[str], bars: str) -> None:
    """Left-out spaces, bare marks, parts of a character, case and the frame's space each have their byte."""
    assert shown(bars.replace("|", ""), tokens) == bars


def test_normalised_text_keeps_its_own_bytes() -> None:
    """Where the tokenizer composes or drops characters, tokens start in the bytes as they were given."""
    assert shown("e\u0301\r\na", ["é", "\n", "a"]) == "|e\u0301\r|\n|a"


@given(st.text(st.sampled_from("aB é\u0301\n\r日😀"), max_size=20), st.integers(1, 4))
def test_no_token_is_lost(text: str, width: int) -> None:
    """Any text cut anywhere in its normal form has as many starts as tokens, in non-negative places."""
    read = nfc(text)
    tokens = [read[place : place + width] for place in range(0, len(read), width)]
    starts = token_starts(text, tokens, nfc) if read else np.zeros(len(encode(text)), np.uint8)
    assert starts.size == len(encode(text))
    assert starts.sum() == len(tokens)


def test_what_a_token_holds() -> None:
    """A token's characters are those that begin in it; a bare mark has its kind."""
    assert content_of("⟨shift⟩⟨bow⟩") == (0, False, "bow")
    assert content_of(" a⟨eow⟩") == (2, True, "")
    assert content_of("⟨0x9F⟩⟨0xA8⟩") == (0, False, "")
