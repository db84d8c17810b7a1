"""A step: two calls of one session, and what came into the prompt between them.

The second prompt is the first, the answer's tokens and what was appended. Thinking is part of the answer's
tokens and, until the user's next message, of the second prompt too, so it cancels.
"""

import hashlib
import json
import re
from collections import Counter as Tally
from collections.abc import Collection
from dataclasses import dataclass, field

from token_approx.labelling.counters.protocol import STEP
from token_approx.labelling.records import Record
from token_approx.labelling.usage import week_of
from token_approx.preparing.samples import ID_DIGITS
from token_approx.text.features import features_of

TOOL_RESULTS, USER = "tool_results", "user"
COUNTER = "transcripts"
# A token stands for a byte or more. What frames a result or a message is far below this many tokens.
MOST_FRAMING = 100
# What people and programs put in the place of what they took out of a log.
REDACTED = re.compile(r"[\[<(*]\s*redacted|\*\*\*+redacted", re.IGNORECASE)
MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")

NOT_FINAL = "usage not final"
MODEL_SWITCH = "model switch"
UNKNOWN_MODEL = "unknown model"
OTHER_MODEL = "another model"
IMAGES = "images"
COMPACTION = "compaction"
REDACTION = "redaction"
SERVER_TOOLS = "tools that the provider ran"
UNKNOWN_CONTENT = "unknown content"
NOTHING = "nothing appended"
MISMATCH = "tool results not those asked for"
DROPPED_THINKING = "user's message after thinking"
NO_GROWTH = "prompt did not grow"
MORE_THAN_SHOWN = "more tokens than the log shows"
REPEATED = "repeated step"


@dataclass
class Call:
    """A call of a model: the tokens of its whole prompt and of its answer, None where they are not final.

    `asked` has the ids of the tool calls in the answer, `thought` says whether there is thinking in it,
    `hidden` why the step before it and the step after it cannot be used, "" if they can, and `moment` when
    the answer came, as the log has it.
    """

    model: str
    prompt: int | None = None
    output: int | None = None
    asked: list[str] = field(default_factory=list)
    thought: bool = False
    hidden: str = ""
    moment: object = None


@dataclass
class Appended:
    """What was appended between two calls: texts of tool results by the call's id, texts of the user.

    `hidden` says why not all of it is known, "" if it is.
    """

    results: list[tuple[str, list[str]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    hidden: str = ""

    def hide(self, reason: str) -> None:
        """Keep the first reason why something is not known."""
        self.hidden = self.hidden or reason


@dataclass
class Steps:
    """Collects the steps of one session after the other as records without any text.

    `weeks` has the ISO week of each record, by its id, "" where the log does not tell; `texts` are those of
    each record by its id, for as long as a table is adapted to them.
    """

    left_out: Tally[str]
    records: dict[str, Record] = field(default_factory=dict)
    weeks: dict[str, str] = field(default_factory=dict)
    texts: dict[str, tuple[str, ...]] | None = None

    def add(self, session: str, before: Call, appended: Appended, after: Call, *, thought: bool) -> None:
        """Add a step, or count why it is left out.

        `thought` says whether an answer since the user's last message had thinking.
        """
        reason = _wrong(before, appended, after, thought=thought)
        if reason:
            self.left_out[reason] += 1
            return
        record = _record(session, before, appended, after)
        if record.id in self.records:
            self.left_out[REPEATED] += 1
        elif record.input_tokens > record.features["bytes"] + MOST_FRAMING * _blocks(appended):
            self.left_out[MORE_THAN_SHOWN] += 1
        else:
            self.records[record.id] = record
            self.weeks[record.id] = week_of(after.moment)
            if self.texts is not None:
                self.texts[record.id] = _texts(appended)


def hashed(*parts: object) -> str:
    """Return 128 bits of a SHA-256 over some values, in hexadecimal."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:ID_DIGITS]


def plain_model(name: object) -> str:
    """Return a model's name without its provider, "" where it is no name of a model.

    >>> plain_model("anthropic/claude-opus-4-8"), plain_model("<synthetic>"), plain_model(None)
    ('claude-opus-4-8', '', '')
    """
    last = str(name).rpartition("/")[2] if isinstance(name, str) else ""
    return last if MODEL.fullmatch(last) else ""


def whole(value: object) -> int:
    """Return a log's whole number of tokens, 0 where there is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def shown_texts(content: object, kinds: Collection[str]) -> tuple[list[str], str]:
    """Return the texts of a message's content, and why it is more than texts, "" if it is not.

    `kinds` are the types of the blocks that hold a text.
    """
    if isinstance(content, str):
        return [content], ""
    texts: list[str] = []
    for block in content if isinstance(content, list) else [None]:
        kind = block.get("type") if isinstance(block, dict) else None
        text = block.get("text") if isinstance(block, dict) else None
        if str(kind) not in kinds or not isinstance(text, str):
            return [], IMAGES if isinstance(kind, str) and "image" in kind else UNKNOWN_CONTENT
        texts.append(text)
    return texts, ""


def _wrong(before: Call, appended: Appended, after: Call, *, thought: bool) -> str:
    texts = _texts(appended)
    reasons = (
        (before.hidden or appended.hidden or after.hidden, True),
        (UNKNOWN_MODEL, not before.model or not after.model),
        (MODEL_SWITCH, before.model != after.model),
        (NOT_FINAL, None in (before.prompt, before.output, after.prompt, after.output)),
        (MISMATCH, sorted(name for name, _ in appended.results) != sorted(before.asked)),
        (NOTHING, not texts),
        (REDACTION, any(REDACTED.search(text) for text in texts)),
        (DROPPED_THINKING, thought and bool(appended.texts)),
        (NO_GROWTH, _grown(before, after) <= 0),
    )
    return next((reason for reason, holds in reasons if holds and reason), "")


def _record(session: str, before: Call, appended: Appended, after: Call) -> Record:
    texts = _texts(appended)
    rows = features_of(texts)
    features = {name: sum(row[name] for row in rows) for name in rows[0]}
    features["tool_results"] = float(len(appended.results))
    features["user_messages"] = float(len(appended.texts))
    tokens = _grown(before, after)
    return Record(
        id=hashed(after.model, before.prompt, before.output, after.prompt, texts),
        model=after.model,
        input_tokens=tokens,
        features=features,
        source=hashed("session", session),
        category=USER if appended.texts else TOOL_RESULTS,
        counter=COUNTER,
        counts_of=STEP,
    )


def _texts(appended: Appended) -> tuple[str, ...]:
    return tuple([text for _, shown in appended.results for text in shown] + appended.texts)


def _grown(before: Call, after: Call) -> int:
    return (after.prompt or 0) - (before.prompt or 0) - (before.output or 0)


def _blocks(appended: Appended) -> int:
    return len(appended.results) + len(appended.texts)
