// What both of OpenAI's formats have in the same form: content, images, files, functions, the answer.
import { CHAT_OF_NO_TOOL } from "./known_fields.mjs";
import { collectTool } from "./tools.mjs";
import { compactJson, first, get, isMap, isText, listed, none, repr, str, truthy } from "./values.mjs";

const OF_A_PART = ["type", "cache_control", "prompt_cache_breakpoint", "id"];
const SHOWN = ["name", "description", "parameters"];

/** The first of several fields that is there, null or not; else another value. */
export function pick(/** @type {Map<string, any>} */ fields, /** @type {string[]} */ names,
                     /** @type {any} */ otherwise = null) {
  const name = names.find((one) => fields.has(one));
  return name === undefined ? otherwise : fields.get(name);
}

/** Adds the content of a message: a text, or a list of parts. */
export function collectContent(/** @type {any} */ content, /** @type {string} */ kind, /** @type {string} */ place,
                               /** @type {any} */ into) {
  listed(content).forEach((part, number) => readPart(part, kind, `${place}[${number}]`, into));
}

function readPart(/** @type {any} */ part, /** @type {string} */ kind, /** @type {string} */ here,
                  /** @type {any} */ into) {
  if (none(part)) return;
  if (!isMap(part)) {
    into.add("text_blocks");
    into.textsOf(kind, part, here);
    return;
  }
  const type = part.has("type") ? part.get("type") : part.has("text") ? "text" : null;
  let names;
  if (["text", "input_text", "output_text", "refusal"].includes(type)) {
    into.add("text_blocks");
    into.textsOf(kind, pick(part, ["text", "refusal"]), here);
    into.cited(part.get("annotations"), `${here}.annotations`);
    names = ["text", "refusal", "annotations", "logprobs"];
  } else if (type === "image_url" || type === "input_image") {
    collectImage(pick(part, ["image_url"], part), part, here, into);
    names = ["image_url", "detail", "file_id"];
  } else if (["file", "input_file", "document"].includes(type)) {
    collectFile(pick(part, ["file", "document"], part), here, into);
    names = ["file", "document", "file_data", "file_id", "filename", "file_url"];
  } else if (type === "document_url") {
    into.add("documents");
    into.skip(here, "the tokens of a document by URL cannot be known from the request");
    names = ["document_url", "document_name"];
  } else if (type === "thinking") {
    collectContent(part.get("thinking"), "thinking", `${here}.thinking`, into);
    names = ["thinking", "signature"];
  } else if (type === "input_audio") {
    into.skip(here, "the tokens of audio cannot be known from the request");
    names = ["input_audio"];
  } else {
    const shown = repr(first(str(type), 40));
    return into.unknown(kind, part, here, `the type ${shown} is not known, its text is counted`);
  }
  into.leftovers(kind, part, [...names, ...OF_A_PART], here);
}

/** Adds an image, given as a URL or as an object with one: a data URL has its size, others do not. */
function collectImage(/** @type {any} */ image, /** @type {any} */ part, /** @type {string} */ place,
                      /** @type {any} */ into) {
  const url = isMap(image) ? image.get("url") : image, detail = get(isMap(image) ? image : part, "detail");
  if (isText(url) && url.startsWith("data:")) return into.image(url, place, truthy(detail) ? str(detail) : "");
  into.add("images");
  const how = isText(url) ? "by URL" : "by file id";
  into.skip(place, `the tokens of an image ${how} cannot be known from the request`);
}

/** Adds a file: one whose bytes are text counts as that text, the tokens of others cannot be known. */
function collectFile(/** @type {any} */ file, /** @type {string} */ place, /** @type {any} */ into) {
  const data = isMap(file) ? pick(file, ["file_data", "data"]) : null;
  if (isMap(data)) { // Cohere's documents are objects of texts
    into.add("documents");
    into.text("document", compactJson(data));
  } else if (none(data) || !into.plainDocument(data)) {
    into.add("documents");
    const how = none(data) ? "by URL or id" : "in a binary format";
    into.skip(place, `the tokens of a document ${how} cannot be known from the request`);
  }
}

/** Adds the definition of a function. @param {any} fields @param {string} place @param {any} into */
export function collectFunction(fields, place, into) {
  const shown = new Map(SHOWN.filter((name) => !none(fields.get(name))).map((name) => [name, fields.get(name)]));
  collectTool(into, fields.get("name"), fields.get("description"), fields.get("parameters"), shown, place);
  into.leftovers("tool_schema", fields, [...CHAT_OF_NO_TOOL, "defer_loading"], place);
}

/** Adds what the choice of a tool is, where it is not automatic. @param {any} choice @param {any} into */
export function collectChoice(choice, into) {
  if (isMap(choice)) {
    const type = choice.get("type"), one = none(type) || type === "function" || type === "custom";
    into.add(one ? "tool_choice_one" : "tool_choice_any");
  } else if (choice === "required" || choice === "any") into.add("tool_choice_any");
  else if (choice === "none") into.add("tool_choice_none");
}

/** Adds the form that the answer must have, as chat completions say it. @param {any} form @param {any} into */
export function collectResponseFormat(form, into) {
  if (isMap(form)) return collectOutput(pick(form, ["json_schema", "schema"]), form.get("type"), into);
  if (!none(form)) into.unknown("output_schema", form, "response_format", "an object is expected here");
}

/** Adds what the answer must look like: any JSON object, or one of a schema. */
export function collectOutput(/** @type {any} */ schema, /** @type {any} */ kind, /** @type {any} */ into) {
  if (!none(schema)) {
    into.add("output_schemas");
    into.text("output_schema", compactJson(schema));
  } else if (kind === "json_object") into.add("json_objects");
}
