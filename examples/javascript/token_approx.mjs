// Estimates tokens from model_coefs.json, as docs/contract.md defines it. A module, and a program: see ../README.md.
import { createHash } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { describe } from "./model.mjs";
import { encode, makeTable } from "./text.mjs";

export { encode };

/** @param {string} path @param {string} sha256 */
export function loadTable(path, sha256) {
  const raw = readFileSync(path);
  if (createHash("sha256").update(raw).digest("hex") !== sha256) throw new Error(`${path}: not the model's table`);
  const fields = JSON.parse(raw.toString());
  return makeTable(fields, fields.tables.map((/** @type {any} */ { bits, weights }) => {
    const bytes = Buffer.from(weights, "base64");
    return Int16Array.from({ length: 2 ** bits }, (_, i) => bytes.readInt16LE(2 * i));
  }));
}

/** Reads a model_coefs.json and returns what it says of a text. @param {string} path */
export function load(path) {
  const coefs = JSON.parse(readFileSync(path, "utf8"));
  const tables = Object.fromEntries(Object.entries(coefs.tables ?? {})
    .map(([name, { file, sha256 }]) => [name, loadTable(join(dirname(path), file), sha256)]));
  return (/** @type {string | Uint8Array} */ text) => {
    const { outside, ...said } = describe(coefs, tables, typeof text === "string" ? encode(text) : text);
    return said;
  };
}

/** Whether all golden vectors agree. @param {ReturnType<typeof load>} say @param {any[]} vectors */
function verify(say, vectors) {
  const wrong = vectors.filter(({ name, text, text_base64, times, ...expected }) => {
    const piece = Buffer.from(text_base64, "base64"), data = Buffer.concat(Array(times).fill(piece));
    return !isDeepStrictEqual(say(data), expected) || (text !== undefined && !piece.equals(encode(text)));
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
