"""Claude's tokenizers since version 3, as ctok reconstructs them offline from what the provider counted."""

import re
import sys
from collections.abc import Sequence

from token_approx.errors import UsageError
from token_approx.labelling.counters.protocol import ONE_USER_MESSAGE, TEXT, known_model, missing_extra

if sys.version_info < (3, 12):
    raise UsageError(
        "counter=ctok needs Python 3.12 or newer, and this is"
        f" {sys.version_info.major}.{sys.version_info.minor}. Run the stage with such a Python."
    )
try:
    import ctok  # type: ignore[import-not-found, unused-ignore]
except ImportError as error:
    raise missing_extra("ctok") from error

FRAME = "⟨pad⟩"  # a token of the message around a text
# The version in a model's name; a date after it has more digits.
VERSION = re.compile(r"claude[-_](?:[a-z]+-)*(\d{1,2})(?:[-_.](\d{1,2}))?(?!\d)")


class CtokCounter:
    """Counts as the provider's count_tokens does for one user message, or the text's own tokens alone."""

    name = "ctok"
    batch_size = 16

    def __init__(self, model: str, counts_of: str = ONE_USER_MESSAGE) -> None:
        """Take the tokenizer of the version that `model` names: `claude-opus-4-7`, `claude_3`.

        Raises:
            UsageError: the name holds no version from 3 on, or `counts_of` is neither of the two.
        """
        self.model = known_model(self.name, model)
        found = VERSION.search(model)
        if found is None or int(found[1]) < 3:  # noqa: PLR2004 - Claude 3 is the first that ctok knows
            raise UsageError(
                f"counter=ctok counts for Claude 3 and later, and not for model={model}. Give a name such as"
                " claude-3-7-sonnet or claude-opus-4-7."
            )
        if counts_of not in (ONE_USER_MESSAGE, TEXT):
            raise UsageError(
                f"counter.counts_of={counts_of} is unknown. Valid values: {ONE_USER_MESSAGE}, {TEXT}."
            )
        named = ".".join(filter(None, found.groups()))
        # The message's frame of 4.7 alone merges with the begin of a text: 4.8 gives that text's own tokens.
        self.version = "4.8" if counts_of == TEXT and named == "4.7" else named
        self.counts_of = counts_of

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""
        return [self._count(text) for text in texts]

    def _count(self, text: str) -> int:
        tokens = ctok.tokenize(text, self.version)
        return len(tokens) - (tokens.count(FRAME) if self.counts_of == TEXT else 0)
