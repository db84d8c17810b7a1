"""Tool definitions and tool calls -> texts and counts."""

from collections.abc import Iterable, Iterator, Mapping

from .collecting import Collector, compact_json, spaced_json
from .json_value import Json

# Schema keywords whose value is a map from names to schemas, a schema or a list of schemas.
MAPS = ("properties", "$defs", "definitions", "patternProperties")
SCHEMAS = ("items", "additionalProperties", "not", "prefixItems", "anyOf", "oneOf", "allOf")


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
    within = list(schemas(schema or {}))
    into.text("tool_words", "\n".join(_words(within)))
    for found in within:
        properties = found.get("properties")
        if isinstance(properties, dict):
            into.add("tool_objects")
            into.add("tool_properties", len(properties))
            described = (value for value in properties.values() if isinstance(value, dict))
            into.add("tool_property_descriptions", sum(bool(value.get("description")) for value in described))
        if isinstance(found.get("enum"), list):
            into.add("tool_enum_values", len(found["enum"]))


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


def _words(within: Iterable[Mapping[str, Json]]) -> Iterator[str]:
    """Yield what schemas say in words: their properties' names, descriptions and allowed values."""
    for found in within:
        for value in (found.get("title"), found.get("description"), *_listed(found.get("enum"))):
            if isinstance(value, str):
                yield value
        properties = found.get("properties")
        yield from properties if isinstance(properties, dict) else ()


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def schemas(schema: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """Yield a JSON schema and all schemas within it."""
    waiting: list[Json] = [schema]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting.extend(found)
        elif isinstance(found, dict):
            yield found
            for keyword in MAPS:
                if isinstance(found.get(keyword), dict):
                    waiting.extend(found[keyword].values())
            waiting.extend(found[keyword] for keyword in SCHEMAS if keyword in found)
