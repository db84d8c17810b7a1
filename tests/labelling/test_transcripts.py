"""Logs of coding agents' sessions: steps add up to the token, and what a log does not show is left out."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.labelling.session_logs import FRAMING, ClaudeCode, Codex, tokens_of
from token_approx.errors import InputError, UsageError
from token_approx.labelling.records import Record, parse_records
from token_approx.labelling.transcripts.reader import Transcripts
from token_approx.text.features import features_of

Log = TypeVar("Log", ClaudeCode, Codex)
LISTING = "".join(f"-rw-r--r-- 1 root root {size * 37} Jan  3 12:00 part_{size}.py\n" for size in range(12))
ERROR = 'Traceback (most recent call last):\n  File "a.py", line 3, in <module>\nValueError: no such été ✓\n'
SEVERAL = [LISTING, ERROR, "ok", LISTING + ERROR, "def f(x):\n    return x + 1\n" * 9]


def read(path: Path, model: str = "") -> tuple[list[Record], Counter[str]]:
    """Return the records of a file or folder, and what was left out."""
    left_out: Counter[str] = Counter()
    found = Transcripts(str(path), model).read(left_out, lambda *_: None)
    return parse_records(found.content, path), left_out


def talk(log: ClaudeCode | Codex) -> list[tuple[int, str, list[str]]]:
    """Write a session of tool calls alone, at once and between messages; return the truth of its steps."""
    log.user("Please look at the project.")
    log.answer(SEVERAL[0], thinking=200)
    log.answer(SEVERAL[1], SEVERAL[2], SEVERAL[4], thinking=90)
    log.answer(SEVERAL[3])
    log.answer(words=70)
    log.user("Thanks. Now mend it, please.")  # thinking before it may be dropped from the prompt
    log.answer(SEVERAL[2])
    log.answer()
    log.user("And this one: " + ERROR)
    log.answer()
    steps = [("tool_results", SEVERAL[:1]), ("tool_results", [SEVERAL[1], SEVERAL[2], SEVERAL[4]])]
    steps += [
        ("tool_results", SEVERAL[3:4]),
        ("tool_results", SEVERAL[2:3]),
        ("user", ["And this one: " + ERROR]),
    ]
    return [(sum(map(tokens_of, texts)), kind, texts) for kind, texts in steps]


@pytest.mark.parametrize("make", [ClaudeCode, Codex, lambda: Codex(early=True)])
def test_steps_add_up(make: Callable[[], ClaudeCode | Codex], tmp_path: Path) -> None:
    """Each step has the tokens of its texts under o200k_base and 11 per text, whatever the answers held."""
    log = make()
    truth = talk(log)
    records, left_out = read(log.write(tmp_path / "a.jsonl"))
    assert [(record.input_tokens, record.category) for record in records] == [step[:2] for step in truth]
    assert left_out == {"user's message after thinking": 1}
    for record, (tokens, kind, texts) in zip(records, truth, strict=True):
        rows = features_of(texts)
        expected = {name: sum(row[name] for row in rows) for name in rows[0]}
        blocks = record.features["tool_results"] + record.features["user_messages"]
        assert blocks == len(texts)
        assert record.features["tool_results"] == (len(texts) if kind == "tool_results" else 0)
        assert expected.items() <= record.features.items()
        # The shipped table of the tokenizer and the framing: what one may fit from such records.
        estimate = record.features["ngram_o200k_base"] + FRAMING * blocks
        assert abs(estimate - tokens) < 0.15 * tokens + 3
    assert {record.counts_of for record in records} == {"step"}
    assert {record.model for record in records} == {log.model}
    assert len({record.source for record in records}) == 1
    assert log.session not in records[0].source


def around(log: Log, change: Callable[[Log], object], folder: Path) -> tuple[list[Record], Counter[str]]:
    """Read a session with something between the second and the third of its four steps."""
    log.user("Go on.")
    log.answer(LISTING)
    log.answer(ERROR)
    change(log)
    log.answer(LISTING + "1")
    log.answer(LISTING + "2")
    log.answer()
    return read(log.write(folder / "a.jsonl"))


ClaudeChange = Callable[[ClaudeCode], object]
HIDDEN: dict[str, tuple[str, ClaudeChange]] = {
    "attachment": (
        "attachment or reminder",
        lambda log: log.line(type="attachment", attachment={"type": "file"}),
    ),
    "reminder": ("attachment or reminder", lambda log: log.user("Mind this.", isMeta=True)),
    "compaction": ("compaction", lambda log: log.line(type="system", subtype="compact_boundary")),
    "summary": ("compaction", lambda log: log.user("We did this.", isCompactSummary=True)),
    "system": ("system message", lambda log: log.line(type="system", subtype="local_command")),
    "failed": (
        "failed call",
        lambda log: log.line(type="assistant", message={"id": "e", "model": "<synthetic>", "content": []}),
    ),
    "image": (
        "images",
        lambda log: log.line(type="user", message={"content": [{"type": "image", "source": {}}]}),
    ),
    "new": ("unknown line", lambda log: log.line(type="telepathy")),
    "redacted": ("redaction", lambda log: log.user("The key is [REDACTED].")),
    "rewound": (
        "another branch",
        lambda log: log.line(type="user", message={"content": "No."}, parentUuid="u0"),
    ),
    "switch": ("model switch", lambda log: setattr(log, "model", "claude-opus-5")),
    "nameless": ("unknown model", lambda log: setattr(log, "model", "okapi@example.org")),
    "hidden growth": (
        "more tokens than the log shows",
        lambda log: setattr(log, "prompt", log.prompt + 3000),
    ),
    "shrunk": ("prompt did not grow", lambda log: setattr(log, "prompt", log.prompt - 2000)),
    "lost result": ("tool results not those asked for", lambda log: log.result("nobody", "x")),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_the_log_does_not_show_is_left_out(name: str, tmp_path: Path) -> None:
    """The step that it is in is counted by its reason; the steps before and after are kept as they are."""
    reason, change = HIDDEN[name]
    records, left_out = around(ClaudeCode(), change, tmp_path)
    kept = [tokens_of(text) for text in (LISTING, LISTING + "1", LISTING + "2")]
    if name == "nameless":  # no step after it has a name
        kept, left_out[reason] = kept[:1], left_out[reason] - 2
    assert [record.input_tokens for record in records] == kept
    assert left_out == {reason: 1}


@pytest.mark.parametrize(
    ("reason", "usage"),
    [
        ("tools that the provider ran", {"server_tool_use": {"web_search_requests": 1}}),
        ("tools that the provider ran", {"iterations": [{}, {}]}),
        ("usage not final", None),
    ],
)
def test_an_answer_that_cannot_be_used(reason: str, usage: dict[str, Any] | None, tmp_path: Path) -> None:
    """It takes the steps on both of its sides."""
    log = ClaudeCode()
    log.user("Go on.")
    log.answer(LISTING)
    log.answer(ERROR, **(usage or {}))
    if usage is None:
        for line in log.lines[-3:]:
            line["message"]["stop_reason"] = None
    log.answer(LISTING + "1")
    log.answer()
    records, left_out = read(log.write(tmp_path / "a.jsonl"))
    assert [record.input_tokens for record in records] == [tokens_of(LISTING + "1")]
    assert left_out == {reason: 2}


CODEX_HIDDEN: dict[str, tuple[str, Callable[[Codex], object]]] = {
    "compaction": ("compaction", lambda log: log.line("compacted", message="We did this.")),
    "aborted": ("failed call", lambda log: log.line("event_msg", type="turn_aborted")),
    "rolled back": ("another branch", lambda log: log.line("event_msg", type="thread_rolled_back")),
    "instructions": (
        "attachment or reminder",
        lambda log: log.line("response_item", type="message", role="developer", content="Be kind."),
    ),
    "switch": ("model switch", lambda log: log.line("turn_context", model="gpt-5.4")),
    "missing": ("missing call", lambda log: setattr(log, "total", log.total + 9)),
    "new": ("unknown line", lambda log: log.line("telepathy")),
    "image": (
        "images",
        lambda log: log.line("response_item", type="message", role="user", content=[{"type": "input_image"}]),
    ),
}


@pytest.mark.parametrize("name", CODEX_HIDDEN)
def test_what_a_rollout_does_not_show_is_left_out(name: str, tmp_path: Path) -> None:
    """As of Claude Code's logs."""
    reason, change = CODEX_HIDDEN[name]
    records, left_out = around(Codex(), change, tmp_path)
    assert [record.input_tokens for record in records] == [
        tokens_of(text) for text in (LISTING, LISTING + "1", LISTING + "2")
    ]
    assert left_out == {reason: 1}


def test_a_folder_of_both(tmp_path: Path) -> None:
    """Copies of a session count once, other files do not disturb, agents within a log are sessions apart."""
    claude, codex = ClaudeCode(), Codex()
    claude.user("Go on.")
    claude.answer(LISTING)
    mine = len(claude.lines)
    agent = ClaudeCode(session=claude.session)
    agent.user("You are the agent.", isSidechain=True, agentId="a1")
    agent.answer(ERROR)
    agent.answer()
    for line in agent.lines:
        line |= {"isSidechain": True, "agentId": "a1", "uuid": f"agent {line['uuid']}"}
        line["parentUuid"] = line["parentUuid"] and f"agent {line['parentUuid']}"
    claude.answer()
    both = [*claude.lines[:mine], *agent.lines, *claude.lines[mine:]]
    claude.lines = both
    claude.write(tmp_path / "-home-okapi/a.jsonl")
    claude.write(tmp_path / "-home-okapi/resumed.jsonl")
    codex.user("Go on.")
    codex.answer(ERROR)
    codex.answer()
    codex.write(tmp_path / "2026/01/rollout.jsonl")
    (tmp_path / "other.jsonl").write_text('{"text": "no log"}\nnot JSON\n')
    (tmp_path / "packed.jsonl").write_bytes(b"\x1f\x8bno gzip")
    records, left_out = read(tmp_path)
    truth = {("gpt-5.5", tokens_of(ERROR)), ("claude-opus-4-8", tokens_of(LISTING))}
    assert {(record.model, record.input_tokens) for record in records} == truth | {
        ("claude-opus-4-8", tokens_of(ERROR))
    }
    assert left_out == {"repeated step": 2, "file in no known format": 1, "unreadable file": 1}
    records, left_out = read(tmp_path, model="openai/gpt-5.5-2026-01-01")
    assert [record.model for record in records] == ["gpt-5.5"]
    assert left_out["another model"] == 2


def test_bad_input_is_a_sentence(tmp_path: Path) -> None:
    """It says what is missing; where steps were found that cannot be used, it says why."""
    with pytest.raises(UsageError, match=r"needs logs\. Give path="):
        Transcripts("")
    with pytest.raises(InputError, match="leads to no session log"):
        read(tmp_path)
    log = ClaudeCode()
    log.user("Go on.")
    log.answer(LISTING)
    log.line(type="attachment")
    log.answer()
    with pytest.raises(InputError, match=r"no step can be used \(1 attachment or reminder\)\. Give path="):
        read(log.write(tmp_path / "a.jsonl"))
