"""Codex's rollouts: items of the conversation, and an event with the tokens of each call.

A call's tool results may stand before or after the event with its tokens, so they are told by their ids.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from token_approx.labelling.transcripts.steps import (
    COMPACTION,
    SERVER_TOOLS,
    UNKNOWN_CONTENT,
    Appended,
    Call,
    Steps,
    plain_model,
    shown_texts,
    whole,
)

TEXTS = frozenset({"input_text", "text"})
CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call"})
RESULTS = frozenset({"function_call_output", "custom_tool_call_output"})
NOT_SENT_ITEMS = frozenset({"ghost_snapshot", "other"})
# Events that say that the conversation went another way; all others repeat what the items have.
EVENTS = {
    "context_compacted": COMPACTION,
    "turn_aborted": "failed call",
    "stream_error": "failed call",
    "error": "failed call",
    "thread_rolled_back": "another branch",
}
INSTRUCTIONS = "attachment or reminder"
ORDER = "unclear order"
MISSING_CALL = "missing call"
UNKNOWN_LINE = "unknown line"

Fields = Mapping[str, Any]


@dataclass
class _Session:
    steps: Steps
    name: str
    model: str = ""
    before: Call | None = None
    total: Fields = field(default_factory=dict)
    thought: bool = False
    begun: bool = False
    answer: Call = field(default_factory=lambda: Call(""))
    appended: Appended = field(default_factory=Appended)
    results: list[tuple[str, list[str]]] = field(default_factory=list)

    def hide(self, reason: str) -> None:
        """Note that not all is known: of this answer if it has begun, else of what was appended before it."""
        if self.begun:
            self.answer.hidden = self.answer.hidden or reason
        else:
            self.appended.hide(reason)

    def counted(self, last: Fields, total: Fields) -> None:
        """End a call with its tokens, and add the step that leads to it."""
        if not self.begun:
            self.appended.hide(ORDER)
        if self.total and whole(total.get("input_tokens")) != whole(self.total.get("input_tokens")) + whole(
            last.get("input_tokens")
        ):
            self.appended.hide(MISSING_CALL)
        answer, own = self.answer, set(self.answer.asked)
        answer.model = self.model
        answer.prompt, answer.output = whole(last.get("input_tokens")), whole(last.get("output_tokens"))
        answer.thought = answer.thought or whole(last.get("reasoning_output_tokens")) > 0
        self.appended.results = [result for result in self.results if result[0] not in own]
        if self.before is not None:
            self.thought = self.thought or self.before.thought
            self.steps.add(self.name, self.before, self.appended, answer, thought=self.thought)
        if self.appended.texts:
            self.thought = False
        self.results = [result for result in self.results if result[0] in own]
        self.before, self.answer, self.total = answer, Call(""), total
        self.appended, self.begun = Appended(), False


def read_codex(rows: Iterable[Fields | None], session: str, steps: Steps) -> None:
    """Add the steps of a rollout; None stands for a line that cannot be read, `session` for a missing id."""
    state = _Session(steps, session)
    for row in rows:
        payload = row.get("payload") if row is not None else None
        if row is None or not isinstance(payload, dict):
            state.hide(UNKNOWN_LINE)
            continue
        match row.get("type"):
            case "session_meta":
                state.name = str(payload.get("id") or session)
            case "turn_context":
                state.model = plain_model(payload.get("model"))
            case "response_item":
                _item(payload, state)
            case "event_msg":
                state.answer.moment = row.get("timestamp")
                _event(payload, state)
            case "compacted":
                state.hide(COMPACTION)
            case _:
                state.hide(UNKNOWN_LINE)


def _event(payload: Fields, state: _Session) -> None:
    kind = str(payload.get("type"))
    if kind in EVENTS:
        state.hide(EVENTS[kind])
    info = payload.get("info")
    if kind != "token_count" or not isinstance(info, dict):
        return
    last, total = info.get("last_token_usage"), info.get("total_token_usage")
    # The same totals again come with news of the account's limits alone.
    if isinstance(last, dict) and isinstance(total, dict) and total != state.total:
        state.counted(last, total)


def _item(payload: Fields, state: _Session) -> None:
    kind, role = str(payload.get("type")), payload.get("role")
    if kind in RESULTS:
        texts, wrong = shown_texts(payload.get("output"), TEXTS)
        state.results.append((str(payload.get("call_id", "")), texts))
        if wrong:
            state.hide(wrong)
    elif kind == "message" and role != "assistant":
        texts, wrong = shown_texts(payload.get("content"), TEXTS)
        state.appended.texts += texts
        if wrong or role != "user" or state.begun:
            state.hide(wrong or (ORDER if role == "user" else INSTRUCTIONS))
    elif kind in CALLS:
        state.begun = True
        state.answer.asked.append(str(payload.get("call_id", "")))
    elif kind in ("message", "reasoning"):
        state.begun = True
        state.answer.thought = state.answer.thought or kind == "reasoning"
    elif kind not in NOT_SENT_ITEMS:
        state.begun = True
        names = {"compact": COMPACTION, "search": SERVER_TOOLS}
        state.hide(next((why for name, why in names.items() if name in kind), UNKNOWN_CONTENT))
