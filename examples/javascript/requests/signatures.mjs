// Functions as the TypeScript declarations that OpenAI's models are shown.
import { compactJson, get, isMap, isText, none, str } from "./values.mjs";

const UNIONS = ["anyOf", "oneOf", "allOf"];
// A type is not written deeper than this; so many references to definitions are written out, in one function.
const DEEPEST = 40, MOST_RESOLVED = 200;

/** Adds the text of all functions that were collected, as one. @param {any} into */
export function collectSignatures(into) {
  if (!into.signatures.length) return;
  const head = "# Tools\n\n## functions\n\nnamespace functions {", end = "} // namespace functions";
  const declarations = into.signatures.map((/** @type {any[]} */ one) => declaration(one[0], one[1], one[2]));
  into.text("tool_signature", [head, ...declarations, end].join("\n\n"));
}

function declaration(/** @type {any} */ name, /** @type {any} */ description, /** @type {any} */ schema) {
  const root = isMap(schema) ? schema : new Map(), lines = comment(description);
  if (propertiesOf(root).size) {
    lines.push(`type ${str(name)} = (_: {`, ...new Writer(root).properties(root, 0), "}) => any;");
  } else lines.push(`type ${str(name)} = () => any;`);
  return lines.join("\n");
}

/** Writes one function's schema as TypeScript; its definitions stand where they are referred to. */
class Writer {
  /** @param {Map<string, any>} root */
  constructor(root) {
    const found = root.has("$defs") ? root.get("$defs") : root.get("definitions");
    this.definitions = isMap(found) ? found : new Map();
    this.resolved = 0;
  }

  /** @param {any} schema @param {number} depth @returns {string[]} */
  properties(schema, depth) {
    const required = schema.get("required"), needed = Array.isArray(required) ? required.map(str) : [];
    return [...propertiesOf(schema)].flatMap(([name, value]) => {
      const inner = this.resolve(value), preset = inner.get("default");
      const shown = none(preset) ? "" : ` // default: ${isText(preset) ? preset : compactJson(preset)}`;
      const type = this.type(inner, depth + 1);
      return [...comment(inner.get("title")), ...comment(inner.get("description")),
              `${name}${needed.includes(name) ? "" : "?"}: ${type},${shown}`];
    });
  }

  /** @param {any} schema */
  resolve(schema) {
    if (!isMap(schema)) return new Map();
    const target = this.definitions.get(str(schema.get("$ref")).split("/").pop());
    // Definitions that refer to each other would have no end.
    if (!schema.has("$ref") || !isMap(target) || this.resolved >= MOST_RESOLVED) return schema;
    this.resolved += 1;
    return new Map([...target, ...[...schema].filter(([name]) => name !== "$ref")]);
  }

  /** @param {any} schema @param {number} depth @returns {string} */
  type(schema, depth) {
    const found = this.resolve(schema);
    if (depth > DEEPEST) return "any";
    const values = found.has("enum") ? found.get("enum") : found.has("const") ? [found.get("const")] : null;
    if (Array.isArray(values) && values.length) return values.map(compactJson).join(" | ");
    const union = UNIONS.find((name) => Array.isArray(found.get(name)));
    if (union) return found.get(union).map((/** @type {any} */ one) => this.type(one, depth + 1)).join(" | ");
    const kind = found.get("type");
    if (Array.isArray(kind)) {
      return kind.map((one) => this.type(new Map([...found, ["type", one]]), depth + 1)).join(" | ");
    }
    if (kind === "array") return `${this.type(get(found, "items"), depth + 1)}[]`;
    if (propertiesOf(found).size) return ["{", ...this.properties(found, depth), "}"].join("\n");
    return kind === "integer" ? "number" : isText(kind) ? kind : "any";
  }
}

const propertiesOf = (/** @type {any} */ schema) =>
  isMap(schema.get("properties")) ? schema.get("properties") : new Map();

/** @param {any} text @returns {string[]} */
const comment = (text) => isText(text) && text ? text.split("\n").map((line) => `// ${line}`) : [];
