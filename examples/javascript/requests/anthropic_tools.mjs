// Of a request to Anthropic: documents, tools, and what else adds tokens.
import { ANTHROPIC_TOOL_FIELDS } from "./known_fields.mjs";
import { collectTool } from "./tools.mjs";
import { compactJson, first, get, isMap, none, repr, str, truthy } from "./values.mjs";

const SHOWN = ["name", "description", "input_schema"];
const CHOICES = new Map(
  [["any", "tool_choice_any"], ["tool", "tool_choice_one"], ["none", "tool_choice_none"]]);
const HOW = new Map([["url", "by URL"], ["file", "by file id"], ["base64", "in a binary format"]]);
const SKIPPED = Object.entries({
  mcp_servers: "what the servers' tools add is not known",
  container: "what the container holds is not known",
  context_management: "the provider may edit what was said before",
});

/** Adds a document; `inner` reads the blocks of one. */
export function readDocument(/** @type {any} */ block, /** @type {string} */ place, /** @type {any} */ into,
                             /** @type {any} */ inner) {
  if (truthy(get(block.get("citations"), "enabled"))) into.counts.citations_on = 1;
  for (const name of ["title", "context"]) into.textsOf("document", block.get(name), `${place}.${name}`);
  const source = block.get("source"), type = get(source, "type");
  if (type === "base64" && into.plainDocument(source.get("data"))) return;
  into.add("documents");
  if (!isMap(source)) into.unknown("document", source, `${place}.source`, "a source is expected here");
  else if (type === "text") into.textsOf("document", source.get("data"), `${place}.source.data`);
  else if (type === "content") inner(source.get("content"), "document", `${place}.source.content`);
  else into.skip(place, why(source, "a document"));
}

/** Why the tokens of a source cannot be known. @param {any} source @param {string} what */
export function why(source, what) {
  const how = HOW.get(str(get(source, "type"))) ?? "of an unknown source";
  return `the tokens of ${what} ${how} cannot be known from the request`;
}

/** @param {any} tools @param {any} into */
export function readTools(tools, into) {
  if (!Array.isArray(tools)) {
    if (truthy(tools)) into.unknown("tool_schema", tools, "tools", "a list of tools is expected here");
    return;
  }
  tools.forEach((tool, number) => {
    const place = `tools[${number}]`, type = get(tool, "type");
    if (!isMap(tool)) {
      into.add("tools");
      into.unknown("tool_schema", tool, place, "a tool is expected here");
    } else if (!none(type) && type !== "custom") {
      into.skip(place, `what the provider's own tool ${repr(first(str(type), 40))} adds is not known`);
    } else if (truthy(tool.get("defer_loading"))) {
      into.skip(place, "the provider decides whether the deferred tool is loaded");
    } else {
      const shown = new Map(SHOWN.filter((name) => !none(tool.get(name))).map((name) => [name, tool.get(name)]));
      collectTool(into, tool.get("name"), tool.get("description"), tool.get("input_schema"), shown, place);
      into.leftovers("tool_schema", tool, ANTHROPIC_TOOL_FIELDS, place);
    }
  });
}

/** @param {any} choice @param {any} into */
export function readChoice(choice, into) {
  const kind = isMap(choice) ? choice.get("type") : choice, name = CHOICES.get(str(kind));
  if (name) into.add(name);
  else if (!none(kind) && kind !== "auto") {
    into.skip("tool_choice", `the choice ${repr(first(str(kind), 40))} is not known`);
  }
}

/** @param {Map<string, any>} body @param {any} into */
export function readOptions(body, into) {
  const thinking = get(body.get("thinking"), "type"), config = body.get("output_config");
  into.add("thinking_on", thinking === "enabled");
  into.add("thinking_adaptive", thinking === "adaptive");
  into.add("thinking_off", thinking === "disabled");
  for (const found of [get(config, "format"), body.get("output_format")]) {
    if (!isMap(found)) continue;
    into.add("output_schemas");
    into.text("output_schema", compactJson(found.has("schema") ? found.get("schema") : found));
  }
  if (truthy(get(config, "task_budget"))) {
    into.skip("output_config.task_budget", "what the task's budget adds is not known");
  }
  for (const [name, reason] of SKIPPED) if (truthy(body.get(name))) into.skip(name, reason);
}
