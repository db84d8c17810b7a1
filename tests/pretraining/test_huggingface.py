"""Token ends by a tokenizer.json: they add up to its counts, and lie where its tokens end."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from token_approx.errors import InputError
from token_approx.pretraining.boundaries import token_ends
from token_approx.pretraining.huggingface import character_ends, huggingface
from token_approx.text.counts import encode

WORDS = [
    *("the cat sat on the mat, the cat", "Größe cafe\u0301 12345 日本語 日本"),
    "def f(x):\n    return x + 1\n",
] * 20


def byte_level(normalizer: normalizers.Normalizer | None = None) -> Tokenizer:
    """Train a tokenizer of the kind that Llama, DeepSeek and Qwen have, which puts a token before a text."""
    tokenizer = Tokenizer(models.BPE())
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(WORDS, trainer)
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=True),
            processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)]),
        ]
    )
    return tokenizer


def marked_spaces() -> Tokenizer:
    """Make a tokenizer of the kind that Gemma has: spaces become a mark, unknown characters their bytes."""
    characters = sorted({*"▁", *"".join(WORDS).replace(" ", "▁")} - {"語"})
    vocabulary = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), *characters, "th", "the", "▁the"]
    merges = [("t", "h"), ("th", "e"), ("▁", "the")]
    places = {token: place for place, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.BPE(places, merges, unk_token="<unk>", byte_fallback=True))  # noqa: S106
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    return tokenizer


KINDS = {
    "byte level": byte_level(),
    "NFC": byte_level(normalizers.NFC()),
    "lower case": byte_level(normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase()])),
    "marked spaces": marked_spaces(),
}


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Tokenizer, Path]:
    """Give each kind of tokenizer, and the file that it was saved to."""
    path = tmp_path / "tokenizer.json"
    KINDS[request.param].save(str(path))
    return KINDS[request.param], path


def test_ends_add_up_to_the_counts(kind: tuple[Tokenizer, Path]) -> None:
    """Whatever the text, every token of it ends at one byte, and no token that a template adds does."""
    tokenizer, path = kind
    ends = huggingface(str(path))

    @given(st.text() | st.text("the cat▁ \n\u0301eéß語1"))
    def holds(text: str) -> None:
        found = ends(text)
        assert found.shape == (len(encode(text)),)
        read = text.encode("utf-8", "replace").decode()
        assert found.sum() == len(tokenizer.encode(read, add_special_tokens=False).ids)

    holds()


def test_ends_lie_where_tokens_end(tmp_path: Path) -> None:
    """On every border of characters, as many tokens ended as the tokens' own bytes say."""
    tokenizer = KINDS["byte level"]
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    ends = huggingface(str(tmp_path / "tokenizer.json"))
    # A character of the vocabulary's strings stands for a byte.
    lengths = np.array(
        [len(tokenizer.id_to_token(number) or "") for number in range(tokenizer.get_vocab_size())]
    )
    for text in [*WORDS[:3], "  the  日本語 Größen\n\n", "語" * 5, "\ud800 the"]:
        read = text.encode("utf-8", "replace").decode()
        own = token_ends(read, lambda read: tokenizer.encode(read, add_special_tokens=False).ids, lengths)
        for border in range(1, len(text) + 1):
            ended = own[: len(encode(read[:border]))].sum()
            assert ends(text)[: len(encode(text[:border]))].sum() == ended, (text, border)


def test_tokens_that_share_a_character_end_at_its_last_byte() -> None:
    """Three tokens of a character of three bytes, and one that a normal form puts before it, end together."""
    np.testing.assert_array_equal(character_ends("語a", [0, 1, 1, 1, 2]), [0, 0, 4, 1])
    np.testing.assert_array_equal(character_ends("é\ud800", [1, 2]), [0, 1, 0, 0, 1])
    assert character_ends("", []).shape == (0,)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), ("{}", "is not a tokenizer.json"), ("[", "is not a tokenizer.json")],
)
def test_a_file_that_is_not_a_tokenizer_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    """A missing file and one of another kind are said on one line, with the option that mends it."""
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message) as refused:
        huggingface(str(path))
    assert str(path) in str(refused.value)
    assert "tokenizer.path=" in str(refused.value)
    assert "\n" not in str(refused.value)
