"""Claude Code's session logs: one line per block of an answer, one for each thing that was appended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from token_approx.labelling.transcripts.steps import (
    COMPACTION,
    REDACTION,
    SERVER_TOOLS,
    UNKNOWN_CONTENT,
    Appended,
    Call,
    Steps,
    plain_model,
    shown_texts,
    whole,
)

PROMPT = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
# Lines for the program itself: nothing of them is sent.
NOT_SENT = frozenset(
    {
        *("file-history-snapshot", "summary", "progress", "queue-operation", "last-prompt", "tag"),
        *("permission-mode", "mode", "pr-link", "ai-title", "custom-title"),
        *("agent-name", "agent-color", "agent-setting"),
    }
)
NOT_SENT_SYSTEM = frozenset({"turn_duration", "api_error"})
FINISHED = frozenset({"tool_use", "end_turn", "stop_sequence"})
# The model of what the program itself says in the place of an answer.
SYNTHETIC = "<synthetic>"
ATTACHMENT = "attachment or reminder"
SYSTEM = "system message"
BRANCH = "another branch"
FAILED = "failed call"
CUT_OFF = "answer cut off"
EDITED = "context editing"
UNKNOWN_LINE = "unknown line"

Fields = Mapping[str, Any]


@dataclass
class _Answer(Call):
    # `shown` has the user's texts, by the id of their line, that came after the answer began.
    name: str = ""
    after: Appended = field(default_factory=Appended)
    shown: list[str] = field(default_factory=list)


@dataclass
class _Conversation:
    # The main one, or that of one agent that it started.
    steps: Steps
    session: str = ""
    before: _Answer | None = None
    last: _Answer | None = None
    thought: bool = False

    def open(self, answer: _Answer) -> None:
        """Begin an answer, which ends the one before it."""
        self.close()
        self.before, self.last = self.last, answer

    def close(self) -> None:
        """Add the step that leads to the last answer."""
        before, last = self.before, self.last
        if before is None or last is None:
            return
        self.thought = self.thought or before.thought
        self.steps.add(self.session, before, before.after, last, thought=self.thought)
        if before.after.texts:
            self.thought = False
        self.before = None

    def hide(self, reason: str) -> None:
        """Note that something was appended that the log does not show."""
        if self.last is not None:
            self.last.after.hide(reason)


@dataclass
class _Lines:
    # Each line's parent, and the answer that a line is part of.
    parents: dict[str, str | None] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)

    def read(self, row: Fields) -> None:
        if isinstance(row.get("uuid"), str):
            self.parents[row["uuid"]] = row.get("parentUuid")

    def follows(self, row: Fields, before: _Answer) -> bool:
        """Say whether a line continues an answer, with every message of the user's that is between them."""
        if "parentUuid" not in row:
            return True
        between: set[str] = set()
        parent = row["parentUuid"]
        while isinstance(parent, str) and parent not in self.answers and parent not in between:
            between.add(parent)
            parent = self.parents.get(parent)
        return self.answers.get(str(parent)) == before.name and between.issuperset(before.shown)


def read_claude_code(rows: Iterable[Fields | None], session: str, steps: Steps) -> None:
    """Add the steps of a log; None stands for a line that cannot be read, `session` for a missing id."""
    conversations: dict[tuple[bool, str], _Conversation] = {}
    lines = _Lines()
    for row in rows:
        if row is None:
            for each in conversations.values():
                each.hide(UNKNOWN_LINE)
            continue
        key = (row.get("isSidechain") is True, str(row.get("agentId", "")))
        conversation = conversations.setdefault(key, _Conversation(steps))
        conversation.session = str(row.get("sessionId") or session)
        lines.read(row)
        _line(row, conversation, lines)
    for each in conversations.values():
        each.close()


def _line(row: Fields, conversation: _Conversation, lines: _Lines) -> None:
    kind, message = str(row.get("type")), row.get("message")
    if kind == "assistant" and isinstance(message, dict):
        _assistant(row, message, conversation, lines)
    elif kind == "user" and isinstance(message, dict):
        _user(row, message, conversation)
    elif kind == "attachment":
        conversation.hide(ATTACHMENT)
    elif kind == "system":
        subtype = str(row.get("subtype"))
        if subtype not in NOT_SENT_SYSTEM:
            conversation.hide(COMPACTION if "compact" in subtype else SYSTEM)
    elif kind not in NOT_SENT:
        conversation.hide(UNKNOWN_LINE)


def _assistant(row: Fields, message: Fields, conversation: _Conversation, lines: _Lines) -> None:
    name, model = str(message.get("id", "")), message.get("model")
    if row.get("isApiErrorMessage") is True or model == SYNTHETIC:
        conversation.hide(FAILED)
        return
    last = conversation.last
    if last is None or last.name != name:
        if last is not None and not lines.follows(row, last):
            last.after.hide(BRANCH)
        last = _Answer(plain_model(model), name=name)
        conversation.open(last)
    last.moment = row.get("timestamp")
    if isinstance(row.get("uuid"), str):
        lines.answers[row["uuid"]] = name
    _usage(message, last)
    _blocks(message.get("content"), last)


def _blocks(content: object, last: _Answer) -> None:
    for block in content if isinstance(content, list) else []:
        match block.get("type") if isinstance(block, dict) else None:
            case "tool_use":
                last.asked.append(str(block.get("id", "")))
            case "thinking":
                last.thought = True
            case "redacted_thinking":
                last.hidden = REDACTION
            case "server_tool_use" | "web_search_tool_result":
                last.hidden = SERVER_TOOLS
            case "text":
                pass
            case _:
                last.hidden = UNKNOWN_CONTENT


def _usage(message: Fields, answer: _Answer) -> None:
    usage, reason = message.get("usage"), message.get("stop_reason")
    if not isinstance(usage, dict) or not isinstance(reason, str):
        return
    answer.prompt = sum(whole(usage.get(name)) for name in PROMPT)
    answer.output = whole(usage.get("output_tokens"))
    server = usage.get("server_tool_use")
    iterations = usage.get("iterations")
    context = message.get("context_management")
    several = isinstance(iterations, list) and len(iterations) > 1
    if several or (isinstance(server, dict) and any(map(whole, server.values()))):
        answer.hidden = SERVER_TOOLS
    elif isinstance(context, dict) and context.get("applied_edits"):
        answer.hidden = EDITED
    elif reason not in FINISHED:
        answer.hidden = CUT_OFF


def _user(row: Fields, message: Fields, conversation: _Conversation) -> None:
    last = conversation.last
    if last is None or row.get("isVisibleInTranscriptOnly") is True:
        return
    if row.get("isCompactSummary") is True:
        last.after.hide(COMPACTION)
        return
    if row.get("isMeta") is True:
        last.after.hide(ATTACHMENT)
        return
    content = message.get("content")
    blocks = content if isinstance(content, list) else [{"type": "text", "text": content}]
    for block in blocks:
        if isinstance(block, dict) and block.get("type") == "tool_result":
            texts, wrong = shown_texts(block.get("content", ""), {"text"})
            last.after.results.append((str(block.get("tool_use_id", "")), texts))
        else:
            texts, wrong = shown_texts([block], {"text"})
            last.after.texts += texts
            last.shown += [row["uuid"]] if isinstance(row.get("uuid"), str) else []
        if wrong:
            last.after.hide(wrong)
