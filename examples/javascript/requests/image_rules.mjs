// What the providers' public pages, and recorded requests where they differ, say an image costs by its pixels.
import { modelKey } from "./models.mjs";

// Tokens of an image as such, and of each of its tiles of 512 px.
export const TILES = {
  "gpt-4o-mini": [2833, 5667], "gpt-4o": [85, 170], "gpt-4-1": [85, 170], "gpt-4-5": [85, 170],
  "gpt-4-turbo": [85, 170], "gpt-4-vision": [85, 170], "chatgpt-4o": [85, 170], o1: [75, 150], o3: [75, 150],
  "computer-use-preview": [65, 129], "gpt-5": [70, 140],
};
// The tokens of a patch of 32 px, the most patches, and the longest side that is shown (0: any).
export const PATCHES = {
  "gpt-4-1-mini": [1.62, 1536, 0], "gpt-4-1-nano": [2.46, 1536, 0], "o4-mini": [1.72, 1536, 0],
  "gpt-5-mini": [1.2, 1536, 0], "gpt-5-nano": [1.5, 1536, 0], "gpt-5-2": [1.2, 1536, 0], "gpt-5-3": [1.2, 1536, 0],
  "gpt-5-4": [1.2, 2500, 2048], "gpt-5-5": [1.2, 2500, 2048], "gpt-5-6": [1.2, 2500, 2048],
};
const NEW_CLAUDE = /^claude-(opus-4-[7-9]|(opus|sonnet|haiku|fable|mythos)-([5-9]|\d\d))/;

/** The tokens of an image, null where no rule is public: `rule` is anthropic, openai, gemini or "". */
export function imageTokens(/** @type {string} */ rule, /** @type {string} */ model,
                            /** @type {[number, number]} */ size, detail = "") {
  const key = modelKey(model);
  if (rule === "anthropic") return claude(size, NEW_CLAUDE.test(key) ? [2576, 4784] : [1568, 1568]);
  if (rule === "openai") return openai(key, size, detail);
  return rule === "gemini" ? gemini(key, size) : null;
}

/** @typedef {[number, number]} Pair */
const patches = (/** @type {Pair} */ [width, height], /** @type {number} */ side) =>
  Math.ceil(width / side) * Math.ceil(height / side);
const scaled = (/** @type {Pair} */ [width, height], /** @type {number} */ by) =>
  /** @type {Pair} */ ([width * by, height * by]);
const within = (/** @type {Pair} */ size, /** @type {number} */ longest) =>
  scaled(size, Math.min(1, longest / Math.max(...size)));

function claude(/** @type {Pair} */ given, /** @type {Pair} */ [longest, most]) {
  const size = within(given, longest), found = patches(size, 28);
  if (found <= most) return found + 3; // the image's own framing
  const shrink = Math.sqrt(most * 28 * 28 / (size[0] * size[1]));
  return Math.min(most, patches(scaled(size, shrink), 28)) + 3;
}

function openai(/** @type {string} */ key, /** @type {Pair} */ size, /** @type {string} */ detail) {
  const patched = longestPrefix(PATCHES, key), tiled = longestPrefix(TILES, key);
  if (patched !== null && (tiled === null || patched.length >= tiled.length)) {
    const rule = PATCHES[/** @type {"gpt-5-4"} */ (patched)];
    return Math.ceil(mostPatches(size, rule) * rule[0]);
  }
  if (tiled === null) return null;
  const [base, tile] = TILES[/** @type {"o1"} */ (tiled)];
  if (detail === "low") return base;
  const shown = within(size, 2048);
  const [width, height] = scaled(shown, Math.min(1, 768 / Math.min(...shown)));
  return base + tile * patches([halfEven(width), halfEven(height)], 512);
}

function mostPatches(/** @type {Pair} */ given, /** @type {number[]} */ [, most, longest]) {
  const size = longest ? within(given, longest) : given, found = patches(size, 32);
  if (found <= most) return found;
  let shrink = Math.sqrt(most * 32 * 32 / (size[0] * size[1]));
  const [across, down] = [size[0] * shrink / 32, size[1] * shrink / 32];
  if (Math.min(across, down) >= 1) shrink *= Math.min(Math.floor(across) / across, Math.floor(down) / down);
  return Math.min(most, patches([halfEven(size[0] * shrink), halfEven(size[1] * shrink)], 32));
}

function gemini(/** @type {string} */ key, /** @type {Pair} */ size) {
  const [width, height] = size;
  if (/^gemini-(3|flash$|flash-lite$|pro$)/.test(key)) {
    const ratio = width / height, across = Math.sqrt(1120 * ratio), down = Math.sqrt(1120 / ratio);
    return Math.max(1, Math.floor(across)) * Math.max(1, Math.floor(down));
  }
  if (Math.max(...size) <= 384 || !/^gemini-(1|2-0)/.test(key)) return 258;
  const side = Math.max(256, Math.min(768, Math.floor(Math.min(...size) / 1.5)));
  return 258 * (patches(size, side) + 1); // the whole image is shown besides its tiles
}

/** A number rounded to a whole one, halves to the even one. @param {number} x */
export function halfEven(x) {
  const low = Math.floor(x), rest = x - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

function longestPrefix(/** @type {object} */ names, /** @type {string} */ key) {
  const found = Object.keys(names).filter((name) => key === name || key.startsWith(`${name}-`));
  return found.reduce((best, name) => best === null || name.length > best.length ? name : best,
    /** @type {string | null} */ (null));
}
