// Gemini's generateContent format, in camelCase as the API has it or in snake_case as the SDK has it.
import { camel, readTool, readToolConfig } from "./gemini_tools.mjs";
import { GEMINI_NO_TOKENS, GEMINI_OF_NO_PART, GEMINI_READ } from "./known_fields.mjs";
import { collectCall } from "./tools.mjs";
import { codePoints, compactJson, get, isMap, isText, none, several, str, truthy } from "./values.mjs";

const OF_A_RESPONSE = ["name", "response", "parts", "id", "willContinue", "scheduling"];

/** @param {Map<string, any>} body @param {any} into */
export function readGemini(body, into) {
  let fields = camel(body);
  const whole = fields.get("generateContentRequest");
  if (isMap(whole)) {
    fields.delete("generateContentRequest");
    fields = new Map([...fields, ...camel(whole)]);
  }
  for (const name of ["config", "generationConfig"]) {
    const inner = fields.get(name);
    if (!isMap(inner)) continue;
    fields.delete(name);
    fields = new Map([...camel(inner), ...fields]);
  }
  const system = fields.get("systemInstruction");
  if (truthy(system)) {
    into.add("systems");
    readContent(system, "system", "systemInstruction", into);
  }
  for (const [number, content] of several(fields.get("contents"))) {
    const kind = get(content, "role") === "model" ? "assistant" : "user";
    into.add(`${kind}_messages`);
    readContent(content, kind, `contents[${number}]`, into);
  }
  for (const [number, tool] of several(fields.get("tools"))) readTool(tool, `tools[${number}]`, into);
  readToolConfig(fields.get("toolConfig"), into);
  for (const name of ["responseSchema", "responseJsonSchema"]) {
    if (none(fields.get(name))) continue;
    into.add("output_schemas");
    into.text("output_schema", compactJson(fields.get(name)));
  }
  if (truthy(fields.get("cachedContent"))) {
    into.skip("cachedContent", "what the provider has stored is not in the request");
  }
  into.leftovers("user", fields, [...GEMINI_NO_TOKENS, ...GEMINI_READ], "request");
}

function readContent(/** @type {any} */ content, /** @type {string} */ kind, /** @type {string} */ place,
                     /** @type {any} */ into) {
  const whole = isMap(content) && content.has("parts"), before = { ...into.counts };
  if (whole) into.leftovers(kind, content, ["parts", "role"], place);
  for (const [number, part] of several(whole ? content.get("parts") : content)) {
    readPart(part, kind, `${place}.parts[${number}]`, into);
  }
  for (const name of ["tool_call", "tool_result"]) {
    into.add(`${name}_turns`, (into.counts[`${name}s`] ?? 0) > (before[`${name}s`] ?? 0));
  }
}

function readPart(/** @type {any} */ part, /** @type {string} */ kind, /** @type {string} */ place,
                  /** @type {any} */ into) {
  if (none(part)) return;
  if (!isMap(part)) {
    into.add("text_blocks");
    into.textsOf(kind, part, place);
    return;
  }
  const fields = camel(part);
  for (const [name, value] of fields) {
    const here = `${place}.${name}`, inner = camel(value);
    if (name === "text") {
      into.add("text_blocks");
      into.textsOf(fields.get("thought") === true ? "thinking" : kind, value, here);
    } else if (name === "inlineData") readInline(inner, here, into);
    else if (name === "fileData") {
      const type = (inner.has("mimeType") ? str(inner.get("mimeType")) : "a file").split("/")[0];
      into.add(type === "image" ? "images" : "documents");
      into.skip(here, `the tokens of ${type} by URL cannot be known from the request`);
    } else if (name === "functionCall") {
      collectCall(into, inner.get("name"), inner.get("args"), here);
      into.leftovers("tool_call", inner, ["name", "args", "id"], here);
    } else if (name === "functionResponse") readResponse(inner, here, into);
    else if (["executableCode", "codeExecutionResult", "toolCall", "toolResponse"].includes(name)) {
      into.unknown("tool_call", value, here,
        "how the provider's own tool counts is not known, its text is counted");
    } else if (name === "thoughtSignature" && isText(value)) {
      // It stands for thinking that the model gets back; its length is all that is known of it.
      into.add("hidden_reasoning");
      into.add("hidden_reasoning_bytes", codePoints(value));
    } else if (!GEMINI_OF_NO_PART.includes(name) && !none(value)) {
      into.leftovers(kind, new Map([[name, value]]), [], place);
    }
  }
}

function readInline(/** @type {any} */ data, /** @type {string} */ place, /** @type {any} */ into) {
  const kind = data.has("mimeType") ? str(data.get("mimeType")) : "";
  if (kind.startsWith("image/") || !kind) into.image(data.get("data"), place);
  else if (kind.startsWith("audio/") || kind.startsWith("video/")) {
    into.skip(place, `the tokens of ${kind.split("/")[0]} cannot be known from the request`);
  } else if (!into.plainDocument(data.get("data"))) {
    into.add("documents");
    into.skip(place, "the tokens of a document in a binary format cannot be known from the request");
  }
}

function readResponse(/** @type {any} */ response, /** @type {string} */ place, /** @type {any} */ into) {
  into.add("tool_results");
  into.textsOf("tool_call_name", response.get("name"), `${place}.name`);
  if (!none(response.get("response"))) into.text("tool_result", compactJson(response.get("response")));
  const parts = response.get("parts");
  (Array.isArray(parts) ? parts : []).forEach((part, i) => readPart(part, "tool_result", `${place}.parts[${i}]`, into));
  into.leftovers("tool_result", response, OF_A_RESPONSE, place);
}
