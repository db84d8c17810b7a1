"""How fast a whole request is estimated, beside exact counts of its texts in the same run."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from token_approx.estimator.estimator import Estimator
from token_approx.reporting.peers import Count

MODEL = "claude-opus-5"
MESSAGES, TOOLS, PROPERTIES = 100, 20, 5
REQUEST = f"request of {MESSAGES} messages and {TOOLS} tools"
# Characters of a message, of a description of a tool, and of one of a property.
MESSAGE, DESCRIPTION, OF_PROPERTY = 600, 200, 60
# Requests that are timed together: the clock of a processor is coarse.
REPEATS = 20


def request_body(text: str) -> dict[str, Any]:
    """Return the body of an agent's request, with messages, tools and their results from a text."""
    start = 0

    def taken(size: int) -> str:
        nonlocal start
        start = (start + 7919) % max(1, len(text) - size)
        return text[start : start + size]

    messages: list[dict[str, Any]] = []
    for number in range(MESSAGES // 4):
        call, name = f"call_{number}", f"tool_{number % TOOLS}"
        use = {"type": "tool_use", "id": call, "name": name, "input": {"text": taken(OF_PROPERTY)}}
        result = {"type": "tool_result", "tool_use_id": call, "content": taken(MESSAGE)}
        messages += [
            {"role": "user", "content": taken(MESSAGE)},
            {"role": "assistant", "content": [{"type": "text", "text": taken(MESSAGE)}, use]},
            {"role": "user", "content": [result]},
            {"role": "assistant", "content": [{"type": "text", "text": taken(MESSAGE)}]},
        ]
    tools = [_tool(f"tool_{number}", taken) for number in range(TOOLS)]
    return {"model": MODEL, "system": taken(5 * MESSAGE), "tools": tools, "messages": messages}


def request_texts(body: Mapping[str, Any]) -> list[str]:
    """Return the texts of such a body that a tokenizer would be given, a tool as its JSON."""
    found = [body["system"], *(json.dumps(tool, ensure_ascii=False) for tool in body["tools"])]
    for message in body["messages"]:
        content = message["content"]
        for block in [content] if isinstance(content, str) else content:
            if isinstance(block, str):
                found.append(block)
            else:
                given = block.get("text", block.get("content"))
                found.append(given or json.dumps(block["input"], ensure_ascii=False))
    return found


def request_speed(text: str, peers: Mapping[str, Count], rounds: int) -> dict[str, object]:
    """Return a row on the estimate of a whole request, with its bound: milliseconds, and ratios to peers.

    A peer counts the request's texts and nothing else. All take turns in every round; the median counts.
    """
    body = request_body(text)
    texts, estimator = request_texts(body), Estimator.for_model(MODEL)
    jobs: dict[str, Callable[[], object]] = {"": lambda: estimator.request(body).upper_bound()}
    for name, count in peers.items():
        jobs[name] = lambda count=count: [count(each) for each in texts]  # type: ignore[misc]
    took: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()  # what is made once is not timed
    for _ in range(rounds):
        for name, job in jobs.items():
            started = time.process_time()
            for _ in range(REPEATS):
                job()
            took[name].append((time.process_time() - started) / REPEATS)
    medians = {name: float(np.median(values)) for name, values in took.items()}
    ratios = {f"times_{name.replace('-', '_')}": medians[name] / medians[""] for name in peers}
    return {"measure": REQUEST, "value": 1e3 * medians[""], "unit": "ms", **ratios}


def _tool(name: str, taken: Callable[[int], str]) -> dict[str, Any]:
    properties = {
        f"property_{number}": {"type": "string", "description": taken(OF_PROPERTY)}
        for number in range(PROPERTIES)
    }
    schema = {"type": "object", "properties": properties, "required": list(properties)[:2]}
    return {"name": name, "description": taken(DESCRIPTION), "input_schema": schema}
