"""A log of requests with the usage that the provider reported: labels that cost no call."""

import json
from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from token_approx.errors import InputError, UsageError
from token_approx.estimator.catalogue import is_same_model
from token_approx.labelling.counters.protocol import AS_LOGGED, Refused, known_model
from token_approx.preparing.rows import message_text, read_rows, refuse_row
from token_approx.preparing.samples import sample_id

# Anthropic reports what it wrote to and read from its cache apart from the other input tokens. The others'
# input tokens include what came from a cache.
INPUT_TOKENS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
WHOLE_INPUT = ("prompt_tokens", "promptTokenCount", "prompt_token_count")
USAGE = ("usage", "usageMetadata", "usage_metadata")
CONFLICT = -1
# Beyond these a count is no longer exact in double precision, and no request is that long.
MOST_TOKENS = 2**53
NO_TEXT = "no text"
NO_TOKENS = "no input tokens"
OTHER_MODEL = "another model"
# Fields that a request has beside its messages, and that the provider counts with them.
APART = {
    "system": "a system text",
    "instructions": "a system text",
    "systemInstruction": "a system text",
    "system_instruction": "a system text",
    "tools": "tools",
    "functions": "tools",
}
CALLS = ("tool_calls", "function_call")
TEXT_BLOCKS = ("text", "input_text", "output_text")
MORE = "counted with more than its text:"


class UsageLogCounter:
    """Looks a text up in a log of {text or messages, input_tokens}, the tokens also inside of `usage`.

    `left_out` tells how many of the log's rows cannot be used, by the reason.
    """

    name = "usage_log"
    counts_of = AS_LOGGED
    batch_size = 1

    def __init__(self, model: str, path: str, strict: bool = False) -> None:  # noqa: FBT001, FBT002 - Hydra's
        """Read the log (JSON Lines or Parquet); rows that name another model are left out.

        A name with a date or a cloud's prefix (`gpt-4o-2024-08-06`) is that of the model without it. With
        `strict` a row that cannot be used is an error; otherwise it is left out, too.

        Raises:
            InputError: the log cannot be read, or no row can be used, or with `strict` one cannot.
        """
        self.model = known_model(self.name, model)
        if not path:
            raise UsageError(
                "counter=usage_log needs the log. Give counter.path=<JSON Lines or Parquet file>."
            )
        self.left_out: Tally[str] = Tally()
        self._tokens: dict[str, int] = {}
        self._more: dict[str, str] = {}
        for number, row, wrong in read_rows(Path(path)):
            text, tokens, problem = _used(row, model) if not wrong else ("", 0, wrong)
            if problem and problem != OTHER_MODEL and strict:
                raise refuse_row(Path(path), number, problem)
            if problem:
                self.left_out[problem] += 1
                if text:
                    self._more[sample_id(text)] = problem
                continue
            name = sample_id(text)
            same = self._tokens.setdefault(name, tokens) == tokens
            self._tokens[name] = tokens if same else CONFLICT
        if not self._tokens:
            reasons = (
                ", ".join(f"{count} {problem}" for problem, count in self.left_out.items()) or "it is empty"
            )
            raise InputError(
                f"{path}: none of its rows can be used ({reasons}). Log the text or the messages and the"
                f" input tokens of every request of {model}."
            )

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return what was logged for each text.

        Raises:
            Refused: a text is not in the log (which may grow), was logged with different counts, or as a part
                of a request.
        """
        found = [self._tokens.get(sample_id(text)) for text in texts]
        if CONFLICT in found:
            raise Refused("logged with different counts")
        known = [tokens for tokens in found if tokens is not None]
        for text, tokens in zip(texts, found, strict=True):
            if tokens is None and sample_id(text) in self._more:
                raise Refused(self._more[sample_id(text)])
        if len(known) < len(found):
            raise Refused("not in the log", final=False)
        return known


def _used(row: Mapping[str, Any], model: str) -> tuple[str, int, str]:
    # The text, its tokens, and why the row cannot be used, "" if it can.
    named = row.get("model")
    if isinstance(named, str) and named and named != model and not is_same_model(named, model):
        return "", 0, OTHER_MODEL
    text = row["text"] if isinstance(row.get("text"), str) else message_text(row)
    if text is None:
        return "", 0, NO_TEXT
    more = _more_than_text(row)
    if more:
        return text, 0, f"{MORE} {more}"
    tokens = _tokens(row)
    return (text, tokens, "") if tokens is not None else ("", 0, NO_TOKENS)


def _more_than_text(row: Mapping[str, Any]) -> str:
    # What the provider counted besides the text of the messages, "" where the row shows nothing.
    request = _object(row.get("request")) or {}
    for fields in (row, request):
        for name, what in APART.items():
            if fields.get(name):
                return what
    messages = row.get("messages")
    for message in messages if isinstance(messages, list) else []:
        if not isinstance(message, dict):
            continue
        if any(message.get(name) for name in CALLS):
            return "tool calls"
        content = message.get("content")
        for block in content if isinstance(content, list) else []:
            if isinstance(block, dict) and block.get("type", "text") not in TEXT_BLOCKS:
                return f"a block of type {str(block['type'])[:20]}"
    return ""


def _tokens(row: Mapping[str, Any]) -> int | None:
    fields = next((usage for name in USAGE if (usage := _object(row.get(name)))), row)
    whole = (_whole(fields.get(name)) for name in WHOLE_INPUT)
    parts = [_whole(fields.get(name)) for name in INPUT_TOKENS]
    if parts[0] is None:
        return next((tokens for tokens in whole if tokens is not None), None)
    return sum(part for part in parts if part is not None)


def _object(value: object) -> Mapping[str, Any] | None:
    # Some exporters write nested objects as strings of JSON.
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def _whole(value: object) -> int | None:
    # A Parquet column of whole numbers with gaps may hold them as fractions.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return (
        value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS
        else None
    )
