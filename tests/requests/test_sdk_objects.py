"""The providers' own Python objects as parts of a body, as a program sends an answer back."""

import anthropic.types
from google.genai import types
from openai.types import chat, responses

from token_approx.requests import read_request


def test_anthropic_blocks_of_an_answer_are_read() -> None:
    """An answer's content list goes back as it came: blocks of the SDK among plain dicts."""
    answer = [
        anthropic.types.TextBlock(type="text", text="Let me see."),
        anthropic.types.ToolUseBlock(type="tool_use", id="t1", name="weather", input={"city": "Ulm"}),
    ]
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "Rain."}
    found = read_request(
        {
            "model": "claude-opus-5",
            "messages": [
                {"role": "user", "content": "In Ulm?"},
                {"role": "assistant", "content": answer},
                {"role": "user", "content": [result]},
            ],
        }
    )
    assert found.format == "anthropic"
    assert found.texts["assistant"] == ("Let me see.",)
    assert found.texts["tool_call"] == ('{"city":"Ulm"}',)
    assert found.not_counted == ()


def test_openai_messages_and_items_are_read() -> None:
    """A chat message with a tool call, and the items of a response, go back as they came."""
    message = chat.ChatCompletionMessage.model_validate(
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
        }
    )
    found = read_request({"model": "gpt-4o", "messages": [{"role": "user", "content": "In Ulm?"}, message]})
    assert found.texts["tool_call"] == ('{"city":"Ulm"}',)
    assert found.not_counted == ()
    item = responses.ResponseFunctionToolCall(
        type="function_call", call_id="t1", name="weather", arguments='{"city":"Ulm"}'
    )
    found = read_request({"model": "gpt-4o", "input": [{"role": "user", "content": "In Ulm?"}, item]})
    assert found.texts["tool_call"] == ('{"city":"Ulm"}',)
    assert found.not_counted == ()


def test_gemini_contents_and_config_are_read() -> None:
    """The SDK's arguments, contents and a config of its own classes, give what the wire format does."""
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x64\0\0\0\x64\x08\x06\0\0\0"
    declaration = types.FunctionDeclaration(
        name="weather",
        description="Tell it.",
        parameters=types.Schema(
            type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)}
        ),
    )
    found = read_request(
        {
            "model": "gemini-2.5-flash",
            "contents": [
                types.Content(
                    role="user",
                    parts=[
                        types.Part(text="In Ulm?"),
                        types.Part.from_bytes(data=png, mime_type="image/png"),
                    ],
                )
            ],
            "config": types.GenerateContentConfig(
                system_instruction="Be brief.", tools=[types.Tool(function_declarations=[declaration])]
            ),
        }
    )
    assert found.format == "gemini"
    assert found.texts["system"] == ("Be brief.",)
    assert found.texts["user"] == ("In Ulm?",)
    assert found.counts["tools"] == 1
    assert found.counts["image_tokens"] == 258
    assert found.not_counted == ()


def test_a_whole_object_is_read() -> None:
    """A body may itself be an object with `model_dump`."""
    content = types.Content(role="user", parts=[types.Part(text="In Ulm?")])

    class Body:
        def model_dump(self, **_: object) -> dict[str, object]:
            return {"contents": [content]}

    assert read_request(Body()).texts["user"] == ("In Ulm?",)
