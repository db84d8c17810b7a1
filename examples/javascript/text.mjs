// A text's bytes and what docs/contract.md counts in them. Runs wherever JavaScript does.

/** @typedef {{mask: number, shift: number, weights: Int16Array}} Order */
/** @typedef {{pairs: Uint8Array, threes: Uint8Array}} Known */
/** @typedef {{fold: boolean, multiplier: number, unit: number, orders: Order[], known?: Known}} Table */

const LONE = /[\ud800-\udfff]/u; // with u, this matches none that has its pair
const encoder = new TextEncoder();

/** A string's UTF-8; a lone surrogate has three bytes, where TextEncoder would put U+FFFD. @param {string} text */
export function encode(text) {
  if (!LONE.test(text)) return encoder.encode(text);
  const three = (/** @type {number} */ code) => [0xe0 | code >> 12, 0x80 | code >> 6 & 63, 0x80 | code & 63];
  return joined(text.split(/([\ud800-\udfff])/u)
    .map((part, i) => i % 2 ? Uint8Array.from(three(part.charCodeAt(0))) : encoder.encode(part)));
}

/** Several arrays of bytes as one. @param {Uint8Array[]} parts */
export function joined(parts) {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let place = 0;
  for (const part of parts) {
    all.set(part, place);
    place += part.length;
  }
  return all;
}

/** The bytes that base64 stands for. @param {string} text */
export const fromBase64 = (text) => Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0));

/** A table, given its file's fields and the weights of each order. @param {any} fields @param {Int16Array[]} weights */
export function makeTable({ fold, multiplier, unit_exponent, tables, known_ngrams }, weights) {
  const orders = tables.map((/** @type {any} */ { order, bits }, /** @type {number} */ i) =>
    ({ mask: 0xffffffff >>> (32 - 8 * order), shift: 32 - bits, weights: weights[i] }));
  const known = known_ngrams && { pairs: fromBase64(known_ngrams.pairs), threes: fromBase64(known_ngrams.threes) };
  return { fold: fold === "digits", multiplier, unit: 2 ** -unit_exponent, orders, known };
}

/** The cost of a text in tokens, and its rare n-grams. @param {Table} table @param {Uint8Array} data */
export function measure({ fold, multiplier, unit, orders, known }, data) {
  let key = 0x0a0a0a0a, units = 0, rare = 0; // line feeds stand before the text
  const shift = known ? 1 + Math.clz32(8 * known.threes.length) : 0, count = orders.length;
  for (let place = 0; place < data.length; place++) {
    const byte = data[place];
    key = key << 8 | (fold && byte >= 0x30 && byte <= 0x39 ? 0x30 : byte);
    for (let n = 0; n < count; n++) {
      const order = orders[n];
      units += order.weights[Math.imul(key & order.mask, multiplier) >>> order.shift];
    }
    if (known) {
      const pair = key & 0xffff, three = Math.imul(key & 0xffffff, multiplier) >>> shift;
      rare += (~known.pairs[pair >> 3] >> (pair & 7) & 1) + (~known.threes[three >> 3] >> (three & 7) & 1);
    }
  }
  return { cost: units * unit, rare };
}

/** How many bytes of white space begin at a place: one of the 25 code points, or 0. */
function whiteSpace(/** @type {Uint8Array} */ data, /** @type {number} */ place) {
  const [one, two, three] = [data[place], data[place + 1], data[place + 2]];
  if (one < 0x80) return one === 0x20 || (one >= 9 && one <= 13) ? 1 : 0;
  if (one === 0xc2) return two === 0x85 || two === 0xa0 ? 2 : 0;
  if (one === 0xe1) return two === 0x9a && three === 0x80 ? 3 : 0;
  if (one === 0xe3) return two === 0x80 && three === 0x80 ? 3 : 0;
  if (one !== 0xe2) return 0;
  if (two === 0x81) return three === 0x9f ? 3 : 0;
  const space = (three >= 0x80 && three <= 0x8a) || three === 0xa8 || three === 0xa9 || three === 0xaf;
  return two === 0x80 && space ? 3 : 0;
}

/** @param {Uint8Array} data @returns {Record<string, number>} */
export function basicCounts(data) {
  let words = 0, runes = 0, feeds = 0, inside = false;
  for (let place = 0; place < data.length; place++) {
    if ((data[place] & 0xc0) !== 0x80) runes++;
    if (data[place] === 0x0a) feeds++;
  }
  for (let place = 0; place < data.length;) {
    const space = data[place] > 0x20 && data[place] < 0xc2 ? 0 : whiteSpace(data, place);
    if (!space && !inside) words++;
    inside = !space;
    place += space || 1;
  }
  return { bytes: data.length, runes, words, lines: data.length ? 1 + feeds : 0 };
}
