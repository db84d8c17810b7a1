// What the page asks: the estimates of a text or a request for several models at once.
import { find, modelsOf } from "../javascript/catalogue.mjs";
import { describe } from "../javascript/model.mjs";
import { measureTexts, requestTotal } from "../javascript/request.mjs";
import { InputError, parse } from "../javascript/requests/json.mjs";
import { detect, modelOf, readRequest } from "../javascript/requests/formats.mjs";
import { encode } from "../javascript/text.mjs";

const LEVEL = "0.95";
// The families that are asked in a format. A model of one reads another provider's format, but its tools, say, are not
// what the provider would show it: nothing bounds that.
const ASKED_IN = /** @type {Record<string, RegExp>} */ (
  { anthropic: /^claude/, converse: /^(?!o200k|cl100k|gemma)/, gemini: /^gemma/ });

/** What is said of a text for some models. `kind` is `text`, `request`, or `auto`: a request if it is one.
 * `data` has the catalogue and the coefficients by family; `table` returns a family's n-gram table. */
export async function estimates(/** @type {any} */ data, /** @type {(family: string) => Promise<any>} */ table,
                                /** @type {string} */ text, /** @type {string} */ kind, /** @type {string[]} */ names) {
  const { body, error, note } = read(text, kind), bytes = encode(text);
  const known = modelsOf(data.catalogue);
  const said = { kind: body ? "request" : "text", format: body ? detect(body) : "", bytes: bytes.length, error, note,
                 model: body ? modelOf(body) : "", results: /** @type {any[]} */ ([]) };
  if (error) return said;
  const measured = new Map();
  for (const name of names) {
    const entry = find(data.catalogue, known, name), family = entry?.family ?? "";
    const { text: ofTexts, request: ofRequests } = data.coefs[family] ?? {};
    if (!entry || !(body ? ofRequests : ofTexts)) {
      const what = entry ? `No model of whole requests is there for the family ${family}.` : "This model is not known.";
      said.results.push({ name, error: what });
    } else if (body) {
      const features = readRequest(body, name), ngrams = await table(family);
      if (!measured.has(family)) measured.set(family, measureTexts(ngrams, features.texts));
      said.results.push(result(name, entry, requestTotal(ofRequests, family, measured.get(family), features)));
    } else {
      const tables = { [`ngram_${family}`]: await table(family) };
      if (!measured.has(family)) measured.set(family, describe(ofTexts, tables, bytes));
      said.results.push(result(name, entry, measured.get(family)));
    }
  }
  return said;
}

/** A request's body, or why it is none. */
function read(/** @type {string} */ text, /** @type {string} */ kind) {
  const begins = /^\s*[{[]/.test(text);
  if (kind === "text" || (kind === "auto" && !begins)) return {};
  if (!text.trim()) return { error: "There is no request here yet. Paste the JSON body that is sent." };
  let body;
  try {
    body = parse(text);
    detect(body instanceof Map ? body : new Map());
    return { body };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    if (kind === "request") return { error: error.message };
    const none = "this JSON has none of a request's fields messages, input and contents.";
    return { note: `Counted as a text: ${body === undefined ? `it begins like JSON. ${error.message}` : none}` };
  }
}

/** What the page shows of a model. Out of the domain, a text has the bound by its bytes, a request has none. */
function result(/** @type {string} */ name, /** @type {any} */ entry, /** @type {any} */ said) {
  const foreign = said.format in ASKED_IN && !ASKED_IN[said.format].test(entry.family), inside = said.in_domain;
  const most = inside ? said.upper_bound[LEVEL] ?? null : said.byte_bound ?? null;
  return {
    name, family: entry.family, window: entry.max_input_tokens ?? null, instead: entry.instead ? entry.name : "",
    tokens: said.estimate, foreign, upper: foreign ? null : most,
    lower: inside && !foreign ? said.lower_bound[LEVEL] ?? 0 : 0, outside: said.outside,
    parts: said.parts ?? null, not_counted: said.not_counted ?? [], said,
  };
}
