// Gemini's names in camelCase, and its tools.
import { collectTool } from "./tools.mjs";
import { isMap, listed, none, str, truthy } from "./values.mjs";

/** The fields under their names in camelCase. @param {any} fields @returns {Map<string, any>} */
export const camel = (fields) => new Map(isMap(fields) ? [...fields].map(([name, value]) => [
  name.replace(/_([a-z0-9])/g, (/** @type {any} */ _, /** @type {string} */ mark) => mark.toUpperCase()), value,
]) : []);

/** Adds the functions of a tool. */
export function readTool(/** @type {any} */ tool, /** @type {string} */ place, /** @type {any} */ into) {
  const whole = (/** @type {any} */ one, /** @type {string} */ where, /** @type {string} */ what) => {
    into.add("tools");
    into.unknown("tool_schema", one, where, `a ${what} is expected here`);
  };
  if (!isMap(tool)) return whole(tool, place, "tool");
  for (const [name, value] of camel(tool)) {
    const here = `${place}.${name}`;
    if (name !== "functionDeclarations") {
      if (!none(value)) into.skip(here, "what the provider's own tool adds is not known");
      continue;
    }
    listed(value).forEach((declaration, number) => {
      const where = `${here}[${number}]`;
      if (!isMap(declaration)) return whole(declaration, where, "declaration");
      const fields = new Map([...camel(declaration)].filter(([, inner]) => !none(inner)));
      const schema = fields.get(fields.has("parameters") ? "parameters" : "parametersJsonSchema");
      collectTool(into, fields.get("name"), fields.get("description"), schema, fields, where);
    });
  }
}

/** Adds what the choice of a tool is, where it is not automatic. */
export function readToolConfig(/** @type {any} */ config, /** @type {any} */ into) {
  const fields = camel(camel(config).get("functionCallingConfig"));
  const mode = str(fields.has("mode") ? fields.get("mode") : "").toUpperCase();
  if (mode === "ANY") into.add(truthy(fields.get("allowedFunctionNames")) ? "tool_choice_one" : "tool_choice_any");
  if (mode === "NONE") into.add("tool_choice_none");
}
