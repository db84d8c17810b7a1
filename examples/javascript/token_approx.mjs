// Estimates tokens from model_coefs.json, as docs/contract.md defines it. A module, and a program: see ../README.md.
import { createHash } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";

/** @typedef {{mask: number, shift: number, weights: Int16Array}} Order */
/** @typedef {{pairs: Buffer, threes: Buffer}} Known */
/** @typedef {{fold: boolean, multiplier: number, unit: number, orders: Order[], known?: Known}} Table */
/** @typedef {{confidence: number, factor: number, offset: number, from: number, to: number | null}} Line */

// The 25 white-space code points as UTF-8, in a string of one character per byte.
const WHITE_SPACE = /[\t-\r ]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80/;

/** A string's UTF-8; a lone surrogate has three bytes, where Buffer would put U+FFFD. @param {string} text */
export function encode(text) {
  const parts = text.split(/([\ud800-\udfff])/u); // with u, this matches none that has its pair
  const three = (/** @type {number} */ code) => [0xe0 | code >> 12, 0x80 | code >> 6 & 63, 0x80 | code & 63];
  return Buffer.concat(parts.map((part, i) => Buffer.from(i % 2 ? three(part.charCodeAt(0)) : part)));
}

/** @param {string} path @param {string} sha256 @returns {Table} */
function loadTable(path, sha256) {
  const raw = readFileSync(path);
  if (createHash("sha256").update(raw).digest("hex") !== sha256) throw new Error(`${path}: not the model's table`);
  const { fold, multiplier, unit_exponent, tables, known_ngrams } = JSON.parse(raw.toString());
  const orders = tables.map((/** @type {any} */ { order, bits, weights }) => {
    const bytes = Buffer.from(weights, "base64");
    const values = Int16Array.from({ length: 2 ** bits }, (_, i) => bytes.readInt16LE(2 * i));
    return { mask: 0xffffffff >>> (32 - 8 * order), shift: 32 - bits, weights: values };
  });
  const bits = (/** @type {string} */ name) => Buffer.from(known_ngrams[name], "base64");
  const known = known_ngrams && { pairs: bits("pairs"), threes: bits("threes") };
  return { fold: fold === "digits", multiplier, unit: 2 ** -unit_exponent, orders, known };
}

/** The cost of a text in tokens, and its rare n-grams. @param {Table} table @param {Uint8Array} data */
function measure({ fold, multiplier, unit, orders, known }, data) {
  const shift = known ? 1 + Math.clz32(8 * known.threes.length) : 0;
  const unknown = (/** @type {Buffer} */ bits, /** @type {number} */ i) => ~bits[i >> 3] >> (i & 7) & 1;
  let key = 0x0a0a0a0a, units = 0, rare = 0; // line feeds stand before the text
  for (const byte of data) {
    key = key << 8 | (fold && byte >= 0x30 && byte <= 0x39 ? 0x30 : byte);
    for (const { mask, shift, weights } of orders) units += weights[Math.imul(key & mask, multiplier) >>> shift];
    if (known) rare += unknown(known.pairs, key & 0xffff);
    if (known) rare += unknown(known.threes, Math.imul(key & 0xffffff, multiplier) >>> shift);
  }
  return { cost: units * unit, rare };
}

/** @param {Buffer} data @returns {Record<string, number>} */
function basicCounts(data) {
  const words = data.toString("latin1").split(WHITE_SPACE).filter((word) => word !== "").length;
  const runes = data.filter((byte) => (byte & 0xc0) !== 0x80).length;
  const feeds = data.filter((byte) => byte === 0x0a).length;
  return { bytes: data.length, runes, words, lines: data.length ? 1 + feeds : 0 };
}

/** Reads a model_coefs.json and returns what it says of a text. @param {string} path */
export function load(path) {
  const coefs = JSON.parse(readFileSync(path, "utf8"));
  /** @type {[string, Table][]} */
  const tables = Object.entries(coefs.tables ?? {})
    .map(([name, { file, sha256 }]) => [name, loadTable(join(dirname(path), file), sha256)]);
  return (/** @type {string | Buffer} */ text) => {
    const data = typeof text === "string" ? encode(text) : text;
    const features = basicCounts(data);
    for (const [name, table] of tables) {
      const found = measure(table, data);
      features[name] = found.cost;
      if (table.known) features[`rare_${name.replace(/^ngram_/, "")}`] = found.rare;
    }
    let sum = coefs.w0;
    for (const name of coefs.feature_set) sum += coefs[`w_${name}`] * features[name];
    if (!Number.isFinite(sum)) throw new Error(`${path}: lacks a weight, or weighs what no text gives`);
    const bounds = (/** @type {Line[]} */ lines, /** @type {(bound: number) => number} */ round) => {
      const x = Math.max(0, sum), own = lines.filter(({ from, to }) => from <= x && (to === null || x < to));
      return Object.fromEntries(own.map((line) => [line.confidence, round(x * line.factor + line.offset) || 0]));
    };
    const inside = Object.entries(coefs.domain ?? {}).every(([name, [low, high]]) => {
      const [above, below] = name.split("/");
      if (!(above in features) || (below && !(below in features))) return true; // this model has no such feature
      const value = below ? features[above] / features[below] : features[above]; // of 0, NaN or infinite: outside
      return low * 0.9 <= value && value <= high * 1.1;
    });
    const upper = bounds(coefs.upper_bound ?? [], Math.ceil);
    const lower = bounds(coefs.lower_bound ?? [], (bound) => Math.max(0, Math.floor(bound)));
    const estimate = Math.max(0, Math.floor(sum + 0.5));
    const most = coefs.byte_bound && Math.ceil(data.length * coefs.byte_bound.factor + coefs.byte_bound.offset);
    const byBytes = { byte_bound: most ?? null, in_domain: inside };
    return { features, linear_sum: sum, estimate, upper_bound: upper, lower_bound: lower, ...byBytes };
  };
}

/** Whether all golden vectors agree. @param {ReturnType<typeof load>} say @param {any[]} vectors */
function verify(say, vectors) {
  const wrong = vectors.filter(({ name, text, text_base64, times, ...expected }) => {
    const piece = Buffer.from(text_base64, "base64"), data = Buffer.concat(Array(times).fill(piece));
    return !isDeepStrictEqual(say(data), expected) || (text !== undefined && !encode(text).equals(piece));
  });
  for (const { name } of wrong) console.error(`differs: ${name}`);
  console.log(`${vectors.length - wrong.length} vectors agree`);
  return vectors.length > 0 && wrong.length === 0;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.on("uncaughtException", (error) => { console.error(error.message); process.exit(1); });
  const [coefs, golden] = process.argv.slice(2), say = load(coefs);
  if (golden) process.exit(verify(say, JSON.parse(readFileSync(golden, "utf8")).vectors) ? 0 : 1);
  const { estimate, upper_bound, byte_bound, in_domain } = say(readFileSync(0));
  console.log(`${estimate} ${(in_domain ? upper_bound["0.95"] : byte_bound) ?? "none"}`);
}
