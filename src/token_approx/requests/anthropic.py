"""The Messages format of Anthropic, as its API, Bedrock's invoke and Vertex take it."""

from collections.abc import Mapping

from .collecting import Collector, compact_json
from .json_value import Json
from .known_fields import (
    ANTHROPIC_NO_TOKENS,
    ANTHROPIC_OF_NO_BLOCK,
    ANTHROPIC_READ,
    ANTHROPIC_TOOL_FIELDS,
    names,
)
from .tools import collect_call, collect_tool

# Fields that are read or add no tokens.
_OF_BODY = ANTHROPIC_NO_TOKENS | ANTHROPIC_READ
_OF_MESSAGE = names("role content id model type stop_reason usage stop_sequence container stop_details")
_OF_BLOCK = {
    kind: ANTHROPIC_OF_NO_BLOCK | names(read)
    for kind, read in {
        "text": "text citations",
        "image": "source",
        "document": "source title context citations",
        "tool_use": "name input",
        "tool_result": "content",
        "search_result": "title source content citations",
        "thinking": "thinking data",
        "redacted_thinking": "thinking data",
    }.items()
}


def read_anthropic(body: Mapping[str, Json], into: Collector) -> None:
    """Fill a collector from the body of a request for a message."""
    _system(body.get("system"), into)
    _messages(body.get("messages"), into)
    _tools(body.get("tools"), into)
    _choice(body.get("tool_choice"), into)
    _options(body, into)
    into.leftovers("user", body, _OF_BODY, "request")


def _system(system: Json, into: Collector) -> None:
    if not system:
        return
    into.add("systems")
    blocks = system if isinstance(system, list) else [system]
    for number, block in enumerate(blocks):
        _block(block, "system", f"system[{number}]", into, counted=True)


def _messages(messages: Json, into: Collector) -> None:
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    if not isinstance(messages, list):
        if messages is not None:
            into.unknown("user", messages, "messages", "a list of messages is expected here")
        return
    loop = _begin_of_loop(messages)
    for number, message in enumerate(messages):
        place = f"messages[{number}]"
        if not isinstance(message, dict):
            into.add("user_messages")
            into.unknown("user", message, place, "a message is expected here, with a role and a content")
            continue
        role = message.get("role")
        kind = role if role in ("system", "assistant") else "user"
        into.add("assistant_messages" if kind == "assistant" else "user_messages")
        content = message.get("content")
        blocks = content if isinstance(content, list) else [content]
        # Of any kind, so no set.
        types = [block.get("type") for block in blocks if isinstance(block, dict)]
        if "tool_use" in types:
            into.add("tool_call_turns")
        if "tool_result" in types:
            into.add("tool_result_turns")
        for position, block in enumerate(blocks):
            _block(block, kind, f"{place}.content[{position}]", into, counted=number > loop)
        into.leftovers(kind, message, _OF_MESSAGE, place)


def _begin_of_loop(messages: list[Json]) -> int:
    """Return the place of the last message with something new of the user: thinking before it is left out."""
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        if isinstance(message, dict) and message.get("role") == "user":
            content = message.get("content")
            blocks = content if isinstance(content, list) else [content]
            if any(not isinstance(block, dict) or block.get("type") != "tool_result" for block in blocks):
                return place
    return -1


def _block(block: Json, kind: str, place: str, into: Collector, *, counted: bool) -> None:  # noqa: C901, PLR0912 - one case per type
    if block is None:
        return
    if not isinstance(block, dict):
        into.add("text_blocks")
        into.texts_of(kind, block, place)
        return
    found = block.get("type", "text" if "text" in block else None)
    match found:
        case "text":
            into.add("text_blocks")
            into.texts_of(kind, block.get("text"), f"{place}.text")
            into.cited(block.get("citations"), f"{place}.citations")
        case "image":
            _source(block.get("source"), f"{place}.source", into)
        case "document":
            _document(block, place, into)
        case "tool_use":
            collect_call(into, block.get("name"), block.get("input"), place)
        case "tool_result":
            into.add("tool_results")
            content = block.get("content")
            for number, inner in enumerate(content if isinstance(content, list) else [content]):
                _block(inner, "tool_result", f"{place}.content[{number}]", into, counted=counted)
        case "search_result":
            into.add("documents")
            for name in ("title", "source"):
                into.texts_of("document", block.get(name), f"{place}.{name}")
            content = block.get("content")
            for number, inner in enumerate(content if isinstance(content, list) else [content]):
                _block(inner, "document", f"{place}.content[{number}]", into, counted=counted)
        case "thinking" | "redacted_thinking":
            _thinking(block, place, into, counted=counted)
        case "media":
            into.skip(place, "the tokens of audio or video cannot be known from the request")
            return
        case _:
            into.unknown(
                kind,
                block,
                place,
                f"the type {str(block.get('type'))[:40]!r} is not known, its text is counted",
            )
            return
    into.leftovers(kind, block, _OF_BLOCK[found], place)


def _thinking(block: Mapping[str, Json], place: str, into: Collector, *, counted: bool) -> None:
    # Thinking of turns before the user's last message is taken out by the provider.
    if not counted:
        return
    text = block.get("thinking")
    if text:
        into.texts_of("thinking", text, f"{place}.thinking")
    else:
        into.skip(place, "the thinking is encrypted, so its length is not known")


def _document(block: Mapping[str, Json], place: str, into: Collector) -> None:
    citations = block.get("citations")
    if isinstance(citations, dict) and citations.get("enabled"):
        into.counts["citations_on"] = 1
    for name in ("title", "context"):
        into.texts_of("document", block.get(name), f"{place}.{name}")
    source = block.get("source")
    if not isinstance(source, dict):
        into.add("documents")
        into.unknown("document", source, f"{place}.source", "a source is expected here")
        return
    match source.get("type"):
        case "text":
            into.add("documents")
            into.texts_of("document", source.get("data"), f"{place}.source.data")
        case "content":
            into.add("documents")
            content = source.get("content")
            for number, inner in enumerate(content if isinstance(content, list) else [content]):
                _block(inner, "document", f"{place}.source.content[{number}]", into, counted=True)
        case "base64" if into.plain_document(source.get("data"), place):
            pass
        case _:
            into.add("documents")
            into.skip(place, _why(source, "a document"))


def _source(source: Json, place: str, into: Collector) -> None:
    if isinstance(source, dict) and source.get("type") == "base64":
        into.image(source.get("data"), place)
    else:
        into.add("images")
        into.skip(place, _why(source, "an image"))


def _why(source: Json, what: str) -> str:
    kind = source.get("type") if isinstance(source, dict) else None
    how = {"url": "by URL", "file": "by file id", "base64": "in a binary format"}.get(
        str(kind), "of an unknown source"
    )
    return f"the tokens of {what} {how} cannot be known from the request"


def _tools(tools: Json, into: Collector) -> None:
    if not isinstance(tools, list):
        if tools:
            into.unknown("tool_schema", tools, "tools", "a list of tools is expected here")
        return
    for number, tool in enumerate(tools):
        place = f"tools[{number}]"
        if not isinstance(tool, dict):
            into.add("tools")
            into.unknown("tool_schema", tool, place, "a tool is expected here")
        elif tool.get("type") not in (None, "custom"):
            into.skip(place, f"what the provider's own tool {str(tool.get('type'))[:40]!r} adds is not known")
        elif tool.get("defer_loading"):
            into.skip(place, "the provider decides whether the deferred tool is loaded")
        else:
            shown = {
                name: tool[name]
                for name in ("name", "description", "input_schema")
                if tool.get(name) is not None
            }
            collect_tool(
                into, tool.get("name"), tool.get("description"), tool.get("input_schema"), shown, place
            )
            into.leftovers("tool_schema", tool, ANTHROPIC_TOOL_FIELDS, place)


def _choice(choice: Json, into: Collector) -> None:
    kind = choice.get("type") if isinstance(choice, dict) else choice
    name = {"any": "tool_choice_any", "tool": "tool_choice_one", "none": "tool_choice_none"}.get(str(kind))
    if name:
        into.add(name)
    elif kind not in (None, "auto"):
        into.skip("tool_choice", f"the choice {str(kind)[:40]!r} is not known")


def _options(body: Mapping[str, Json], into: Collector) -> None:
    thinking = body.get("thinking")
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    into.add("thinking_on", kind == "enabled")
    into.add("thinking_adaptive", kind == "adaptive")
    into.add("thinking_off", kind == "disabled")
    config = body.get("output_config")
    schema = config.get("format") if isinstance(config, dict) else None
    for found in (schema, body.get("output_format")):
        if isinstance(found, dict):
            into.add("output_schemas")
            into.text("output_schema", compact_json(found.get("schema", found)))
    if isinstance(config, dict) and config.get("task_budget"):
        into.skip("output_config.task_budget", "what the task's budget adds is not known")
    for name, reason in (
        ("mcp_servers", "what the servers' tools add is not known"),
        ("container", "what the container holds is not known"),
        ("context_management", "the provider may edit what was said before"),
    ):
        if body.get(name):
            into.skip(name, reason)
