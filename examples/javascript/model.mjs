// What a model_coefs.json says of features: estimate, bounds, domain, decision, as docs/contract.md defines them.
import { basicCounts, measure } from "./text.mjs";

/** @typedef {{confidence: number, factor: number, offset: number, from: number, to: number | null}} Line */

/** What a model says of a text's bytes; `tables` are its n-gram tables by the names of their features. */
export function describe(/** @type {any} */ coefs, /** @type {Record<string, any>} */ tables,
                         /** @type {Uint8Array} */ data) {
  const features = basicCounts(data);
  for (const [name, table] of Object.entries(tables)) {
    const found = measure(table, data);
    features[name] = found.cost;
    if (table.known) features[`rare_${name.replace(/^ngram_/, "")}`] = found.rare;
  }
  return judge(coefs, features);
}

/** What a model says of a text with these features. @param {any} coefs @param {Record<string, number>} features */
export function judge(coefs, features) {
  const sum = linearSum(coefs, features), size = features.bytes;
  const most = coefs.byte_bound && Math.ceil(size * coefs.byte_bound.factor + coefs.byte_bound.offset);
  const outside = outOfDomain(coefs.domain ?? {}, features);
  return { features, linear_sum: sum, estimate: rounded(sum), ...bounds(coefs, sum), byte_bound: most ?? null,
           in_domain: outside === "", outside };
}

/** The terms are added in the order of `feature_set`. @param {any} coefs @param {Record<string, number>} features */
export function linearSum(coefs, features) {
  let sum = coefs.w0;
  for (const name of coefs.feature_set) sum += coefs[`w_${name}`] * features[name];
  if (!Number.isFinite(sum)) throw new Error("the model lacks a weight, or weighs what no text gives");
  return sum;
}

/** The estimate of a linear sum, in tokens. @param {number} sum */
export const rounded = (sum) => Math.max(0, Math.floor(sum + 0.5));

/** Upper and lower bounds of a linear sum, by confidence level; `kind` is the kind of request, if it is one. */
export function bounds(/** @type {any} */ coefs, /** @type {number} */ sum, kind = "") {
  const x = Math.max(0, sum);
  const of = (/** @type {any[]} */ lines, /** @type {(bound: number) => number} */ round) => {
    const own = new Set(lines.filter((line) => (line.kind ?? "") === kind).map((line) => line.confidence));
    const meant = lines.filter((line) => (line.kind ?? "") === (own.has(line.confidence) ? kind : ""));
    const here = meant.filter(({ from, to }) => from <= x && (to === null || x < to));
    return Object.fromEntries(here.map((line) => [line.confidence, round(x * line.factor + line.offset) || 0]));
  };
  const lower = (/** @type {number} */ bound) => Math.max(0, Math.floor(bound));
  return { upper_bound: of(coefs.upper_bound ?? [], Math.ceil), lower_bound: of(coefs.lower_bound ?? [], lower) };
}

/** Why features are unlike the training records', "" if they are not. */
export function outOfDomain(/** @type {Record<string, [number, number]>} */ domain,
                            /** @type {Record<string, number>} */ features) {
  for (const [name, [low, high]] of Object.entries(domain)) {
    const [above, below] = name.split("/");
    if (!(above in features) || (below && !(below in features))) continue; // this model has no such feature
    if (below && features[below] === 0) return `${below} is 0`;
    const value = below ? features[above] / features[below] : features[above];
    if (low * 0.9 <= value && value <= high * 1.1) continue;
    return `${name} is ${four(value)}, in training it was ${four(low)} to ${four(high)}`;
  }
  return "";
}

/** Whether a total fits a limit, exceeds it, or the provider is to be asked: `upper` is null where nobody knows. */
export function decide(/** @type {number | null} */ upper, /** @type {number} */ lower,
                       /** @type {number} */ limit, more = false) {
  if (upper !== null && upper <= limit) return more ? "ask" : "fits";
  return lower > limit ? "exceeds" : "ask";
}

/** A number of four significant digits, as Python's format `.4g` writes it. @param {number} value */
export function four(value) {
  const tie = /^(\d\.\d{2}[02468])50*(e.*)$/.exec(value.toExponential(50));  // Python takes the even digit
  if (tie) value = Number(tie[1] + tie[2]);
  const [digits, exponent] = value.toExponential(3).split("e"), power = Number(exponent);
  const trimmed = (/** @type {string} */ text) => text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  if (value !== 0 && (power < -4 || power >= 4)) {
    return `${trimmed(digits)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return trimmed(value.toFixed(Math.max(0, 3 - power)));
}
