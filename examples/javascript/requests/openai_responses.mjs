// OpenAI's responses format: a list of items, where chat completions have messages.
import { RESPONSES_NO_TOKENS, RESPONSES_OF_NO_ITEM, RESPONSES_READ } from "./known_fields.mjs";
import { collectChoice, collectContent, collectResponseFormat, pick } from "./openai_parts.mjs";
import { readReasoning, readText, readTool } from "./openai_responses_parts.mjs";
import { collectSignatures } from "./signatures.mjs";
import { collectCall } from "./tools.mjs";
import { first, get, isMap, isText, none, repr, several, str, truthy } from "./values.mjs";

const STORED = "what the provider has stored is not in the request";
const SKIPPED = Object.entries({
  previous_response_id: STORED,
  conversation: STORED,
  prompt: "the stored prompt's text is not in the request",
  context_management: "the provider may shorten what was said before",
});
const CALLS = ["function_call", "custom_tool_call", "mcp_call", "tool_search_call"];

/** @param {Map<string, any>} body @param {any} into */
export function readOpenaiResponses(body, into) {
  if (truthy(body.get("instructions"))) {
    into.add("systems");
    into.textsOf("system", body.get("instructions"), "instructions");
  }
  const given = pick(body, ["input", "messages"]), reasoning = body.get("reasoning");
  const one = [new Map([["role", "user"], ["content", given]])];
  const items = isText(given) ? one : several(given).map(([, item]) => item);
  const keepsAll = get(reasoning, "context") === "all_turns";
  const start = keepsAll ? -1 : items.findLastIndex((item) => get(item, "role") === "user");
  items.forEach((item, number) => {
    // Reasoning of turns before the user's last message is taken out by the provider.
    if (number >= start || get(item, "type") !== "reasoning") readItem(item, `input[${number}]`, into);
  });
  for (const [number, tool] of several(body.get("tools"))) readTool(tool, `tools[${number}]`, into);
  collectChoice(body.get("tool_choice"), into);
  readText(body.get("text"), into);
  if (body.has("response_format")) collectResponseFormat(body.get("response_format"), into);
  for (const [name, reason] of SKIPPED) if (truthy(body.get(name))) into.skip(name, reason);
  const mode = get(reasoning, "mode");
  if (!none(mode) && mode !== "standard" && mode !== "default") {
    into.skip("reasoning.mode", "what this mode adds to the prompt is not known");
  }
  collectSignatures(into);
  into.leftovers("user", body, [...RESPONSES_NO_TOKENS, ...RESPONSES_READ], "request");
}

function readItem(/** @type {any} */ item, /** @type {string} */ place, /** @type {any} */ into) {
  if (!isMap(item)) {
    into.add("user_messages");
    into.unknown("user", item, place, "an item is expected here");
    return;
  }
  const type = item.has("type") ? item.get("type") : "message";
  let names;
  if (type === "message") {
    const role = item.get("role"), system = role === "system" || role === "developer";
    const kind = system ? "system" : role === "assistant" ? "assistant" : "user";
    into.add(system ? "systems" : `${kind}_messages`);
    collectContent(item.get("content"), kind, `${place}.content`, into);
    names = ["content"];
  } else if (CALLS.includes(type)) {
    into.add("tool_call_turns");
    collectCall(into, item.get("name"), pick(item, ["arguments", "input"]), place);
    if (!none(item.get("output"))) {
      into.add("tool_results");
      into.textsOf("tool_result", item.get("output"), `${place}.output`);
    }
    if (type === "mcp_call" || type === "tool_search_call") {
      into.skip(place, "how the provider's own tool counts is not known, its text is counted");
    }
    names = ["name", "arguments", "input", "output", "server_label", "error", "approval_request_id"];
  } else if (type === "function_call_output" || type === "custom_tool_call_output") {
    into.add("tool_results");
    collectContent(item.get("output"), "tool_result", `${place}.output`, into);
    names = ["output"];
  } else if (type === "reasoning") {
    readReasoning(item, place, into);
    names = ["summary", "content", "encrypted_content"];
  } else if (type === "additional_tools" || type === "tool_search_output") {
    const tools = item.get("tools");
    for (const [number, tool] of Array.isArray(tools) ? tools.entries() : []) {
      readTool(tool, `${place}.tools[${number}]`, into);
    }
    into.add("tool_results", type === "tool_search_output");
    names = ["tools"];
  } else if (type === "item_reference" || type === "compaction") {
    return into.skip(place, `the text of the ${type.replaceAll("_", " ")} is not in the request`);
  } else {
    const shown = repr(first(str(type), 40));
    return into.unknown("tool_call", item, place, `the type ${shown} is not known, its text is counted`);
  }
  into.leftovers("user", item, [...RESPONSES_OF_NO_ITEM, ...names], place);
}
