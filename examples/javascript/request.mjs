// A provider's request -> its total: tokens by part, bounds, and what cannot be known from it.
import { bounds, linearSum, outOfDomain, rounded } from "./model.mjs";
import { COUNTS, PARTS, TEXT_KINDS } from "./requests/features.mjs";
import { readRequest } from "./requests/formats.mjs";
import { halfEven } from "./requests/image_rules.mjs";
import { modelKey } from "./requests/models.mjs";
import { encode, measure } from "./text.mjs";

// Models whose recorded requests are framed alike; patterns are of `modelKey`, from its beginning.
export const GROUPS = {
  claude_3_haiku: "claude-3(-5)?-haiku",
  claude_3_opus: "claude-3-opus",
  claude_3_sonnet: "claude-3-sonnet",
  claude_3_5_to_4_1: "claude-(3-5-sonnet|3-7-sonnet|(sonnet|opus)-4(-[01])?$)",
  claude_4_5_to_4_6: "claude-(haiku|sonnet|opus)-4-[56]",
  claude_opus_4_7: "claude-opus-4-7",
  claude_opus_4_8: "claude-(opus-4-[78]|(fable|mythos)-)",
  claude_opus_5: "claude-opus-5",
  claude_sonnet_5: "claude-(sonnet|haiku)-5",
  openai_reasoning: "gpt-5(?!-chat)|o\\d",
  gpt_5: "gpt-5(?!-chat)",
  gemini_2_0: "gemini-(2-0|1)",
  gemini_3: "gemini-(3|flash(-lite)?$|pro$)",
  deepseek_4: "deepseek-v4",
  deepseek_reasoner: "deepseek-(reasoner|r1|v4|v3-1)",
  deepseek_v4_flash: "deepseek-v4-flash",
  qwen_3_8_max: "qwen3-8-max",
  qwen_3_5: "qwen3-[5-9]",
};
const NAME = /^(?<base>.+?)(?:_of_(?<group>.+?))?(?:_in_(?<format>[a-z_]+))?$/;
// Rare n-grams per estimated token from which on a text is none that the table knows.
export const RARE_PER_TOKEN = 0.15;

/** The cost of a request's texts by kind under a table, their bytes and their rare n-grams. */
export function measureTexts(/** @type {any} */ table, /** @type {Record<string, string[]>} */ texts) {
  const costs = Object.fromEntries(Object.keys(TEXT_KINDS).map((kind) => [`text_${kind}`, 0]));
  const found = { bytes: 0, rare: 0, cost: 0, costs };
  for (const [kind, several] of Object.entries(texts)) {
    for (const text of several) {
      const data = encode(text), { cost, rare } = measure(table, data);
      found.bytes += data.length;
      found.rare += rare;
      found.cost += cost;
      costs[`text_${kind}`] += cost;
    }
  }
  return found;
}

/** The total of a request's features, as `readRequest` returns them; `measured` is what `measureTexts` found. */
export function requestTotal(/** @type {any} */ coefs, /** @type {string} */ table, /** @type {any} */ measured,
                             /** @type {ReturnType<typeof readRequest>} */ features) {
  const { model, format, kind, counts, not_counted } = features;
  const zeros = Object.fromEntries(Object.keys(COUNTS).map((name) => [name, 0]));
  const base = { bytes: measured.bytes, ...zeros, ...counts, ...measured.costs };
  /** @type {Record<string, number>} */ const values = {};
  for (const name of coefs.feature_set) {
    const [plain, group, wanted] = partsOfName(name);
    const applies = (!group || inGroup(group, model)) && (!wanted || wanted === format);
    values[name] = applies ? base[plain] : 0;
  }
  const sum = linearSum(coefs, values), tokens = rounded(sum);
  const found = { [`rare_${table}`]: measured.rare, [`ngram_${table}`]: measured.cost };
  const rare = measured.cost ? outOfDomain({ [`rare_${table}/ngram_${table}`]: [0, RARE_PER_TOKEN] }, found) : "";
  const foreign = FAMILIES.includes(table) && ASKED_IN[format] && !ASKED_IN[format].includes(table);
  const outside = foreign ? `this family is not asked in the format ${format}: written for it, the request differs`
    : coefs.kinds_without_bound?.includes(kind) ? noBound(kind) : rare;
  return { model, format, kind, linear_sum: sum, estimate: tokens, ...bounds(coefs, sum, kind), outside,
           in_domain: outside === "", parts: partsOf(coefs, values, tokens), not_counted };
}

const noBound = (/** @type {string} */ kind) =>
  `no bound for ${KINDS[kind] ?? kind} to this family held on repositories that were left out`;

/** Whose requests are written in a format, by the family's table; the other formats are anybody's. */
const CLAUDE = ["claude_3", "claude_4_7"], OTHERS = ["deepseek_3", "llama_3", "qwen_3", "tekken"];
const FAMILIES = [...CLAUDE, "o200k_base", "cl100k_base", "gemma_3", ...OTHERS];
/** @type {Record<string, string[]>} */
const ASKED_IN = { anthropic: CLAUDE, gemini: ["gemma_3"], converse: [...CLAUDE, ...OTHERS] };

/** The kinds of requests in words. @type {Record<string, string>} */
const KINDS = {
  plain: "plain requests",
  options: "requests with a schema or thinking",
  tools: "requests with tools",
  images: "requests with images",
  documents: "requests with documents",
};

/** A feature's plain name, its group of models and its wire format. @param {string} name */
export function partsOfName(name) {
  const { base, group, format } = /** @type {any} */ (NAME.exec(name)).groups;
  return [base, group, format];
}

const inGroup = (/** @type {string} */ group, /** @type {string} */ model) =>
  new RegExp(`^(?:${GROUPS[/** @type {"gpt_5"} */ (group)]})`).test(modelKey(model));

function partOf(/** @type {string} */ name) {
  const [plain] = partsOfName(name);
  return plain.startsWith("text_") ? TEXT_KINDS[plain.slice("text_".length)] : COUNTS[plain] ?? "framing";
}

/** Whole numbers of tokens by part, which add up to the total. */
function partsOf(/** @type {any} */ coefs, /** @type {Record<string, number>} */ values, /** @type {number} */ tokens) {
  const found = Object.fromEntries(PARTS.map((part) => [part, 0]));
  for (const [name, value] of Object.entries(values)) found[partOf(name)] += coefs[`w_${name}`] * value;
  for (const part of PARTS) found[part] = Math.max(0, halfEven(found[part]));
  // What rounding leaves over is framing's, or the largest part's where framing has too little.
  const rest = PARTS.reduce((left, part) => left - found[part], tokens);
  const largest = PARTS.reduce((best, part) => found[part] > found[best] ? part : best);
  found[found.framing + rest >= 0 ? "framing" : largest] += rest;
  return found;
}
