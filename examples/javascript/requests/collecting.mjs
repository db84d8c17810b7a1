// The collector that the readers of the wire formats fill: texts, counts, images, what is not counted.
import { kindOf } from "./features.mjs";
import { imageTokens } from "./image_rules.mjs";
import { decoded, imageSize, MediaError } from "./media.mjs";
import { codePoints, compactJson, first, isMap, isText, none, typeName } from "./values.mjs";

// What a place in a request may say at most, in characters, and how many places are listed one by one.
const LONGEST_REASON = 200, MOST_LISTED = 100, SHORTEST_FILE = 512;

/** Whether a JSON value holds any text that is not empty, at any depth, names aside. @param {any} value */
export function holdsText(value) {
  const waiting = [value];
  while (waiting.length) {
    const found = waiting.pop();
    if (isText(found) && found) return true;
    for (const inner of isMap(found) ? found.values() : Array.isArray(found) ? found : []) waiting.push(inner);
  }
  return false;
}

/** A value with long texts of base64 emptied: they are files, never shown as text. @param {any} value @returns {any} */
function withoutFiles(value) {
  if (isText(value)) {
    const start = value.startsWith("data:") ? value.slice(0, 200).indexOf(",") + 1 : 0;
    return codePoints(value) >= SHORTEST_FILE && /^[A-Za-z0-9+/_-]+={0,2}$/.test(value.slice(start)) ? "" : value;
  }
  if (isMap(value)) return new Map([...value].map(([name, inner]) => [name, withoutFiles(inner)]));
  return Array.isArray(value) ? value.map(withoutFiles) : value;
}

export class Collector {
  /** Begins with one request and nothing in it. @param {string} format @param {string} model @param {string} rule */
  constructor(format, model, rule) {
    Object.assign(this, { format, model, rule });
    /** @type {Map<string, string[]>} */ this.texts = new Map();
    /** @type {Record<string, number>} */ this.counts = { requests: 1 };
    /** @type {any[][]} */ this.signatures = [];
    /** @type {string[]} */ this.skipped = [];
  }

  /** @param {string} kind @param {string} text */
  text(kind, text) {
    if (!text) return;
    if (!this.texts.has(kind)) this.texts.set(kind, []);
    this.texts.get(kind).push(text);
  }

  /** @param {string} count @param {number | boolean} number */
  add(count, number = 1) { this.counts[count] = (this.counts[count] ?? 0) + Number(number); }

  /** Lists something whose tokens cannot be known. @param {string} place @param {string} reason */
  skip(place, reason) { this.skipped.push(first(`${place}: ${reason}`, LONGEST_REASON)); }

  /** Lists the citations of a text, if there are any: providers do not say what of them counts. */
  cited(/** @type {any} */ value, /** @type {string} */ place) {
    if (!Array.isArray(value) || !value.length) return;
    this.skip(place, "what the provider counts of citations is not known");
  }

  /** Counts what has an unknown meaning as the text of its JSON, and lists it. */
  unknown(/** @type {string} */ kind, /** @type {any} */ value, /** @type {string} */ place,
          /** @type {string} */ why) {
    const shown = withoutFiles(value);
    this.text(kind, isText(shown) ? shown : compactJson(shown));
    this.skip(place, why);
  }

  /** Counts and lists the fields that hold text and are not among the known ones. */
  leftovers(/** @type {string} */ kind, /** @type {Map<string, any>} */ fields, /** @type {string[]} */ known,
            /** @type {string} */ place) {
    for (const [name, value] of fields) {
      if (known.includes(name) || !holdsText(value)) continue;
      this.unknown(kind, value, `${place}.${name}`, "this field is not known, its text is counted");
    }
  }

  /** Adds what ought to be a text. @param {string} kind @param {any} value @param {string} place */
  textsOf(kind, value, place) {
    if (isText(value)) this.text(kind, value);
    else if (!none(value)) this.unknown(kind, value, place, `a text is expected here, not ${typeName(value)}`);
  }

  /** Adds an image in base64. @param {any} data @param {string} place */
  image(data, place, detail = "") {
    this.add("images");
    try {
      const size = imageSize(data), tokens = imageTokens(this.rule, this.model, size, detail);
      if (tokens !== null) return this.add("image_tokens", tokens);
      this.skip(place, `no public rule tells the tokens of an image of ${size[0]} x ${size[1]} here`);
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      this.skip(place, error.message);
    }
  }

  /** Adds a document whose bytes are UTF-8 text; returns whether they are. @param {any} data */
  plainDocument(data) {
    let text;
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(decoded(data));
    } catch {
      return false;
    }
    if (text.includes("\0") || text.startsWith("%PDF")) return false;
    this.add("documents");
    this.text("document", text);
    return true;
  }

  features() {
    if (this.counts.tools) {
      this.counts.tools_on = 1;
      this.counts.tools_with_system = Number((this.counts.systems ?? 0) > 0);
    }
    const listed = this.skipped.slice(0, MOST_LISTED), more = this.skipped.length - listed.length;
    const counts = Object.fromEntries(Object.entries(this.counts).filter(([, number]) => number));
    return { format: this.format, model: this.model, texts: Object.fromEntries(this.texts), counts,
             kind: kindOf(counts), not_counted: more ? [...listed, `and ${more} more`] : listed };
  }
}
