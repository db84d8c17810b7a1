"""Functions as the TypeScript declarations that OpenAI's models are shown."""

from collections.abc import Mapping, Sequence

from .collecting import Collector, compact_json
from .json_value import Json

UNIONS = ("anyOf", "oneOf", "allOf")
# A type is not written deeper than this: such a schema is as rare as it is deep.
DEEPEST = 40
# References to definitions that are written out, in one function.
MOST_RESOLVED = 200


def collect_signatures(into: Collector) -> None:
    """Add the text of all functions that were collected, as one."""
    if into.signatures:
        into.text("tool_signature", namespace(into.signatures))


def namespace(tools: Sequence[tuple[Json, Json, Json]]) -> str:
    """Return (name, description, schema) of functions as the text that OpenAI's models are shown.

    It is the published "harmony" format (openai/harmony, Apache-2.0), and with a title's comment it was the
    one that recorded requests agree with: in most of them to the token, but for a constant.

    >>> schema = {"type": "object", "properties": {"n": {"type": "integer", "title": "N"}}}
    >>> print(namespace([("f", "Do it.", schema)]))
    # Tools
    <BLANKLINE>
    ## functions
    <BLANKLINE>
    namespace functions {
    <BLANKLINE>
    // Do it.
    type f = (_: {
    // N
    n?: number,
    }) => any;
    <BLANKLINE>
    } // namespace functions
    """
    head, end = "# Tools\n\n## functions\n\nnamespace functions {", "} // namespace functions"
    return "\n\n".join(
        [head, *(_Signature(schema).declaration(name, text) for name, text, schema in tools), end]
    )


class _Signature:
    """Writes one function's schema as TypeScript; its definitions stand where they are referred to."""

    def __init__(self, schema: Json) -> None:
        self._root: Mapping[str, Json] = schema if isinstance(schema, dict) else {}
        found = self._root.get("$defs", self._root.get("definitions"))
        self._definitions: Mapping[str, Json] = found if isinstance(found, dict) else {}
        self._resolved = 0

    def declaration(self, name: Json, description: Json) -> str:
        lines = _comment(description)
        if _properties_of(self._root):
            lines += [f"type {name} = (_: {{", *self._properties(self._root, 0), "}) => any;"]
        else:
            lines.append(f"type {name} = () => any;")
        return "\n".join(lines)

    def _properties(self, schema: Mapping[str, Json], depth: int) -> list[str]:
        required = schema.get("required")
        needed = set(map(str, required)) if isinstance(required, list) else set()
        lines = []
        for name, value in _properties_of(schema).items():
            inner = self._resolve(value)
            default = inner.get("default")
            text = default if isinstance(default, str) else compact_json(default)
            shown = "" if default is None else f" // default: {text}"
            lines += [*_comment(inner.get("title")), *_comment(inner.get("description"))]
            lines.append(
                f"{name}{'' if str(name) in needed else '?'}: {self._type(inner, depth + 1)},{shown}"
            )
        return lines

    def _resolve(self, schema: Json) -> Mapping[str, Json]:
        if not isinstance(schema, dict):
            return {}
        target = self._definitions.get(str(schema.get("$ref")).rpartition("/")[2])
        # Definitions that refer to each other would have no end.
        if "$ref" not in schema or not isinstance(target, dict) or self._resolved >= MOST_RESOLVED:
            return schema
        self._resolved += 1
        return {**target, **{name: value for name, value in schema.items() if name != "$ref"}}

    def _type(self, schema: Json, depth: int) -> str:  # noqa: PLR0911 - one answer per kind of schema
        found = self._resolve(schema)
        if depth > DEEPEST:
            return "any"
        values = found.get("enum", [found["const"]] if "const" in found else None)
        if isinstance(values, list) and values:
            return " | ".join(map(compact_json, values))
        choices = next((found[name] for name in UNIONS if isinstance(found.get(name), list)), None)
        if choices is not None:
            return " | ".join(self._type(inner, depth + 1) for inner in choices)
        kind = found.get("type")
        if isinstance(kind, list):
            return " | ".join(self._type({**found, "type": one}, depth + 1) for one in kind)
        if kind == "array":
            return f"{self._type(found.get('items'), depth + 1)}[]"
        if _properties_of(found):
            return "\n".join(["{", *self._properties(found, depth), "}"])
        return "number" if kind == "integer" else kind if isinstance(kind, str) else "any"


def _properties_of(schema: Mapping[str, Json]) -> Mapping[str, Json]:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _comment(text: Json) -> list[str]:
    return [f"// {line}" for line in text.split("\n")] if isinstance(text, str) and text else []
