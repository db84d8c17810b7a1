"""Tool definitions -> texts and counts: JSON as written, and the signatures that OpenAI's models see."""

from collections.abc import Iterator, Mapping

from .collecting import Collector, compact_json
from .json_value import Json

# Schema keywords whose value is a map from names to schemas, a schema or a list of schemas.
MAPS = ("properties", "$defs", "definitions", "patternProperties")
SCHEMAS = ("items", "additionalProperties", "not", "prefixItems", "anyOf", "oneOf", "allOf")
# How a schema's types are written in a signature; others are left as they are.
TYPE_NAMES = {"integer": "number", "null": "null", "object": "object"}
# A signature is not written deeper than this: such a schema is as rare as it is deep.
DEEPEST = 40


def collect_tool(
    into: Collector, name: Json, description: Json, schema: Json, definition: Json, place: str
) -> None:
    """Add a tool that the caller defines: its name, description and schema, and its whole `definition`."""
    into.add("tools")
    into.text("tool_schema", compact_json(definition))
    into.texts_of("tool_name", name, f"{place}.name")
    if description:
        into.add("tool_descriptions")
        into.texts_of("tool_description", description, f"{place}.description")
    if schema is not None and not isinstance(schema, Mapping):
        into.skip(place, "its schema is no JSON object, its text is counted")
        return
    into.text("tool_signature", signature(name, description, schema or {}))
    for found in schemas(schema or {}):
        properties = found.get("properties")
        if isinstance(properties, Mapping):
            into.add("tool_objects")
            into.add("tool_properties", len(properties))
            described = (value for value in properties.values() if isinstance(value, Mapping))
            into.add("tool_property_descriptions", sum(bool(value.get("description")) for value in described))
        if isinstance(found.get("enum"), list):
            into.add("tool_enum_values", len(found["enum"]))


def collect_call(into: Collector, name: Json, arguments: Json, place: str) -> None:
    """Add a tool call: its name, and its arguments as the JSON text that they are or as an object."""
    into.add("tool_calls")
    into.texts_of("tool_call_name", name, f"{place}.name")
    if isinstance(arguments, Mapping):
        into.add("tool_call_arguments", len(arguments))
        into.text("tool_call", compact_json(arguments))
    elif isinstance(arguments, str):
        into.add("tool_call_arguments", arguments.count('":'))
        into.text("tool_call", arguments)
    elif arguments is not None:
        into.text("tool_call", compact_json(arguments))


def schemas(schema: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """Yield a JSON schema and all schemas within it."""
    waiting: list[Json] = [schema]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting.extend(found)
        elif isinstance(found, Mapping):
            yield found
            for keyword in MAPS:
                if isinstance(found.get(keyword), Mapping):
                    waiting.extend(found[keyword].values())
            waiting.extend(found[keyword] for keyword in SCHEMAS if keyword in found)


def signature(name: Json, description: Json, schema: Mapping[str, Json]) -> str:
    """Return a function as the TypeScript declaration that OpenAI's models are shown.

    The form is that of the models' published "harmony" format (openai/harmony, MIT): the description as a
    comment, then `type name = (_: {...}) => any;`.

    >>> print(signature("f", "Do it.", {"type": "object", "properties": {"n": {"type": "integer"}}}))
    // Do it.
    type f = (_: {
    n?: number,
    }) => any;
    """
    lines = _comment(description)
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and properties:
        head, end = f"type {name} = (_: {{", "}) => any;"
        lines += [head, *_properties(schema, properties, 0), end]
    else:
        lines.append(f"type {name} = () => any;")
    return "\n".join(lines)


def _properties(schema: Mapping[str, Json], properties: Mapping[str, Json], depth: int) -> list[str]:
    required = schema.get("required")
    needed = set(map(str, required)) if isinstance(required, list) else set()
    lines = []
    for name, value in properties.items():
        inner = value if isinstance(value, Mapping) else {}
        default = inner.get("default")
        shown = (
            ""
            if default is None
            else f" // default: {default if isinstance(default, str) else compact_json(default)}"
        )
        lines += _comment(inner.get("description"))
        lines.append(f"{name}{'' if str(name) in needed else '?'}: {_type(inner, depth + 1)},{shown}")
    return lines


def _type(schema: Json, depth: int) -> str:
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return "any"
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if isinstance(values, list) and values:
        return " | ".join(map(compact_json, values))
    for keyword in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(keyword), list):
            return " | ".join(_type(inner, depth + 1) for inner in schema[keyword])
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_type({**schema, "type": one}, depth + 1) for one in kind)
    if kind == "array":
        return f"{_type(schema['items'], depth + 1)}[]" if "items" in schema else "any[]"
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and properties:
        return "\n".join(["{", *_properties(schema, properties, depth), "}"])
    return TYPE_NAMES.get(kind, kind) if isinstance(kind, str) else "any"


def _comment(text: Json) -> list[str]:
    return [f"// {line}" for line in text.split("\n")] if isinstance(text, str) and text else []
