"""What is known of a request before any weight: texts by kind, counts, and what is not counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Kinds of text in a request, each with the part of the total that its tokens belong to.
TEXT_KINDS = {
    "system": "system",
    "user": "messages",
    "assistant": "messages",
    "thinking": "messages",
    "tool_schema": "tools",
    "tool_words": "tools",
    "tool_signature": "tools",
    "tool_name": "tools",
    "tool_description": "tools",
    "output_schema": "tools",
    "tool_call_name": "tool calls",
    "tool_call": "tool calls",
    "tool_result": "tool results",
    "document": "documents",
}

# Counts of a request, each with the part of the total that its tokens belong to.
COUNTS = {
    "requests": "framing",
    "systems": "framing",
    "user_messages": "framing",
    "assistant_messages": "framing",
    "text_blocks": "framing",
    "message_names": "framing",
    "thinking_on": "framing",
    "thinking_adaptive": "framing",
    "thinking_off": "framing",
    "tools_on": "tools",
    "tools_with_system": "tools",
    "tools": "tools",
    "tool_descriptions": "tools",
    "tool_properties": "tools",
    "tool_property_descriptions": "tools",
    "tool_enum_values": "tools",
    "tool_objects": "tools",
    "tool_choice_any": "tools",
    "tool_choice_one": "tools",
    "tool_choice_none": "tools",
    "output_schemas": "tools",
    "json_objects": "tools",
    "tool_calls": "tool calls",
    "tool_call_turns": "tool calls",
    "tool_call_arguments": "tool calls",
    "tool_results": "tool results",
    "tool_result_turns": "tool results",
    "hidden_reasoning": "messages",
    "hidden_reasoning_bytes": "messages",
    "images": "images",
    "image_tokens": "images",
    "documents": "documents",
    "citations_on": "documents",
}

# What a request may hold, by the name of its kind.
KINDS = ("images", "documents", "tools", "options", "plain")

# The parts of a total, in the order in which they are shown.
PARTS = (
    "system",
    "messages",
    "tools",
    "tool calls",
    "tool results",
    "images",
    "documents",
    "framing",
)


@dataclass(frozen=True)
class RequestFeatures:
    """The features of one request.

    `format` is the wire format it was read as, `model` the model that it names or that was given ("" if
    none). `texts` holds the texts of each kind of `TEXT_KINDS` that occurs, in the order of the request;
    a table or a tokenizer gives their costs. `counts` holds numbers by the names of `COUNTS`, those that
    are not 0; `image_tokens` alone is in tokens, by the provider's public rule. `not_counted` lists what
    the request has that no estimate can know, as "place: reason"; if it is empty, the features hold
    everything.
    """

    format: str
    model: str
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    counts: Mapping[str, float] = field(default_factory=dict)
    not_counted: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What the request holds: images, documents, tools, options (a schema, thinking), or plain text."""
        if self.counts.get("images"):
            return "images"
        if self.counts.get("documents"):
            return "documents"
        if any(self.counts.get(name) for name in ("tools", "tool_calls", "tool_results")):
            return "tools"
        plain = {"requests", "systems", "user_messages", "assistant_messages", "text_blocks", "thinking_off"}
        return "plain" if plain.issuperset(self.counts) else "options"
