"""OpenAI's encodings as the bpe-openai library bundles them: nothing to download."""

from collections.abc import Sequence

from token_approx.errors import InputError
from token_approx.labelling.counters.protocol import TEXT, known_model, missing_extra

try:
    import bpe_openai
except ImportError as error:
    raise missing_extra("bpe_openai") from error

# The library names more encodings than it brings the data of.
BUNDLED = ("o200k_base", "cl100k_base")


class BpeOpenAICounter:
    """Counts the tokens of the text alone; special tokens in a text are counted as the text they are."""

    name = "bpe_openai"
    counts_of = TEXT
    batch_size = 64

    def __init__(self, model: str) -> None:
        """Load the encoding that `model` names.

        Raises:
            InputError: it is not one of the bundled ones.
        """
        self.model = known_model(self.name, model)
        if model not in BUNDLED:
            raise InputError(
                f"counter=bpe_openai has no encoding model={model}. Valid values: {', '.join(BUNDLED)}."
            )
        self._encoding = bpe_openai.get_encoding(model)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""
        return [len(self._encoding.encode_ordinary(text)) for text in texts]
