"""Hugging Face's tokenizers: a local tokenizer.json, or a model's on the hub."""

from collections.abc import Sequence
from pathlib import Path

from token_approx.errors import InputError
from token_approx.labelling.counters.protocol import TEXT, known_model, missing_extra

try:
    from tokenizers import Tokenizer
except ImportError as error:
    raise missing_extra("huggingface") from error


class HuggingFaceCounter:
    """Counts the tokens of the text alone, without those that a model puts before or after it."""

    name = "huggingface"
    counts_of = TEXT
    batch_size = 64

    def __init__(self, model: str, tokenizer: str | None) -> None:
        """Load the tokenizer: a path of a tokenizer.json or a hub id; without one, `model` is that.

        Raises:
            InputError: it cannot be loaded.
        """
        self.model = known_model(self.name, model)
        name = tokenizer or model
        try:
            if Path(name).is_file():
                self._tokenizer = Tokenizer.from_file(name)
            else:
                self._tokenizer = Tokenizer.from_pretrained(name)
        except Exception as error:  # the library raises plain Exception for a file that is not a tokenizer
            raise InputError(
                f"counter=huggingface cannot load {name}. Give counter.tokenizer=<tokenizer.json or hub id>."
            ) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]
