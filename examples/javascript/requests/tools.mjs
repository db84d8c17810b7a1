// Tool definitions and tool calls -> texts and counts.
import { compactJson, get, isMap, isText, none, spacedJson, truthy } from "./values.mjs";

// Schema keywords whose value is a map from names to schemas, a schema or a list of schemas.
const MAPS = ["properties", "$defs", "definitions", "patternProperties"];
const SCHEMAS = ["items", "additionalProperties", "not", "prefixItems", "anyOf", "oneOf", "allOf"];

/** Adds a tool that the caller defines; `shown` is its whole definition. */
export function collectTool(/** @type {any} */ into, /** @type {any} */ name, /** @type {any} */ description,
                            /** @type {any} */ schema, /** @type {any} */ shown, /** @type {string} */ place) {
  into.add("tools");
  into.text("tool_schema", spacedJson(shown));
  into.textsOf("tool_name", name, `${place}.name`);
  if (truthy(description)) {
    into.add("tool_descriptions");
    into.textsOf("tool_description", description, `${place}.description`);
  }
  if (!none(schema) && !isMap(schema)) {
    into.skip(place, "its schema is no JSON object, its text is counted");
    return;
  }
  into.signatures.push([name, description, schema]);
  into.text("tool_words", [...words(schema)].join("\n"));
  for (const found of schemas(schema)) {
    const properties = found.get("properties");
    if (isMap(properties)) {
      into.add("tool_objects");
      into.add("tool_properties", properties.size);
      const described = [...properties.values()].filter((value) => truthy(get(value, "description")));
      into.add("tool_property_descriptions", described.length);
    }
    if (Array.isArray(found.get("enum"))) into.add("tool_enum_values", found.get("enum").length);
  }
}

/** Adds a tool call: its name, and its arguments as JSON text or as an object. */
export function collectCall(/** @type {any} */ into, /** @type {any} */ name, /** @type {any} */ args,
                            /** @type {string} */ place) {
  into.add("tool_calls");
  into.textsOf("tool_call_name", name, `${place}.name`);
  if (isMap(args)) into.add("tool_call_arguments", args.size);
  if (isText(args)) into.add("tool_call_arguments", args.split('":').length - 1);
  if (!none(args)) into.text("tool_call", isText(args) ? args : compactJson(args));
}

/** What a schema says in words: its properties' names, descriptions and allowed values. */
function* words(/** @type {any} */ schema) {
  for (const found of schemas(schema)) {
    const allowed = found.get("enum");
    for (const value of [found.get("title"), found.get("description"), ...(Array.isArray(allowed) ? allowed : [])]) {
      if (isText(value)) yield value;
    }
    if (isMap(found.get("properties"))) yield* found.get("properties").keys();
  }
}

/** A JSON schema and all schemas within it. */
function* schemas(/** @type {any} */ schema) {
  const waiting = [schema];
  while (waiting.length) {
    const found = waiting.pop();
    if (Array.isArray(found)) for (const inner of found) waiting.push(inner);
    if (!isMap(found)) continue;
    yield found;
    for (const keyword of MAPS) {
      if (isMap(found.get(keyword))) waiting.push(...found.get(keyword).values());
    }
    for (const keyword of SCHEMAS) if (found.has(keyword)) waiting.push(found.get(keyword));
  }
}
