"""OpenAI's chat completions format, which Azure, DeepSeek, Mistral, Qwen and many others take too."""

from collections.abc import Mapping

from .collecting import Collector
from .json_value import Json
from .known_fields import CHAT_NO_TOKENS, CHAT_OF_NO_MESSAGE, CHAT_READ, names
from .openai_parts import collect_choice, collect_content, collect_function, collect_response_format
from .signatures import collect_signatures
from .tools import collect_call

SYSTEM_ROLES = ("system", "developer")
# Fields that are read or add no tokens.
_OF_BODY = CHAT_NO_TOKENS | CHAT_READ
_OF_CALL = names("name arguments input")


def read_openai_chat(body: Mapping[str, Json], into: Collector) -> None:
    """Fill a collector from the body of a request for a chat completion."""
    _messages(body.get("messages"), into)
    if "prompt" in body and "messages" not in body:
        prompt = body["prompt"]
        for number, text in enumerate(prompt if isinstance(prompt, list) else [prompt]):
            into.texts_of("user", text, f"prompt[{number}]")
    for name in ("tools", "functions"):
        _tools(body.get(name), name, into)
    collect_choice(body.get("tool_choice", body.get("function_call")), into)
    collect_response_format(body.get("response_format"), into)
    thinking = body.get("thinking")
    into.add("thinking_off", isinstance(thinking, dict) and thinking.get("type") == "disabled")
    for name in ("web_search_options", "plugins"):
        if name in body:
            into.skip(name, "what the provider's own tool adds is not known")
    prediction = body.get("prediction")
    if prediction is not None:
        into.unknown(
            "user", prediction, "prediction", "whether the prediction counts is not known, its text does"
        )
    collect_signatures(into)
    into.leftovers("user", body, _OF_BODY, "request")


def _messages(messages: Json, into: Collector) -> None:
    if messages is None:
        return
    messages = messages if isinstance(messages, list) else [messages]
    last = max((place for place, each in enumerate(messages) if _role(each) == "user"), default=-1)
    for number, message in enumerate(messages):
        place = f"messages[{number}]"
        if not isinstance(message, dict):
            into.add("user_messages")
            into.unknown("user", message, place, "a message is expected here, with a role and a content")
            continue
        role = message.get("role")
        if role in SYSTEM_ROLES:
            kind = "system"
            into.add("systems")
        elif role in ("tool", "function"):
            kind = "tool_result"
            into.add("tool_results")
        else:
            kind = "assistant" if role == "assistant" else "user"
            into.add(f"{kind}_messages")
        if role != "function" and message.get("name"):
            into.add("message_names")
            into.texts_of(kind, message["name"], f"{place}.name")
        collect_content(message.get("content"), kind, f"{place}.content", into)
        _calls(message, place, into)
        if number > last:
            # Providers leave out the reasoning of turns before the user's last message.
            _reasoning(message, place, into)
        if message.get("refusal"):
            into.texts_of(kind, message["refusal"], f"{place}.refusal")
        into.cited(message.get("annotations"), f"{place}.annotations")
        if message.get("audio"):
            into.skip(f"{place}.audio", "the tokens of audio cannot be known from the request")
        into.leftovers(kind, message, CHAT_OF_NO_MESSAGE, place)


def _role(message: Json) -> Json:
    return message.get("role") if isinstance(message, dict) else None


def _calls(message: Mapping[str, Json], place: str, into: Collector) -> None:
    calls = message.get("tool_calls")
    calls = [*calls] if isinstance(calls, list) else [] if calls is None else [calls]
    if message.get("function_call") is not None:
        calls.append({"function": message["function_call"]})
    into.add("tool_call_turns", bool(calls))
    for number, call in enumerate(calls):
        here = f"{place}.tool_calls[{number}]"
        function = call.get("function", call.get("custom")) if isinstance(call, dict) else None
        if isinstance(function, dict):
            collect_call(into, function.get("name"), function.get("arguments", function.get("input")), here)
            into.leftovers("tool_call", function, _OF_CALL, here)
        else:
            into.unknown("tool_call", call, here, "a tool call with a function is expected here")


def _reasoning(message: Mapping[str, Json], place: str, into: Collector) -> None:
    for name in ("reasoning_content", "reasoning"):
        into.texts_of("thinking", message.get(name), f"{place}.{name}")
    details = message.get("reasoning_details")
    if holds := [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []:
        into.add("hidden_reasoning", len(holds))
        into.skip(f"{place}.reasoning_details", "the reasoning is encrypted, so its length is not known")


def _tools(tools: Json, name: str, into: Collector) -> None:
    if tools is None:
        return
    for number, tool in enumerate(tools if isinstance(tools, list) else [tools]):
        place = f"{name}[{number}]"
        function = tool if name == "functions" else tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict):
            collect_function(function, place, into)
        elif isinstance(tool, dict) and tool.get("type") not in (None, "function", "custom"):
            into.skip(place, f"what the provider's own tool {str(tool['type'])[:40]!r} adds is not known")
        else:
            into.add("tools")
            into.unknown("tool_schema", tool, place, "a tool with a function is expected here")
