"""Bedrock's Converse format: its blocks are Anthropic's under other names."""

import json
from collections.abc import Mapping

from .anthropic import read_anthropic
from .collecting import Collector
from .json_value import Json
from .known_fields import CONVERSE_NO_TOKENS, CONVERSE_READ

# The binary formats of documents; the others are text.
BINARY = frozenset(("pdf", "doc", "docx", "xls", "xlsx"))


def read_converse(body: Mapping[str, Json], into: Collector) -> None:
    """Fill a collector from the body of a Converse request."""
    tools = body.get("toolConfig")
    tools = tools if isinstance(tools, dict) else {}
    more = body.get("additionalModelRequestFields")
    more = dict(more) if isinstance(more, dict) else {}
    reasoning = more.pop("reasoning_config", more.pop("reasoningConfig", None))
    if isinstance(reasoning, dict):
        more.setdefault("thinking", reasoning)
    same = {
        **more,
        "system": _blocks(body.get("system")),
        "messages": _messages(body.get("messages")),
        "tools": _each(tools.get("tools"), _tool),
        "tool_choice": _choice(tools.get("toolChoice")),
        **_output(body.get("outputConfig")),
        **{name: value for name, value in body.items() if name not in CONVERSE_NO_TOKENS | CONVERSE_READ},
    }
    for name in (
        "inferenceConfig",
        "reasoning_effort",
        "anthropic_beta",
        "reasoning_config",
        "reasoningConfig",
    ):
        same.pop(name, None)
    read_anthropic(same, into)


def _each(value: Json, convert: Json) -> Json:
    return (
        [found for one in value if (found := convert(one)) is not None] if isinstance(value, list) else value
    )


def _blocks(content: Json) -> Json:
    return _each(content, _block)


def _messages(messages: Json) -> Json:
    def message(value: Json) -> Json:
        return {**value, "content": _blocks(value.get("content"))} if isinstance(value, dict) else value

    return _each(messages, message)


def _block(block: Json) -> Json:  # noqa: C901, PLR0911, PLR0912 - one case per kind of block
    match block:
        case {"cachePoint": _}:
            return None
        case {"text": text}:
            return {"type": "text", "text": text}
        case {"toolUse": {"type": "server_tool_use"} as use}:
            return use
        case {"toolUse": Mapping() as use}:
            return {"type": "tool_use", **_without(use, "toolUseId")}
        case {"toolResult": Mapping() as result} if "type" not in result:
            content = _each(result.get("content"), _result)
            return {"type": "tool_result", **_without(result, "toolUseId", "status"), "content": content}
        case {"image": Mapping() as image}:
            return {"type": "image", "source": _source(image.get("source"))}
        case {"document": Mapping() as document}:
            source = _source(document.get("source"), document.get("format"))
            named = {"title": document.get("name"), "citations": document.get("citations")}
            return {"type": "document", **named, "source": source}
        case {"audio": _} | {"video": _}:
            return {"type": "media"}
        case {"reasoningContent": {"reasoningText": Mapping() as reasoning}}:
            return {"type": "thinking", "thinking": reasoning.get("text")}
        case {"reasoningContent": Mapping()}:
            return {"type": "redacted_thinking"}
        case {"guardContent": {"text": {"text": text}}}:
            return {"type": "text", "text": text}
        case {"searchResult": Mapping() as found}:
            return {"type": "search_result", **found, "content": _blocks(found.get("content"))}
        case Mapping() if "type" not in block and len(block) == 1:
            name, value = next(iter(block.items()))
            return {"type": str(name), str(name): value}
    return block


def _result(block: Json) -> Json:
    if isinstance(block, dict) and "json" in block:
        return {"type": "text", "text": json.dumps(block["json"], ensure_ascii=False, default=str)}
    return _block(block)


def _source(source: Json, form: Json = None) -> Json:
    match source:
        case {"bytes": data} if form not in BINARY:
            return {"type": "base64", "data": data}
        case {"bytes": _}:
            return {"type": "base64"}
        case {"text": text}:
            return {"type": "text", "data": text}
        case {"s3Location": _}:
            return {"type": "file"}
        case {"content": content}:
            return {"type": "content", "content": _blocks(content)}
    return source


def _tool(tool: Json) -> Json:
    match tool:
        case {"cachePoint": _}:
            return None
        case {"toolSpec": Mapping() as spec}:
            schema = spec.get("inputSchema")
            schema = schema.get("json", schema) if isinstance(schema, dict) else schema
            return {**_without(spec, "inputSchema"), "input_schema": schema}
        case {"systemTool": Mapping() as system}:
            return {"type": str(system.get("name"))}
    return tool


def _choice(choice: Json) -> Json:
    return {"type": next(iter(choice))} if isinstance(choice, dict) and choice else choice


def _output(config: Json) -> dict[str, Json]:
    match config:
        case {"textFormat": {"structure": {"jsonSchema": Mapping() as schema}}}:
            return {"output_format": schema}
        case None:
            return {}
    return {"outputConfig": config}


def _without(fields: Mapping[str, Json], *names: str) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if name not in names}
