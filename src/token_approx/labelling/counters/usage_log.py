"""A log of requests with the usage that the provider reported: labels that cost no call."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from token_approx.errors import InputError
from token_approx.labelling.counters.protocol import AS_LOGGED, Refused, known_model
from token_approx.preparing.documents import message_text, read_rows
from token_approx.preparing.samples import sample_id

# Anthropic reports what it wrote to and read from its cache apart from the other input tokens.
INPUT_TOKENS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
CONFLICT = -1


class UsageLogCounter:
    """Looks a text up in a log of {text or messages, input_tokens}, the tokens also inside of `usage`."""

    name = "usage_log"
    counts_of = AS_LOGGED
    batch_size = 1

    def __init__(self, model: str, path: str) -> None:
        """Read the log (JSON Lines or Parquet); rows that name another model are left out.

        Raises:
            InputError: the log cannot be read, or a row has no text or no whole number of tokens.
        """
        self.model = known_model(self.name, model)
        if not path:
            raise InputError(
                "counter=usage_log needs the log: give counter.path=<JSON Lines or Parquet file>"
            )
        self._tokens: dict[str, int] = {}
        for number, row in read_rows(Path(path)):
            if row.get("model") not in (None, "", model):
                continue
            text = row["text"] if isinstance(row.get("text"), str) else message_text(row)
            tokens = _tokens(row)
            if text is None or tokens is None:
                field = "text (or messages)" if text is None else "input_tokens"
                raise InputError(f"{path}:{number}: has no {field}: log both with every request")
            name = sample_id(text)
            same = self._tokens.setdefault(name, tokens) == tokens
            self._tokens[name] = tokens if same else CONFLICT

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return what was logged for each text.

        Raises:
            Refused: a text is not in the log (which may grow), or was logged with different counts.
        """
        found = [self._tokens.get(sample_id(text)) for text in texts]
        if CONFLICT in found:
            raise Refused("logged with different counts")
        known = [tokens for tokens in found if tokens is not None]
        if len(known) < len(found):
            raise Refused("not in the log", final=False)
        return known


def _tokens(row: Mapping[str, Any]) -> int | None:
    usage = row.get("usage")
    fields = usage if isinstance(usage, dict) else row
    parts = [_whole(fields.get(name)) for name in INPUT_TOKENS]
    return None if parts[0] is None else sum(part for part in parts if part is not None)


def _whole(value: object) -> int | None:
    # A Parquet column of whole numbers with gaps may hold them as fractions.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
