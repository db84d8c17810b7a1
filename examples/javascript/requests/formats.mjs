// Which wire format a request's body is in, and its features.
import { readAnthropic } from "./anthropic.mjs";
import { readConverse } from "./bedrock.mjs";
import { Collector } from "./collecting.mjs";
import { readGemini } from "./gemini.mjs";
import { camel } from "./gemini_tools.mjs";
import { InputError } from "./json.mjs";
import { modelKey } from "./models.mjs";
import { readOpenaiChat } from "./openai_chat.mjs";
import { readOpenaiResponses } from "./openai_responses.mjs";
import { get, isMap, isText, str } from "./values.mjs";

// Each format's reader, and its rule for images where no model is named.
export const FORMATS = /** @type {Record<string, [any, string]>} */ ({
  anthropic: [readAnthropic, "anthropic"],
  converse: [readConverse, "anthropic"],
  openai_chat: [readOpenaiChat, "openai"],
  openai_responses: [readOpenaiResponses, "openai"],
  gemini: [readGemini, "gemini"],
});
// The rule for images follows the model, whatever the format that it is asked in.
const RULES = [["claude", "anthropic"], ["gemini", "gemini"],
               ...["gpt", "o1", "o3", "o4", "chatgpt", "computer-use"].map((start) => [start, "openai"])];
const CONVERSE = ["toolConfig", "inferenceConfig", "modelId", "additionalModelRequestFields", "outputConfig"];
const ANTHROPIC =
  ["system", "anthropic_version", "stop_sequences", "output_format", "output_config", "thinking_budget"];

/** The features of a request's body, a Map as `parse` makes it; `model` is needed where the body names none. */
export function readRequest(/** @type {any} */ body, model = "", format = "") {
  if (!isMap(body)) throw new InputError("The request is no JSON object. Paste the body that is sent.");
  const found = format || detect(body), name = model || modelOf(body), key = modelKey(name);
  const [read, rule] = FORMATS[found];
  const own = RULES.find(([start]) => key.startsWith(start))?.[1] ?? "";
  const into = new Collector(found, name, key ? own : rule);
  read(body, into);
  return into.features();
}

/** The model that a request names, "" if it names none. @param {any} body @returns {string} */
export function modelOf(body) {
  const named = body.has("model") ? body.get("model") : body.get("modelId");
  return isText(named) ? named : "";
}

/** The wire format that a body's fields are of. @param {Map<string, any>} body */
export function detect(body) {
  const names = camel(body);
  if (names.has("contents") || names.has("generateContentRequest")) return "gemini";
  if (body.has("messages")) return withMessages(body);
  const responses = ["input", "previousResponseId", "instructions"].some((name) => names.has(name));
  if (responses || isMap(body.get("prompt"))) return "openai_responses";
  if (body.has("prompt")) return "openai_chat";
  throw new InputError("The request has none of the fields messages, input and contents."
    + " Paste the body that is sent to Anthropic, Bedrock, OpenAI or Gemini.");
}

function withMessages(/** @type {Map<string, any>} */ body) {
  const has = (/** @type {string[]} */ names) => names.some((name) => body.has(name));
  const lists = (/** @type {any} */ value) => Array.isArray(value) ? value.filter(isMap) : [];
  if (has(CONVERSE)) return "converse";
  const blocks = lists(body.get("messages")).flatMap((message) => lists(message.get("content")));
  if (blocks.some((block) => block.size && !block.has("type"))) return "converse";
  if (has(ANTHROPIC)) return "anthropic";
  const tools = lists(body.get("tools"));
  if (tools.some((tool) => tool.has("input_schema"))) return "anthropic";
  const holds = (/** @type {string[]} */ kinds) => blocks.some((block) => kinds.includes(get(block, "type")));
  if (holds(["image", "tool_use", "tool_result", "thinking_block", "redacted_thinking"])) return "anthropic";
  if (tools.some((tool) => tool.has("function")) || holds(["image_url", "input_audio", "file"])) return "openai_chat";
  const model = modelKey(body.has("model") ? str(body.get("model")) : "");
  return model.startsWith("claude") ? "anthropic" : "openai_chat";
}
