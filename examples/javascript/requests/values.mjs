// What Python says of JSON values: whether they are true, their text, their JSON, their type.
import { Num } from "./json.mjs";

const QUOTED = /[\u0000-\u001f"\\]/g;
const SHORT = { "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\" };
// What Python's repr does not show as it is: controls, formats, surrogates, and all spaces but the plain one.
const UNSEEN = /[\p{C}\p{Z}]/gu;

export const isMap = (/** @type {any} */ value) => value instanceof Map;
export const isText = (/** @type {any} */ value) => typeof value === "string";

/** A field of a value, undefined where it is no object or has none. @param {any} value @param {string} name */
export const get = (value, name) => isMap(value) ? value.get(name) : undefined;

/** Whether a value is null or not there. @param {any} value */
export const none = (value) => value === null || value === undefined;

/** A list as it is, anything else as a list of one. @param {any} value @returns {any[]} */
export const listed = (value) => Array.isArray(value) ? value : [value];

/** The places and parts of a list, of one value, or of nothing. @param {any} value @returns {[number, any][]} */
export const several = (value) => [...(none(value) ? [] : listed(value)).entries()];

/** Whether Python takes a value for true. @param {any} value */
export function truthy(value) {
  if (value instanceof Num) return !/^-?0(\.0)?$/.test(value.text);
  return isMap(value) ? value.size > 0 : Array.isArray(value) ? value.length > 0 : Boolean(value);
}

/** A value's JSON text, its parts joined by these. @param {any} value */
function json(/** @type {any} */ value, /** @type {string} */ comma, /** @type {string} */ colon) {
  if (isText(value)) return quoted(value);
  if (value instanceof Num) return value.text;
  if (Array.isArray(value)) return `[${value.map((part) => json(part, comma, colon)).join(comma)}]`;
  if (!isMap(value)) return String(value ?? null);
  const fields = [...value].map(([name, inner]) => `${quoted(name)}${colon}${json(inner, comma, colon)}`);
  return `{${fields.join(comma)}}`;
}

const escaped = (/** @type {string} */ mark) =>
  SHORT[/** @type {"\n"} */ (mark)] ?? `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`;
const quoted = (/** @type {string} */ text) => `"${text.replace(QUOTED, escaped)}"`;

/** A value as JSON without white space. @param {any} value @returns {string} */
export const compactJson = (value) => json(value, ",", ":");

/** A value as JSON with a space after each comma and colon. @param {any} value @returns {string} */
export const spacedJson = (value) => json(value, ", ", ": ");

/** What Python's str() says of a value. @param {any} value @returns {string} */
export const str = (value) => isText(value) ? value : repr(value);

/** What Python's repr() says of a value. @param {any} value @returns {string} */
export function repr(value) {
  if (none(value)) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value instanceof Num) return value.shown;
  if (Array.isArray(value)) return `[${value.map(repr).join(", ")}]`;
  if (isMap(value)) return `{${[...value].map(([name, inner]) => `${repr(name)}: ${repr(inner)}`).join(", ")}}`;
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  const shown = value.replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`).replace(UNSEEN, unseen);
  return quote + shown + quote;
}

function unseen(/** @type {string} */ mark) {
  const code = /** @type {number} */ (mark.codePointAt(0));
  const short = { " ": " ", "\n": "\\n", "\r": "\\r", "\t": "\\t" }[mark];
  if (short) return short;
  const hex = (/** @type {number} */ digits) => code.toString(16).padStart(digits, "0");
  return code < 0x100 ? `\\x${hex(2)}` : code < 0x10000 ? `\\u${hex(4)}` : `\\U${hex(8)}`;
}

/** The name of a value's type in Python. @param {any} value */
export function typeName(value) {
  if (value instanceof Num) return value.type;
  const simple = isText(value) ? "str" : typeof value === "boolean" ? "bool" : none(value) ? "NoneType" : "";
  return simple || (Array.isArray(value) ? "list" : "dict");
}

/** The first code points of a text. @param {string} text @param {number} most */
export const first = (text, most) => text.length <= most ? text : Array.from(text).slice(0, most).join("");

/** The number of a text's code points. @param {string} text */
export function codePoints(text) {
  let found = 0;
  for (const _ of text) found++;
  return found;
}
