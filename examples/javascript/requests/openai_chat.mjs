// OpenAI's chat completions format, which Azure, DeepSeek, Mistral, Qwen and many others take too.
import { CHAT_NO_TOKENS, CHAT_OF_NO_MESSAGE, CHAT_READ } from "./known_fields.mjs";
import { collectChoice, collectContent, collectFunction, collectResponseFormat, pick } from "./openai_parts.mjs";
import { collectSignatures } from "./signatures.mjs";
import { collectCall } from "./tools.mjs";
import { first, get, isMap, listed, none, repr, several, str, truthy } from "./values.mjs";

/** @param {Map<string, any>} body @param {any} into */
export function readOpenaiChat(body, into) {
  readMessages(body.get("messages"), into);
  if (body.has("prompt") && !body.has("messages")) {
    listed(body.get("prompt")).forEach((text, number) => into.textsOf("user", text, `prompt[${number}]`));
  }
  for (const name of ["tools", "functions"]) readTools(body.get(name), name, into);
  collectChoice(pick(body, ["tool_choice", "function_call"]), into);
  collectResponseFormat(body.get("response_format"), into);
  into.add("thinking_off", get(body.get("thinking"), "type") === "disabled");
  for (const name of ["web_search_options", "plugins"]) {
    if (body.has(name)) into.skip(name, "what the provider's own tool adds is not known");
  }
  const prediction = body.get("prediction");
  if (!none(prediction)) {
    into.unknown("user", prediction, "prediction", "whether the prediction counts is not known, its text does");
  }
  collectSignatures(into);
  into.leftovers("user", body, [...CHAT_NO_TOKENS, ...CHAT_READ], "request");
}

/** The kind of a message's texts, and the count that it adds to. @param {any} role */
function kindOf(role) {
  if (role === "system" || role === "developer") return ["system", "systems"];
  if (role === "tool" || role === "function") return ["tool_result", "tool_results"];
  return role === "assistant" ? ["assistant", "assistant_messages"] : ["user", "user_messages"];
}

function readMessages(/** @type {any} */ given, /** @type {any} */ into) {
  if (none(given)) return;
  const messages = listed(given), last = messages.findLastIndex((message) => get(message, "role") === "user");
  messages.forEach((message, number) => {
    const place = `messages[${number}]`;
    if (!isMap(message)) {
      into.add("user_messages");
      into.unknown("user", message, place, "a message is expected here, with a role and a content");
      return;
    }
    const role = message.get("role"), [kind, count] = kindOf(role);
    into.add(count);
    if (role !== "function" && truthy(message.get("name"))) {
      into.add("message_names");
      into.textsOf(kind, message.get("name"), `${place}.name`);
    }
    collectContent(message.get("content"), kind, `${place}.content`, into);
    readCalls(message, place, into);
    // Providers leave out the reasoning of turns before the user's last message.
    if (number > last) readReasoning(message, place, into);
    if (truthy(message.get("refusal"))) into.textsOf(kind, message.get("refusal"), `${place}.refusal`);
    into.cited(message.get("annotations"), `${place}.annotations`);
    if (truthy(message.get("audio"))) {
      into.skip(`${place}.audio`, "the tokens of audio cannot be known from the request");
    }
    into.leftovers(kind, message, CHAT_OF_NO_MESSAGE, place);
  });
}

function readCalls(/** @type {any} */ message, /** @type {string} */ place, /** @type {any} */ into) {
  const calls = several(message.get("tool_calls")).map(([, call]) => call);
  if (!none(message.get("function_call"))) calls.push(new Map([["function", message.get("function_call")]]));
  into.add("tool_call_turns", calls.length > 0);
  calls.forEach((call, number) => {
    const here = `${place}.tool_calls[${number}]`;
    const called = isMap(call) ? pick(call, ["function", "custom"]) : null;
    if (isMap(called)) {
      collectCall(into, called.get("name"), pick(called, ["arguments", "input"]), here);
      into.leftovers("tool_call", called, ["name", "arguments", "input"], here);
    } else into.unknown("tool_call", call, here, "a tool call with a function is expected here");
  });
}

function readReasoning(/** @type {any} */ message, /** @type {string} */ place, /** @type {any} */ into) {
  for (const name of ["reasoning_content", "reasoning"]) {
    into.textsOf("thinking", message.get(name), `${place}.${name}`);
  }
  const details = message.get("reasoning_details"), hidden = Array.isArray(details) ? details.filter(isMap) : [];
  if (!hidden.length) return;
  into.add("hidden_reasoning", hidden.length);
  into.skip(`${place}.reasoning_details`, "the reasoning is encrypted, so its length is not known");
}

function readTools(/** @type {any} */ tools, /** @type {string} */ name, /** @type {any} */ into) {
  for (const [number, tool] of several(tools)) {
    const place = `${name}[${number}]`, called = name === "functions" ? tool : get(tool, "function");
    const type = get(tool, "type");
    if (isMap(called)) collectFunction(called, place, into);
    else if (isMap(tool) && !none(type) && type !== "function" && type !== "custom") {
      into.skip(place, `what the provider's own tool ${repr(first(str(type), 40))} adds is not known`);
    } else {
      into.add("tools");
      into.unknown("tool_schema", tool, place, "a tool with a function is expected here");
    }
  }
}
