"""OpenAI's tiktoken: any of its encodings, fetched once by the library and cached."""

from collections.abc import Sequence

from token_approx.errors import InputError
from token_approx.labelling.counters.protocol import TEXT, known_model, missing_extra

try:
    import tiktoken

    import requests
except ImportError as error:
    raise missing_extra("tiktoken") from error


class TiktokenCounter:
    """Counts the tokens of the text alone; special tokens in a text are counted as the text they are."""

    name = "tiktoken"
    counts_of = TEXT
    batch_size = 64

    def __init__(self, model: str) -> None:
        """Load the encoding that `model` names.

        Raises:
            InputError: there is no such encoding, or it cannot be fetched.
        """
        self.model = known_model(self.name, model)
        try:
            self._encoding = tiktoken.get_encoding(model)
        except ValueError as error:
            names = ", ".join(tiktoken.list_encoding_names())
            raise InputError(
                f"counter=tiktoken has no encoding model={model}. Valid values: {names}."
            ) from error
        except (requests.RequestException, OSError) as error:
            raise InputError(
                f"counter=tiktoken cannot download {model}. Go online, set TIKTOKEN_CACHE_DIR to a folder"
                " that has it, or take counter=bpe_openai, which brings its encodings."
            ) from error

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""
        return [len(tokens) for tokens in self._encoding.encode_ordinary_batch(list(texts))]
