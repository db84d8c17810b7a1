"""Gemini's generateContent format, in camelCase as the API has it or in snake_case as the SDK has it."""

import re
from collections.abc import Mapping

from .collecting import Collector, compact_json
from .json_value import Json
from .known_fields import GEMINI_NO_TOKENS, GEMINI_OF_NO_PART, GEMINI_READ, names
from .tools import collect_call, collect_tool

# Fields that are read or add no tokens.
_OF_BODY = GEMINI_NO_TOKENS | GEMINI_READ
_OF_CONTENT = names("parts role")
_OF_CALL = names("name args id")
_OF_RESPONSE = names("name response parts id willContinue scheduling")
_SNAKE = re.compile(r"_([a-z0-9])")


def camel(fields: Mapping[str, Json]) -> dict[str, Json]:
    """Return the fields under their names in camelCase.

    >>> camel({"inline_data": 1, "text": 2})
    {'inlineData': 1, 'text': 2}
    """
    return {_SNAKE.sub(lambda found: found[1].upper(), str(name)): value for name, value in fields.items()}


def read_gemini(body: Mapping[str, Json], into: Collector) -> None:
    """Fill a collector from the body of a request for content, or from the SDK's arguments."""
    fields = camel(body)
    if isinstance(fields.get("generateContentRequest"), dict):
        fields |= camel(fields.pop("generateContentRequest"))
    for name in ("config", "generationConfig"):
        if isinstance(fields.get(name), dict):
            fields = camel(fields.pop(name)) | fields
    system = fields.get("systemInstruction")
    if system:
        into.add("systems")
        _content(system, "system", "systemInstruction", into)
    contents = fields.get("contents")
    for number, content in enumerate(
        contents if isinstance(contents, list) else [] if contents is None else [contents]
    ):
        _turn(content, f"contents[{number}]", into)
    tools = fields.get("tools")
    for number, tool in enumerate(tools if isinstance(tools, list) else [] if tools is None else [tools]):
        _tool(tool, f"tools[{number}]", into)
    _tool_config(fields.get("toolConfig"), into)
    for name in ("responseSchema", "responseJsonSchema"):
        if fields.get(name) is not None:
            into.add("output_schemas")
            into.text("output_schema", compact_json(fields[name]))
    if fields.get("cachedContent"):
        into.skip("cachedContent", "what the provider has stored is not in the request")
    into.leftovers("user", fields, _OF_BODY, "request")


def _turn(content: Json, place: str, into: Collector) -> None:
    role = content.get("role") if isinstance(content, dict) else None
    kind = "assistant" if role == "model" else "user"
    into.add(f"{kind}_messages")
    _content(content, kind, place, into)


def _content(content: Json, kind: str, place: str, into: Collector) -> None:
    if isinstance(content, dict) and "parts" in content:
        parts = content["parts"]
        into.leftovers(kind, content, _OF_CONTENT, place)
    else:
        parts = content
    parts = parts if isinstance(parts, list) else [] if parts is None else [parts]
    before = dict(into.counts)
    for number, part in enumerate(parts):
        _part(part, kind, f"{place}.parts[{number}]", into)
    for name in ("tool_call", "tool_result"):
        into.add(f"{name}_turns", into.counts.get(f"{name}s", 0) > before.get(f"{name}s", 0))


def _part(part: Json, kind: str, place: str, into: Collector) -> None:  # noqa: C901 - one case per field
    if part is None:
        return
    if not isinstance(part, dict):
        into.add("text_blocks")
        into.texts_of(kind, part, place)
        return
    fields = camel(part)
    for name, value in fields.items():
        here = f"{place}.{name}"
        inner = camel(value) if isinstance(value, dict) else {}
        match name:
            case "text":
                into.add("text_blocks")
                into.texts_of("thinking" if fields.get("thought") is True else kind, value, here)
            case "inlineData":
                _inline(inner, here, into)
            case "fileData":
                _by_reference(inner, here, into)
            case "functionCall":
                collect_call(into, inner.get("name"), inner.get("args"), here)
                into.leftovers("tool_call", inner, _OF_CALL, here)
            case "functionResponse":
                _function_response(inner, here, into)
            case "executableCode" | "codeExecutionResult" | "toolCall" | "toolResponse":
                into.unknown(
                    "tool_call",
                    value,
                    here,
                    "how the provider's own tool counts is not known, its text is counted",
                )
            case "thoughtSignature" if isinstance(value, str | bytes):
                # It stands for thinking that the model gets back; its length is all that is known of it.
                into.add("hidden_reasoning")
                into.add("hidden_reasoning_bytes", len(value))
            case _ if name not in GEMINI_OF_NO_PART and value is not None:
                into.leftovers(kind, {name: value}, frozenset(), place)


def _inline(data: Mapping[str, Json], place: str, into: Collector) -> None:
    kind = str(data.get("mimeType", ""))
    if kind.startswith("image/") or not kind:
        into.image(data.get("data"), place)
    elif kind.startswith(("audio/", "video/")):
        into.skip(place, f"the tokens of {kind.partition('/')[0]} cannot be known from the request")
    elif not into.plain_document(data.get("data"), place):
        into.add("documents")
        into.skip(place, "the tokens of a document in a binary format cannot be known from the request")


def _by_reference(data: Mapping[str, Json], place: str, into: Collector) -> None:
    kind = str(data.get("mimeType", "a file")).partition("/")[0]
    into.add("images" if kind == "image" else "documents")
    into.skip(place, f"the tokens of {kind} by URL cannot be known from the request")


def _function_response(response: Mapping[str, Json], place: str, into: Collector) -> None:
    into.add("tool_results")
    into.texts_of("tool_call_name", response.get("name"), f"{place}.name")
    if response.get("response") is not None:
        into.text("tool_result", compact_json(response["response"]))
    parts = response.get("parts")
    for number, part in enumerate(parts if isinstance(parts, list) else []):
        _part(part, "tool_result", f"{place}.parts[{number}]", into)
    into.leftovers("tool_result", response, _OF_RESPONSE, place)


def _tool(tool: Json, place: str, into: Collector) -> None:
    if not isinstance(tool, dict):
        into.add("tools")
        into.unknown("tool_schema", tool, place, "a tool is expected here")
        return
    for name, value in camel(tool).items():
        here = f"{place}.{name}"
        if name != "functionDeclarations":
            if value is not None:
                into.skip(here, "what the provider's own tool adds is not known")
            continue
        for number, declaration in enumerate(value if isinstance(value, list) else [value]):
            _declaration(declaration, f"{here}[{number}]", into)


def _declaration(declaration: Json, place: str, into: Collector) -> None:
    if not isinstance(declaration, dict):
        into.add("tools")
        into.unknown("tool_schema", declaration, place, "a declaration is expected here")
        return
    fields = {name: value for name, value in camel(declaration).items() if value is not None}
    schema = fields.get("parameters", fields.get("parametersJsonSchema"))
    collect_tool(into, fields.get("name"), fields.get("description"), schema, fields, place)


def _tool_config(config: Json, into: Collector) -> None:
    calling = camel(config).get("functionCallingConfig") if isinstance(config, dict) else None
    if not isinstance(calling, dict):
        return
    fields = camel(calling)
    mode = str(fields.get("mode", "")).upper()
    if mode == "ANY":
        into.add("tool_choice_one" if fields.get("allowedFunctionNames") else "tool_choice_any")
    elif mode == "NONE":
        into.add("tool_choice_none")
