"""Sessions of made-up agents, written as Claude Code and Codex write them, with a known tokenizer.

The provider that is played counts with o200k_base, 11 tokens for what frames each result or message, and a
system prompt that no log shows. Thinking is part of the answer's tokens and stays in the prompt.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpe_openai

FRAMING = 11
SYSTEM = 4_321
ENCODING = bpe_openai.get_encoding("o200k_base")


def tokens_of(text: str) -> int:
    """Return a text's tokens and its framing."""
    return len(ENCODING.encode(text)) + FRAMING


@dataclass
class ClaudeCode:
    """A Claude Code log in the making; `prompt` is what the next call is billed for."""

    session: str = "0c9d"
    model: str = "claude-opus-4-8"
    prompt: int = SYSTEM
    lines: list[dict[str, Any]] = field(default_factory=list)

    def line(self, **fields: Any) -> None:  # noqa: ANN401 - whatever a log holds
        """Write a line that follows the last one."""
        parent = next((line["uuid"] for line in reversed(self.lines) if "uuid" in line), None)
        here = {"uuid": f"u{len(self.lines)}", "parentUuid": parent, "sessionId": self.session}
        self.lines.append(here | {"isSidechain": False, "cwd": "/home/okapi/quagga"} | fields)

    def user(self, text: str, **fields: Any) -> None:  # noqa: ANN401
        """Write a message of the user's."""
        self.prompt += tokens_of(text)
        self.line(type="user", message={"role": "user", "content": text}, **fields)

    def answer(self, *results: str, thinking: int = 0, words: int = 40, **usage: Any) -> None:  # noqa: ANN401
        """Write an answer that asks for so many results, and the results; each block is a line.

        A result stands right after its call, as it does where tools start while the answer still comes.
        """
        name, output = f"msg_{self.session}_{len(self.lines)}", words + thinking
        cached = self.prompt // 3
        final = {
            "input_tokens": 5,
            "cache_creation_input_tokens": cached,
            "cache_read_input_tokens": self.prompt - cached - 5,
            "output_tokens": output,
        } | usage
        blocks: list[dict[str, Any]] = [{"type": "thinking", "thinking": "", "signature": "x"}] * bool(
            thinking
        )
        blocks.append({"type": "text", "text": "I look."})
        calls = [f"{name}_{number}" for number in range(len(results))]
        blocks += [{"type": "tool_use", "id": call, "name": "Bash", "input": {}} for call in calls]
        waiting = dict(zip(calls, results, strict=True))
        for number, block in enumerate(blocks):
            last = number == len(blocks) - 1
            message = {
                "id": name,
                "role": "assistant",
                "model": self.model,
                "content": [block],
                "stop_reason": ("tool_use" if results else "end_turn") if last else None,
                "usage": final if last else final | {"output_tokens": 1},
            }
            self.line(type="assistant", message=message)
            if block.get("id") in waiting:
                self.result(block["id"], waiting[block["id"]])
        self.prompt += output

    def result(self, call: str, text: str) -> None:
        """Write a tool's result."""
        self.prompt += tokens_of(text)
        content = [{"type": "tool_result", "tool_use_id": call, "content": text}]
        self.line(type="user", message={"role": "user", "content": content}, toolUseResult={"stdout": text})

    def write(self, path: Path) -> Path:
        """Write the log, as JSON Lines."""
        return write_lines(path, self.lines)


@dataclass
class Codex:
    """A Codex rollout in the making; `early` writes results before the event with the call's tokens."""

    session: str = "77aa"
    model: str = "gpt-5.5"
    prompt: int = SYSTEM
    early: bool = False
    lines: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0

    def __post_init__(self) -> None:
        """Begin with what a rollout begins with."""
        self.line("session_meta", id=self.session, cwd="/home/okapi/quagga", originator="codex")
        self.line("turn_context", model=self.model, cwd="/home/okapi/quagga")

    def line(self, kind: str, **payload: Any) -> None:  # noqa: ANN401
        """Write a line."""
        self.lines.append({"timestamp": "2026-01-01T00:00:00Z", "type": kind, "payload": payload})

    def user(self, text: str) -> None:
        """Write a message of the user's, and the event that repeats it."""
        self.prompt += tokens_of(text)
        content = [{"type": "input_text", "text": text}]
        self.line("response_item", type="message", role="user", content=content)
        self.line("event_msg", type="user_message", message=text)

    def answer(self, *results: str, thinking: int = 0, words: int = 40) -> None:
        """Write an answer that asks for so many results, and the results."""
        if thinking:
            self.line("response_item", type="reasoning", summary=[], encrypted_content="x")
        calls = [f"call_{len(self.lines)}_{number}" for number in range(len(results))]
        for call in calls:
            self.line("response_item", type="function_call", name="shell", arguments="{}", call_id=call)
        if not calls:
            content = [{"type": "output_text", "text": "Done."}]
            self.line("response_item", type="message", role="assistant", content=content)
        prompt, output = self.prompt, words + thinking
        self.total += prompt
        if not self.early:
            self._tokens(prompt, output, thinking)
        for call, text in zip(calls, results, strict=True):
            self.prompt += tokens_of(text)
            self.line("response_item", type="function_call_output", call_id=call, output=text)
        if self.early:
            self._tokens(prompt, output, thinking)
        self.prompt += output

    def _tokens(self, prompt: int, output: int, thinking: int) -> None:
        last = {
            "input_tokens": prompt,
            "cached_input_tokens": prompt // 2,
            "output_tokens": output,
            "reasoning_output_tokens": thinking,
        }
        info = {"last_token_usage": last, "total_token_usage": {"input_tokens": self.total}}
        self.line("event_msg", type="token_count", info=info, rate_limits={})
        # News of the limits alone come with the same totals, or with none.
        self.line("event_msg", type="token_count", info=info, rate_limits={"primary": 1})
        self.line("event_msg", type="token_count", info=None)

    def write(self, path: Path) -> Path:
        """Write the rollout, as JSON Lines."""
        return write_lines(path, self.lines)


def write_lines(path: Path, lines: list[dict[str, Any]]) -> Path:
    """Write JSON Lines; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
