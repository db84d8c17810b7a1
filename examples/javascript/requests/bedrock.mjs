// Bedrock's Converse format: its blocks are Anthropic's under other names.
import { readAnthropic } from "./anthropic.mjs";
import { CONVERSE_NO_TOKENS, CONVERSE_READ } from "./known_fields.mjs";
import { get, isMap, none, spacedJson, str } from "./values.mjs";

// The binary formats of documents; the others are text.
const BINARY = ["pdf", "doc", "docx", "xls", "xlsx"];
const NOT_SENT = ["inferenceConfig", "reasoning_effort", "anthropic_beta", "reasoning_config", "reasoningConfig"];

/** @param {Map<string, any>} body @param {any} into */
export function readConverse(body, into) {
  const config = body.get("toolConfig"), fields = body.get("additionalModelRequestFields");
  const more = new Map(isMap(fields) ? fields : []);
  const names = ["reasoning_config", "reasoningConfig"];
  const reasoning = more.get(/** @type {string} */ (names.find((name) => more.has(name))));
  for (const name of names) more.delete(name);
  if (isMap(reasoning) && !more.has("thinking")) more.set("thinking", reasoning);
  const output = readOutput(body.get("outputConfig"));
  const others = [...body].filter(([name]) => ![...CONVERSE_NO_TOKENS, ...CONVERSE_READ].includes(name));
  const same = new Map([
    ...more, ["system", each(body.get("system"), readBlock)], ["messages", each(body.get("messages"), readMessage)],
    ["tools", each(get(config, "tools"), readTool)], ["tool_choice", readChoice(get(config, "toolChoice"))],
    ...output, ...others,
  ]);
  for (const name of NOT_SENT) same.delete(name);
  readAnthropic(same, into);
}

const map = (/** @type {Record<string, any>} */ fields) => new Map(Object.entries(fields));
const without = (/** @type {any} */ fields, /** @type {string[]} */ ...names) =>
  [...fields].filter(([name]) => !names.includes(name));
const each = (/** @type {any} */ value, /** @type {(one: any) => any} */ convert) =>
  Array.isArray(value) ? value.map(convert).filter((found) => !none(found)) : value;

const readMessage = (/** @type {any} */ value) =>
  isMap(value) ? new Map([...value, ["content", each(value.get("content"), readBlock)]]) : value;

/** @param {any} block @returns {any} */
function readBlock(block) {
  if (!isMap(block)) return block;
  const inner = (/** @type {string} */ name) => get(block, name), is = (/** @type {any} */ name) => isMap(inner(name));
  if (block.has("cachePoint")) return null;
  if (block.has("text")) return map({ type: "text", text: inner("text") });
  if (get(inner("toolUse"), "type") === "server_tool_use") return inner("toolUse");
  if (is("toolUse")) return new Map([["type", "tool_use"], ...without(inner("toolUse"), "toolUseId")]);
  if (is("toolResult") && !inner("toolResult").has("type")) {
    const result = inner("toolResult"), content = each(result.get("content"), readResult);
    const others = without(result, "toolUseId", "status");
    return new Map([["type", "tool_result"], ...others, ["content", content]]);
  }
  if (is("image")) return map({ type: "image", source: readSource(inner("image").get("source")) });
  if (is("document")) {
    const document = inner("document"), source = readSource(document.get("source"), document.get("format"));
    return map({ type: "document", title: document.get("name"), citations: document.get("citations"), source });
  }
  if (block.has("audio") || block.has("video")) return map({ type: "media" });
  const reasoning = inner("reasoningContent");
  if (isMap(get(reasoning, "reasoningText"))) {
    return map({ type: "thinking", thinking: reasoning.get("reasoningText").get("text") });
  }
  if (isMap(reasoning)) return map({ type: "redacted_thinking" });
  const guarded = get(inner("guardContent"), "text");
  if (isMap(guarded) && guarded.has("text")) return map({ type: "text", text: guarded.get("text") });
  if (is("searchResult")) {
    const found = inner("searchResult");
    return new Map([["type", "search_result"], ...found, ["content", each(found.get("content"), readBlock)]]);
  }
  if (!block.has("type") && block.size === 1) {
    const [name, value] = [...block][0];
    return new Map([["type", name], [name, value]]);
  }
  return block;
}

const readResult = (/** @type {any} */ block) => isMap(block) && block.has("json")
  ? map({ type: "text", text: spacedJson(block.get("json")) }) : readBlock(block);

/** @param {any} source @param {any} form */
function readSource(source, form = null) {
  if (!isMap(source)) return source;
  if (source.has("bytes")) {
    return map(BINARY.includes(form) ? { type: "base64" } : { type: "base64", data: source.get("bytes") });
  }
  if (source.has("text")) return map({ type: "text", data: source.get("text") });
  if (source.has("s3Location")) return map({ type: "file" });
  return source.has("content") ? map({ type: "content", content: each(source.get("content"), readBlock) }) : source;
}

/** @param {any} tool */
function readTool(tool) {
  if (!isMap(tool)) return tool;
  if (tool.has("cachePoint")) return null;
  const spec = tool.get("toolSpec"), system = tool.get("systemTool");
  if (isMap(spec)) {
    const schema = spec.get("inputSchema"), plain = isMap(schema) && schema.has("json") ? schema.get("json") : schema;
    return new Map([...without(spec, "inputSchema"), ["input_schema", plain]]);
  }
  return isMap(system) ? map({ type: str(system.get("name")) }) : tool;
}

const readChoice = (/** @type {any} */ choice) =>
  isMap(choice) && choice.size ? map({ type: [...choice.keys()][0] }) : choice;

/** @param {any} config @returns {[string, any][]} */
function readOutput(config) {
  const schema = get(get(get(config, "textFormat"), "structure"), "jsonSchema");
  if (isMap(schema)) return [["output_format", schema]];
  return none(config) ? [] : [["outputConfig", config]];
}
