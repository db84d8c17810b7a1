"""OpenAI's responses format: a list of items, where chat completions have messages."""

from collections.abc import Mapping

from .collecting import Collector, compact_json, holds_text
from .json_value import Json
from .known_fields import RESPONSES_NO_TOKENS, RESPONSES_OF_NO_ITEM, RESPONSES_READ
from .openai_chat import SYSTEM_ROLES
from .openai_parts import (
    collect_choice,
    collect_content,
    collect_function,
    collect_output,
    collect_response_format,
)
from .signatures import collect_signatures
from .tools import collect_call

# Fields that are read or add no tokens.
_OF_BODY = RESPONSES_NO_TOKENS | RESPONSES_READ


def read_openai_responses(body: Mapping[str, Json], into: Collector) -> None:
    """Fill a collector from the body of a request for a response."""
    instructions = body.get("instructions")
    if instructions:
        into.add("systems")
        into.texts_of("system", instructions, "instructions")
    items = body.get("input", body.get("messages"))
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    items = items if isinstance(items, list) else [] if items is None else [items]
    start = -1 if _keeps_all_reasoning(body) else _last_user_message(items)
    for number, item in enumerate(items):
        # Reasoning of turns before the user's last message is taken out by the provider.
        if number >= start or not (isinstance(item, dict) and item.get("type") == "reasoning"):
            _item(item, f"input[{number}]", into)
    tools = body.get("tools")
    for number, tool in enumerate(tools if isinstance(tools, list) else [] if tools is None else [tools]):
        _tool(tool, f"tools[{number}]", into)
    collect_choice(body.get("tool_choice"), into)
    _text(body.get("text"), into)
    if "response_format" in body:
        collect_response_format(body["response_format"], into)
    for name, reason in (
        ("previous_response_id", "what the provider has stored is not in the request"),
        ("conversation", "what the provider has stored is not in the request"),
        ("prompt", "the stored prompt's text is not in the request"),
        ("context_management", "the provider may shorten what was said before"),
    ):
        if body.get(name):
            into.skip(name, reason)
    reasoning = body.get("reasoning")
    if isinstance(reasoning, dict) and reasoning.get("mode") not in (None, "standard", "default"):
        into.skip("reasoning.mode", "what this mode adds to the prompt is not known")
    collect_signatures(into)
    into.leftovers("user", body, _OF_BODY, "request")


def _keeps_all_reasoning(body: Mapping[str, Json]) -> bool:
    reasoning = body.get("reasoning")
    return isinstance(reasoning, dict) and reasoning.get("context") == "all_turns"


def _last_user_message(items: list[Json]) -> int:
    for place in range(len(items) - 1, -1, -1):
        item = items[place]
        if isinstance(item, dict) and item.get("role") == "user":
            return place
    return -1


def _item(item: Json, place: str, into: Collector) -> None:  # noqa: C901 - one case per type
    if not isinstance(item, dict):
        into.add("user_messages")
        into.unknown("user", item, place, "an item is expected here")
        return
    known: tuple[str, ...]
    match item.get("type", "message"):
        case "message":
            role = item.get("role")
            kind = "system" if role in SYSTEM_ROLES else "assistant" if role == "assistant" else "user"
            into.add("systems" if kind == "system" else f"{kind}_messages")
            collect_content(item.get("content"), kind, f"{place}.content", into)
            known = ("content",)
        case "function_call" | "custom_tool_call" | "mcp_call" | "tool_search_call":
            into.add("tool_call_turns")
            collect_call(into, item.get("name"), item.get("arguments", item.get("input")), place)
            if item.get("output") is not None:
                into.add("tool_results")
                into.texts_of("tool_result", item["output"], f"{place}.output")
            if item["type"] in ("mcp_call", "tool_search_call"):
                into.skip(place, "how the provider's own tool counts is not known, its text is counted")
            known = ("name", "arguments", "input", "output", "server_label", "error", "approval_request_id")
        case "function_call_output" | "custom_tool_call_output":
            into.add("tool_results")
            collect_content(item.get("output"), "tool_result", f"{place}.output", into)
            known = ("output",)
        case "reasoning":
            _reasoning(item, place, into)
            known = ("summary", "content", "encrypted_content")
        case "additional_tools" | "tool_search_output":
            tools = item.get("tools")
            for number, tool in enumerate(tools if isinstance(tools, list) else []):
                _tool(tool, f"{place}.tools[{number}]", into)
            into.add("tool_results", item["type"] == "tool_search_output")
            known = ("tools",)
        case "item_reference" | "compaction" as kind:
            into.skip(place, f"the text of the {str(kind).replace('_', ' ')} is not in the request")
            return
        case other:
            reason = f"the type {str(other)[:40]!r} is not known, its text is counted"
            into.unknown("tool_call", item, place, reason)
            return
    into.leftovers("user", item, RESPONSES_OF_NO_ITEM.union(known), place)


def _reasoning(item: Mapping[str, Json], place: str, into: Collector) -> None:
    content = item.get("content")
    if isinstance(content, list) and holds_text(content):
        for part in content:
            text = part.get("text") if isinstance(part, dict) else part
            into.texts_of("thinking", text, place)
        return
    into.add("hidden_reasoning")
    encrypted = item.get("encrypted_content")
    if isinstance(encrypted, str):
        into.add("hidden_reasoning_bytes", len(encrypted))
    else:
        into.skip(place, "the reasoning is stored at the provider, so its length is not known")


def _tool(tool: Json, place: str, into: Collector) -> None:
    kind = tool.get("type") if isinstance(tool, dict) else None
    if not isinstance(tool, dict):
        into.add("tools")
        into.unknown("tool_schema", tool, place, "a tool is expected here")
    elif isinstance(tool.get("function"), dict):
        collect_function(tool["function"], place, into)
    elif kind in (None, "function") and not tool.get("defer_loading"):
        collect_function(tool, place, into)
    elif kind == "custom":
        into.add("tools")
        into.text("tool_schema", compact_json(tool))
        into.texts_of("tool_name", tool.get("name"), f"{place}.name")
        into.texts_of("tool_description", tool.get("description"), f"{place}.description")
        into.skip(place, "how a custom tool's grammar counts is not known, its text is counted")
    else:
        into.skip(place, f"what the provider's own or deferred tool {str(kind)[:40]!r} adds is not known")


def _text(text: Json, into: Collector) -> None:
    form = text.get("format") if isinstance(text, dict) else None
    if isinstance(form, dict):
        shown = {name: form[name] for name in ("name", "description", "schema") if form.get(name) is not None}
        collect_output(shown or None, form.get("type"), into)
    elif form is not None:
        into.unknown("output_schema", form, "text.format", "an object is expected here")
