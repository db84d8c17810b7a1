// The Messages format of Anthropic, as its API, Bedrock's invoke and Vertex take it.
import { readChoice, readDocument, readOptions, readTools, why } from "./anthropic_tools.mjs";
import { ANTHROPIC_NO_TOKENS, ANTHROPIC_OF_NO_BLOCK, ANTHROPIC_READ } from "./known_fields.mjs";
import { collectCall } from "./tools.mjs";
import { first, get, isMap, isText, listed, none, repr, str, truthy } from "./values.mjs";

const OF_A_MESSAGE = "role content id model type stop_reason usage stop_sequence container stop_details".split(" ");

/** @param {Map<string, any>} body @param {any} into */
export function readAnthropic(body, into) {
  const system = body.get("system");
  if (truthy(system)) {
    into.add("systems");
    listed(system).forEach((block, i) => readBlock(block, "system", `system[${i}]`, into, true));
  }
  readMessages(body.get("messages"), into);
  readTools(body.get("tools"), into);
  readChoice(body.get("tool_choice"), into);
  readOptions(body, into);
  into.leftovers("user", body, [...ANTHROPIC_NO_TOKENS, ...ANTHROPIC_READ], "request");
}

function readMessages(/** @type {any} */ given, /** @type {any} */ into) {
  const messages = isText(given) ? [new Map([["role", "user"], ["content", given]])] : given;
  if (!Array.isArray(messages)) {
    if (!none(messages)) into.unknown("user", messages, "messages", "a list of messages is expected here");
    return;
  }
  const loop = beginOfLoop(messages);
  messages.forEach((message, number) => {
    const place = `messages[${number}]`;
    if (!isMap(message)) {
      into.add("user_messages");
      into.unknown("user", message, place, "a message is expected here, with a role and a content");
      return;
    }
    const role = message.get("role"), kind = role === "system" || role === "assistant" ? role : "user";
    into.add(kind === "assistant" ? "assistant_messages" : "user_messages");
    const blocks = listed(message.get("content")), types = blocks.map((block) => get(block, "type"));
    into.add("tool_call_turns", types.includes("tool_use"));
    into.add("tool_result_turns", types.includes("tool_result"));
    blocks.forEach((block, i) => readBlock(block, kind, `${place}.content[${i}]`, into, number > loop));
    into.leftovers(kind, message, OF_A_MESSAGE, place);
  });
}

/** The place of the last message with something new of the user: thinking before it is left out. */
const beginOfLoop = (/** @type {any[]} */ messages) => messages.findLastIndex((message) =>
  get(message, "role") === "user"
  && listed(message.get("content")).some((block) => get(block, "type") !== "tool_result"));

function readBlock(/** @type {any} */ block, /** @type {string} */ kind, /** @type {string} */ place,
                   /** @type {any} */ into, /** @type {boolean} */ counted) {
  if (none(block)) return;
  if (!isMap(block)) {
    into.add("text_blocks");
    into.textsOf(kind, block, place);
    return;
  }
  const inner = (/** @type {any} */ content, /** @type {string} */ of, /** @type {string} */ where) =>
    listed(content).forEach((one, i) => readBlock(one, of, `${where}[${i}]`, into, counted));
  const type = block.has("type") ? block.get("type") : block.has("text") ? "text" : null;
  let names;
  if (type === "text") {
    into.add("text_blocks");
    into.textsOf(kind, block.get("text"), `${place}.text`);
    into.cited(block.get("citations"), `${place}.citations`);
    names = ["text", "citations"];
  } else if (type === "image") {
    const source = block.get("source");
    if (get(source, "type") === "base64") into.image(source.get("data"), `${place}.source`);
    else {
      into.add("images");
      into.skip(`${place}.source`, why(source, "an image"));
    }
    names = ["source"];
  } else if (type === "document") {
    readDocument(block, place, into, inner);
    names = ["source", "title", "context", "citations"];
  } else if (type === "tool_use") {
    collectCall(into, block.get("name"), block.get("input"), place);
    names = ["name", "input"];
  } else if (type === "tool_result") {
    into.add("tool_results");
    inner(block.get("content"), "tool_result", `${place}.content`);
    names = ["content"];
  } else if (type === "search_result") {
    into.add("documents");
    for (const name of ["title", "source"]) into.textsOf("document", block.get(name), `${place}.${name}`);
    inner(block.get("content"), "document", `${place}.content`);
    names = ["title", "source", "content", "citations"];
  } else if (type === "thinking" || type === "redacted_thinking") {
    // Thinking of turns before the user's last message is taken out by the provider.
    if (counted && truthy(block.get("thinking"))) into.textsOf("thinking", block.get("thinking"), `${place}.thinking`);
    else if (counted) into.skip(place, "the thinking is encrypted, so its length is not known");
    names = ["thinking", "data"];
  } else if (type === "media") {
    return into.skip(place, "the tokens of audio or video cannot be known from the request");
  } else {
    const shown = repr(first(str(block.get("type")), 40));
    return into.unknown(kind, block, place, `the type ${shown} is not known, its text is counted`);
  }
  into.leftovers(kind, block, [...ANTHROPIC_OF_NO_BLOCK, ...names], place);
}
