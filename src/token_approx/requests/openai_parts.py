"""What both of OpenAI's formats have in the same form: content, images, files, functions, the answer."""

from collections.abc import Mapping

from .collecting import Collector, compact_json
from .json_value import Json
from .known_fields import CHAT_OF_NO_TOOL, names
from .tools import collect_tool

# Fields of a part that add no tokens.
_OF_NO_PART = names("type cache_control prompt_cache_breakpoint id")
_OF_FUNCTION = CHAT_OF_NO_TOOL | {"defer_loading"}


def collect_content(content: Json, kind: str, place: str, into: Collector) -> None:
    """Add the content of a message: a text, or a list of parts."""
    for number, part in enumerate(content if isinstance(content, list) else [content]):
        here = f"{place}[{number}]"
        if part is None:
            continue
        if not isinstance(part, dict):
            into.add("text_blocks")
            into.texts_of(kind, part, here)
            continue
        match part.get("type", "text" if "text" in part else None):
            case "text" | "input_text" | "output_text" | "refusal":
                into.add("text_blocks")
                into.texts_of(kind, part.get("text", part.get("refusal")), here)
                into.cited(part.get("annotations"), f"{here}.annotations")
                known: tuple[str, ...] = ("text", "refusal", "annotations", "logprobs")
            case "image_url" | "input_image":
                collect_image(part.get("image_url", part), part, here, into)
                known = ("image_url", "detail", "file_id")
            case "file" | "input_file" | "document":
                collect_file(part.get("file", part.get("document", part)), here, into)
                known = ("file", "document", "file_data", "file_id", "filename", "file_url")
            case "document_url":
                into.add("documents")
                into.skip(here, "the tokens of a document by URL cannot be known from the request")
                known = ("document_url", "document_name")
            case "thinking":
                collect_content(part.get("thinking"), "thinking", f"{here}.thinking", into)
                known = ("thinking", "signature")
            case "input_audio":
                into.skip(here, "the tokens of audio cannot be known from the request")
                known = ("input_audio",)
            case other:
                into.unknown(
                    kind, part, here, f"the type {str(other)[:40]!r} is not known, its text is counted"
                )
                continue
        into.leftovers(kind, part, _OF_NO_PART.union(known), here)


def collect_image(image: Json, part: Mapping[str, Json], place: str, into: Collector) -> None:
    """Add an image, given as a URL or as an object with one: a data URL has its size, others do not."""
    url = image.get("url") if isinstance(image, dict) else image
    detail = image.get("detail") if isinstance(image, dict) else part.get("detail")
    if isinstance(url, bytes) or (isinstance(url, str) and url.startswith("data:")):
        into.image(url, place, str(detail or ""))
    else:
        into.add("images")
        how = "by URL" if isinstance(url, str) else "by file id"
        into.skip(place, f"the tokens of an image {how} cannot be known from the request")


def collect_file(file: Json, place: str, into: Collector) -> None:
    """Add a file: one whose bytes are text counts as that text, the tokens of others cannot be known."""
    data = file.get("file_data", file.get("data")) if isinstance(file, dict) else None
    if isinstance(data, dict):  # Cohere's documents are objects of texts
        into.add("documents")
        into.text("document", compact_json(data))
    elif data is None or not into.plain_document(data, place):
        into.add("documents")
        how = "in a binary format" if data is not None else "by URL or id"
        into.skip(place, f"the tokens of a document {how} cannot be known from the request")


def collect_function(function: Mapping[str, Json], place: str, into: Collector) -> None:
    """Add the definition of a function: its name, description and parameters."""
    shown = {
        name: function[name]
        for name in ("name", "description", "parameters")
        if function.get(name) is not None
    }
    collect_tool(
        into, function.get("name"), function.get("description"), function.get("parameters"), shown, place
    )
    into.leftovers("tool_schema", function, _OF_FUNCTION, place)


def collect_choice(choice: Json, into: Collector) -> None:
    """Add what the choice of a tool is, where it is not automatic."""
    if isinstance(choice, dict):
        into.add(
            "tool_choice_one" if choice.get("type") in (None, "function", "custom") else "tool_choice_any"
        )
    elif choice in ("required", "any"):
        into.add("tool_choice_any")
    elif choice == "none":
        into.add("tool_choice_none")


def collect_response_format(form: Json, into: Collector) -> None:
    """Add the form that the answer must have, as chat completions say it."""
    if not isinstance(form, dict):
        if form is not None:
            into.unknown("output_schema", form, "response_format", "an object is expected here")
        return
    collect_output(form.get("json_schema", form.get("schema")), form.get("type"), into)


def collect_output(schema: Json, kind: Json, into: Collector) -> None:
    """Add what the answer must look like: any JSON object, or one of a schema."""
    if schema is not None:
        into.add("output_schemas")
        into.text("output_schema", compact_json(schema))
    elif kind == "json_object":
        into.add("json_objects")
