"""Which wire format a body is in, and its features."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..errors import InputError
from .anthropic import read_anthropic
from .bedrock import read_converse
from .collecting import Collector
from .features import RequestFeatures
from .gemini import camel, read_gemini
from .json_value import Json
from .models import model_key
from .openai_chat import read_openai_chat
from .openai_responses import read_openai_responses
from .reading import plain


class _Format(NamedTuple):
    read: Callable[[Mapping[str, Json], Collector], None]
    rule: str


FORMATS = {
    "anthropic": _Format(read_anthropic, "anthropic"),
    "converse": _Format(read_converse, "anthropic"),
    "openai_chat": _Format(read_openai_chat, "openai"),
    "openai_responses": _Format(read_openai_responses, "openai"),
    "gemini": _Format(read_gemini, "gemini"),
}
# The rule for images follows the model, whatever the format that it is asked in.
RULES = (
    ("claude", "anthropic"),
    ("gemini", "gemini"),
    ("gpt", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("chatgpt", "openai"),
    ("computer-use", "openai"),
)


def read_request(body: Json, model: str = "", wire_format: str = "") -> RequestFeatures:
    """Return the features of a request's body.

    `body` is a mapping, JSON text or bytes, or an SDK's object; `model` is needed where the body names none
    (Bedrock and Gemini have it in the URL), `wire_format` where it cannot be told from the fields.

    Raises:
        InputError: it is no JSON object, or in none of the formats of `FORMATS`.
    """
    if wire_format and wire_format not in FORMATS:
        raise InputError(f"the format {wire_format!r} is not known. Valid formats: {', '.join(FORMATS)}.")
    fields = plain(body)
    found = wire_format or detect(fields)
    named = fields.get("model", fields.get("modelId"))
    name = model or (named if isinstance(named, str) else "")
    into = Collector(found, name, _rule(name, FORMATS[found].rule))
    try:
        FORMATS[found].read(fields, into)
    except RecursionError as error:
        raise InputError("the request is nested too deeply. Give the body that is sent.") from error
    return into.features()


def detect(fields: Mapping[str, Json]) -> str:
    """Return the wire format that a body's fields are of.

    Raises:
        InputError: none has these fields.
    """
    names = set(camel(fields))
    if names & {"contents", "generateContentRequest"}:
        return "gemini"
    if "messages" in fields:
        return _with_messages(fields)
    if names & {"input", "previousResponseId", "instructions"} or isinstance(fields.get("prompt"), dict):
        return "openai_responses"
    if "prompt" in fields:
        return "openai_chat"
    raise InputError(
        "the request has none of the fields messages, input and contents. Give the body that is sent"
        " to Anthropic, Bedrock, OpenAI or Gemini."
    )


def _with_messages(fields: Mapping[str, Json]) -> str:  # noqa: PLR0911 - one answer per sign
    if fields.keys() & {
        "toolConfig",
        "inferenceConfig",
        "modelId",
        "additionalModelRequestFields",
        "outputConfig",
    }:
        return "converse"
    messages = fields["messages"] if isinstance(fields["messages"], list) else []
    blocks = [block for message in messages if isinstance(message, dict) for block in _blocks(message)]
    if any("type" not in block and block for block in blocks):
        return "converse"
    if fields.keys() & {
        "system",
        "anthropic_version",
        "stop_sequences",
        "output_format",
        "output_config",
        "thinking_budget",
    }:
        return "anthropic"
    tools = fields.get("tools")
    tools = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    if any("input_schema" in tool for tool in tools):
        return "anthropic"
    kinds = {block.get("type") for block in blocks if isinstance(block.get("type"), str)}
    if kinds & {"image", "tool_use", "tool_result", "thinking_block", "redacted_thinking"}:
        return "anthropic"
    if any("function" in tool for tool in tools) or kinds & {"image_url", "input_audio", "file"}:
        return "openai_chat"
    model = model_key(str(fields.get("model", "")))
    return "anthropic" if model.startswith("claude") else "openai_chat"


def _blocks(message: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    content = message.get("content")
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _rule(model: str, default: str) -> str:
    key = model_key(model)
    if not key:
        return default
    return next((rule for prefix, rule in RULES if key.startswith(prefix)), "")
