"""Bodies of each wire format, written by hand, and what their readers find in them."""

import base64
import json
from typing import Any

import pytest

from token_approx.errors import InputError
from token_approx.requests import read_request
from token_approx.requests.json_value import Json

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Where."}, "unit": {"enum": ["C", "F"]}},
    "required": ["city"],
}
DEFINITION = json.dumps({"name": "weather", "description": "Tell it.", "input_schema": SCHEMA})

ANTHROPIC = {
    "model": "claude-opus-4-8",
    "max_tokens": 100,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "tools": [{"name": "weather", "description": "Tell it.", "input_schema": SCHEMA}],
    "tool_choice": {"type": "any"},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "messages": [
        {"role": "user", "content": "In Ulm?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Ask the tool.", "signature": "c2ln"},
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Ulm"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "Rain."}]}
            ],
        },
    ],
}
CONVERSE = {
    "modelId": "us.anthropic.claude-opus-4-8-v1:0",
    "inferenceConfig": {"maxTokens": 100},
    "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
    "toolConfig": {
        "tools": [
            {"toolSpec": {"name": "weather", "description": "Tell it.", "inputSchema": {"json": SCHEMA}}}
        ],
        "toolChoice": {"any": {}},
    },
    "messages": [
        {"role": "user", "content": [{"text": "In Ulm?"}]},
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Ask the tool.", "signature": "c2ln"}}},
                {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"city": "Ulm"}}},
            ],
        },
        {
            "role": "user",
            "content": [{"toolResult": {"toolUseId": "t1", "content": [{"text": "Rain."}]}}],
        },
    ],
}
CHAT = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "In Ulm?"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "t1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city":"Ulm"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "t1", "content": "Rain."},
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "weather", "description": "Tell it.", "parameters": SCHEMA},
        }
    ],
    "tool_choice": "required",
}
RESPONSES = {
    "model": "gpt-4o",
    "instructions": "Be brief.",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "In Ulm?"}]},
        {"type": "function_call", "call_id": "t1", "name": "weather", "arguments": '{"city":"Ulm"}'},
        {"type": "function_call_output", "call_id": "t1", "output": "Rain."},
    ],
    "tools": [{"type": "function", "name": "weather", "description": "Tell it.", "parameters": SCHEMA}],
    "tool_choice": "required",
}
GEMINI = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [
        {"role": "user", "parts": [{"text": "In Ulm?"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {"city": "Ulm"}}}]},
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "weather", "response": {"result": "Rain."}}}],
        },
    ],
    "tools": [
        {
            "functionDeclarations": [
                {"name": "weather", "description": "Tell it.", "parameters": SCHEMA},
            ]
        }
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
}
ALL = {
    "anthropic": ANTHROPIC,
    "converse": CONVERSE,
    "openai_chat": CHAT,
    "openai_responses": RESPONSES,
    "gemini": GEMINI,
}


@pytest.mark.parametrize("wire_format", ALL)
def test_the_same_conversation_has_the_same_texts_in_every_format(wire_format: str) -> None:
    """Each reader finds the format by itself, every text in its kind, and leaves nothing out."""
    found = read_request(ALL[wire_format])
    assert found.format == wire_format
    assert found.texts["system"] == ("Be brief.",)
    assert found.texts["user"] == ("In Ulm?",)
    assert found.texts["tool_call"] == ('{"city":"Ulm"}',)
    result = '{"result":"Rain."}' if wire_format == "gemini" else "Rain."
    assert found.texts["tool_result"] == (result,)
    assert found.not_counted == ()
    assert found.kind == "tools"
    counts = {"systems": 1, "user_messages": 1, "tools": 1, "tool_properties": 2, "tool_choice_any": 1}
    if wire_format in ("anthropic", "converse", "gemini"):
        counts["user_messages"] = 2  # there, the result is a user's message
    assert {name: found.counts[name] for name in counts} == counts


def test_anthropic_and_converse_are_read_alike() -> None:
    """Converse is the same request under other names: its features are those of the Messages format."""
    one, other = read_request(ANTHROPIC), read_request(CONVERSE)
    assert one.texts == other.texts
    assert one.counts == other.counts
    assert one.texts["tool_schema"] == (DEFINITION,)
    assert one.texts["thinking"] == ("Ask the tool.",)
    assert one.counts["thinking_on"] == 1


def test_thinking_of_earlier_turns_is_left_out_when_the_user_speaks_again() -> None:
    """The provider takes it out of the prompt then, so it has no tokens; in a loop of tools it has."""
    earlier: Any = ANTHROPIC["messages"]
    more = {**ANTHROPIC, "messages": [*earlier, {"role": "user", "content": "And now?"}]}
    assert "thinking" not in read_request(more).texts


def test_openai_functions_are_written_as_declarations() -> None:
    """Both formats of OpenAI give the same text of all functions, as the models are shown it."""
    text = (
        "# Tools\n\n## functions\n\nnamespace functions {\n\n// Tell it.\ntype weather = (_: {\n// Where.\n"
        'city: string,\nunit?: "C" | "F",\n}) => any;\n\n} // namespace functions'
    )
    assert read_request(CHAT).texts["tool_signature"] == (text,)
    assert read_request(RESPONSES).texts["tool_signature"] == (text,)


def test_definitions_that_refer_to_themselves_come_to_an_end() -> None:
    """A recursive schema is written out to a limit, and does not hang."""
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/T"}}}}
    function = {"name": "f", "parameters": {**tree, "$defs": {"T": tree}}}
    body = {"model": "gpt-4o", "messages": [], "tools": [{"type": "function", "function": function}]}
    assert len(read_request(body).texts["tool_signature"][0]) < 10_000


@pytest.mark.parametrize(
    ("model", "wire_format", "block", "tokens"),
    [
        ("claude-opus-4-8", "anthropic", {"type": "image", "source": {"type": "base64", "data": PIXEL}}, 4),
        ("gpt-4o", "openai_chat", {"type": "image_url", "image_url": {"url": PIXEL}}, 255),
        ("gpt-5-mini", "openai_chat", {"type": "image_url", "image_url": {"url": PIXEL}}, 2),
        ("gemini-2.5-flash", "gemini", {"inlineData": {"mimeType": "image/png", "data": PIXEL}}, 258),
    ],
)
def test_an_image_costs_what_the_rule_of_its_model_says(
    model: str, wire_format: str, block: dict[str, object], tokens: float
) -> None:
    """An inline image has the tokens of the provider's public rule for its size."""
    if wire_format == "gemini":
        body: dict[str, object] = {"contents": [{"parts": [block]}]}
    else:
        url = {"url": f"data:image/png;base64,{PIXEL}"}
        block = block | {"image_url": url} if "image_url" in block else block
        body = {"messages": [{"role": "user", "content": [block]}]}
    found = read_request(body, model, wire_format)
    assert found.counts["image_tokens"] == tokens
    assert found.not_counted == ()


def _answered(part: Json) -> Json:
    cited = {"system": "s"} if "citations" in part else {}
    return cited | {"messages": [{"role": "assistant", "content": [part]}]}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url"}}]}]},
            "messages[0].content[0].source",
        ),
        ({"input": "Go on.", "previous_response_id": "r1"}, "previous_response_id"),
        ({"contents": "Hi", "cachedContent": "c1"}, "cachedContent"),
        ({"contents": [{"parts": [{"fileData": {"fileUri": "gs://a"}}]}]}, "contents[0].parts[0].fileData"),
        (
            {"messages": [], "tools": [{"type": "web_search_20250305", "name": "w"}], "system": "s"},
            "tools[0]",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
            "messages[0].content[0]",
        ),
        ({"messages": [{"role": "user", "content": "a"}], "new_field": "some text"}, "request.new_field"),
        (
            _answered({"type": "text", "text": "a", "citations": [{"cited_text": "b"}]}),
            "messages[0].content[0].citations",
        ),
        (
            _answered({"type": "text", "text": "a", "annotations": [{"title": "b"}]}),
            "messages[0].content[0].annotations",
        ),
        (
            {"messages": [{"role": "assistant", "content": "a", "annotations": [{}]}]},
            "messages[0].annotations",
        ),
    ],
)
def test_what_cannot_be_known_is_listed_with_its_place(body: dict[str, object], place: str) -> None:
    """URLs, files, stored texts, the provider's own tools and unknown fields are named, not passed over."""
    assert [entry.partition(":")[0] for entry in read_request(body).not_counted] == [place]


PLAIN = base64.b64encode("Été in Ulm.".encode()).decode()
PDF = base64.b64encode(b"%PDF-1.7 of no known length").decode()


def _in_anthropic(source: Json) -> Json:
    block = {"type": "document", "title": "Ulm", "citations": {"enabled": True}, "source": source}
    return {"system": "s", "messages": [{"role": "user", "content": [block]}]}


def _in_converse(source: Json, kind: str) -> Json:
    block = {"document": {"name": "Ulm", "format": kind, "source": source, "citations": {"enabled": True}}}
    return {"inferenceConfig": {}, "messages": [{"role": "user", "content": [block]}]}


def _in_gemini(kind: str, data: str) -> Json:
    return {"contents": [{"parts": [{"inlineData": {"mimeType": kind, "data": data}}]}]}


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (_in_anthropic({"type": "text", "media_type": "text/plain", "data": "Été in Ulm."}), 2),
        (_in_anthropic({"type": "base64", "media_type": "text/plain", "data": PLAIN}), 2),
        (_in_anthropic({"type": "content", "content": [{"type": "text", "text": "Été in Ulm."}]}), 2),
        (_in_converse({"text": "Été in Ulm."}, "txt"), 2),
        (_in_gemini("text/plain", PLAIN), 1),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": PLAIN}}]}]}, 1),
    ],
)
def test_a_document_of_text_counts_as_its_text(body: Json, texts: int) -> None:
    """However it is given, its text is found, after its title where the format has one."""
    found = read_request(body)
    assert found.texts["document"] == ("Ulm", "Été in Ulm.")[-texts:]
    assert found.counts["documents"] == 1
    assert found.counts.get("citations_on", 0) == texts - 1
    assert found.not_counted == ()


BINARY = "the tokens of a document in a binary format cannot be known from the request"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (_in_anthropic({"type": "base64", "media_type": "application/pdf", "data": PDF}), BINARY),
        (_in_converse({"bytes": PDF}, "pdf"), BINARY),
        (_in_gemini("application/pdf", PDF), BINARY),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": PDF}}]}]}, BINARY),
        (_in_anthropic({"type": "url", "url": "https://example.org/a.pdf"}), "by URL cannot be known"),
        (_in_gemini("audio/wav", PLAIN), "the tokens of audio cannot be known from the request"),
        (
            {
                "inferenceConfig": {},
                "messages": [{"role": "user", "content": [{"audio": {"format": "mp3"}}]}],
            },
            "the tokens of audio or video cannot be known from the request",
        ),
        (
            {
                "system": "s",
                "messages": [],
                "tools": [{"name": "w", "input_schema": {}, "defer_loading": True}],
            },
            "the provider decides whether the deferred tool is loaded",
        ),
    ],
)
def test_what_has_no_length_is_listed_for_its_reason(body: Json, reason: str) -> None:
    """Files that are not text, sounds and deferred tools are listed once, and no text stands for them."""
    found = read_request(body)
    (entry,) = found.not_counted
    assert reason in entry
    assert {text for texts in found.texts.values() for text in texts} <= {"s", "Ulm"}
    assert found.counts.get("tools", 0) == 0


def test_tools_are_counted_by_what_they_say() -> None:
    """Descriptions, allowed values and arguments are features, with and without a system prompt."""
    found = read_request(CHAT).counts
    names = ("tool_descriptions", "tool_property_descriptions", "tool_enum_values", "tool_call_arguments")
    assert [found[name] for name in names] == [1, 1, 2, 1]
    assert (found["tools_on"], found["tools_with_system"]) == (1, 1)
    assert "tools_with_system" not in read_request({**CHAT, "messages": CHAT["messages"][1:]}).counts


def test_a_file_in_an_unknown_field_is_not_read_as_text() -> None:
    """Its base64 is left out of the texts; the list names the first hundred places, and how many more."""
    block = {"type": "hologram", "data": "QUJD" * 200, "caption": "A ship."}
    body = {"model": "claude-opus-5", "messages": [{"role": "user", "content": [block] * 103}]}
    found = read_request(body)
    assert found.texts["user"] == ('{"type":"hologram","data":"","caption":"A ship."}',) * 103
    assert len(found.not_counted) == 101
    assert found.not_counted[-1] == "and 3 more"


def test_text_of_an_unknown_block_is_counted_and_listed() -> None:
    """A block of a type to come is not 0: its text counts, and the list says so."""
    block = {"type": "poem", "lines": ["Roses are red"]}
    found = read_request({"model": "claude-opus-5", "messages": [{"role": "user", "content": [block]}]})
    assert "Roses are red" in found.texts["user"][0]
    assert len(found.not_counted) == 1


@pytest.mark.parametrize("body", ["{", "[]", "null", {"temperature": 1}, 7, None, "[" * 100_000])
def test_what_is_no_request_is_refused_in_one_line(body: object) -> None:
    """Broken JSON and objects of other shapes give one line that says how to mend it."""
    with pytest.raises(InputError) as refused:
        read_request(body)
    assert "\n" not in str(refused.value)
    assert "Give the body" in str(refused.value)
