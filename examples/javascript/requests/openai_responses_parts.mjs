// Of OpenAI's responses format: reasoning, tools, and the form of the answer.
import { holdsText } from "./collecting.mjs";
import { collectFunction, collectOutput } from "./openai_parts.mjs";
import { codePoints, compactJson, first, get, isMap, isText, none, repr, str, truthy } from "./values.mjs";

/** Adds reasoning that the model gets back. */
export function readReasoning(/** @type {any} */ item, /** @type {string} */ place, /** @type {any} */ into) {
  const content = item.get("content"), encrypted = item.get("encrypted_content");
  if (Array.isArray(content) && holdsText(content)) {
    for (const part of content) into.textsOf("thinking", isMap(part) ? part.get("text") : part, place);
    return;
  }
  into.add("hidden_reasoning");
  if (isText(encrypted)) into.add("hidden_reasoning_bytes", codePoints(encrypted));
  else into.skip(place, "the reasoning is stored at the provider, so its length is not known");
}

/** Adds a tool. */
export function readTool(/** @type {any} */ tool, /** @type {string} */ place, /** @type {any} */ into) {
  const type = get(tool, "type");
  if (!isMap(tool)) {
    into.add("tools");
    into.unknown("tool_schema", tool, place, "a tool is expected here");
  } else if (isMap(tool.get("function"))) collectFunction(tool.get("function"), place, into);
  else if ((none(type) || type === "function") && !truthy(tool.get("defer_loading"))) {
    collectFunction(tool, place, into);
  } else if (type === "custom") {
    into.add("tools");
    into.text("tool_schema", compactJson(tool));
    into.textsOf("tool_name", tool.get("name"), `${place}.name`);
    into.textsOf("tool_description", tool.get("description"), `${place}.description`);
    into.skip(place, "how a custom tool's grammar counts is not known, its text is counted");
  } else {
    const shown = repr(first(str(type), 40));
    into.skip(place, `what the provider's own or deferred tool ${shown} adds is not known`);
  }
}

/** Adds the form that the answer must have. */
export function readText(/** @type {any} */ text, /** @type {any} */ into) {
  const form = get(text, "format");
  if (isMap(form)) {
    const shown = new Map(["name", "description", "schema"].filter((name) => !none(form.get(name)))
      .map((name) => [name, form.get(name)]));
    collectOutput(shown.size ? shown : null, form.get("type"), into);
  } else if (!none(form)) into.unknown("output_schema", form, "text.format", "an object is expected here");
}
