"""Tool definitions and tool calls -> texts and counts."""

from collections.abc import Iterator, Mapping

from .collecting import Collector, compact_json, spaced_json
from .json_value import Json

# Schema keywords whose value is a map from names to schemas, a schema or a list of schemas.
MAPS = ("properties", "$defs", "definitions", "patternProperties")
SCHEMAS = ("items", "additionalProperties", "not", "prefixItems", "anyOf", "oneOf", "allOf")
_HOLD_SCHEMAS = frozenset((*MAPS, *SCHEMAS))


def collect_tool(
    into: Collector, name: Json, description: Json, schema: Json, definition: Json, place: str
) -> None:
    """Add a tool that the caller defines: its name, description and schema, and its whole `definition`."""
    into.add("tools")
    into.text("tool_schema", spaced_json(definition))
    into.texts_of("tool_name", name, f"{place}.name")
    if description:
        into.add("tool_descriptions")
        into.texts_of("tool_description", description, f"{place}.description")
    if schema is not None and not isinstance(schema, dict):
        into.skip(place, "its schema is no JSON object, its text is counted")
        return
    into.signatures.append((name, description, schema))
    words: list[str] = []
    for found in schemas(schema or {}):
        _collect_words(found, words)
        values, properties = found.get("enum"), found.get("properties")
        if isinstance(values, list):
            into.add("tool_enum_values", len(values))
        if isinstance(properties, dict):
            into.add("tool_objects")
            into.add("tool_properties", len(properties))
            into.add("tool_property_descriptions", sum(map(_is_described, properties.values())))
    into.text("tool_words", "\n".join(words))


def collect_call(into: Collector, name: Json, arguments: Json, place: str) -> None:
    """Add a tool call: its name, and its arguments as the JSON text that they are or as an object."""
    into.add("tool_calls")
    into.texts_of("tool_call_name", name, f"{place}.name")
    if isinstance(arguments, dict):
        into.add("tool_call_arguments", len(arguments))
        into.text("tool_call", compact_json(arguments))
    elif isinstance(arguments, str):
        into.add("tool_call_arguments", arguments.count('":'))
        into.text("tool_call", arguments)
    elif arguments is not None:
        into.text("tool_call", compact_json(arguments))


def _collect_words(schema: Mapping[str, Json], words: list[str]) -> None:
    """Append what a schema says in words: title, description, allowed values, names of its properties."""
    title, description = schema.get("title"), schema.get("description")
    if isinstance(title, str):
        words.append(title)
    if isinstance(description, str):
        words.append(description)
    values, properties = schema.get("enum"), schema.get("properties")
    if isinstance(values, list):
        words.extend(value for value in values if isinstance(value, str))
    if isinstance(properties, dict):
        words.extend(properties)


def _is_described(schema: Json) -> bool:
    return isinstance(schema, dict) and bool(schema.get("description"))


def schemas(schema: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """Yield a JSON schema and all schemas within it."""
    waiting: list[Json] = [schema]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting.extend(found)
        elif isinstance(found, dict):
            yield found
            if _HOLD_SCHEMAS.isdisjoint(found):  # as most are
                continue
            for keyword in MAPS:
                if isinstance(found.get(keyword), dict):
                    waiting.extend(found[keyword].values())
            waiting.extend(found[keyword] for keyword in SCHEMAS if keyword in found)
