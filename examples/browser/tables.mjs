// An n-gram table as the package ships it: gzip of a line of JSON and two planes of bytes.
import { fromBase64, joined, makeTable } from "../javascript/text.mjs";

/** The table of a packed file in base64. @param {string} packed */
export async function unpack(packed) {
  const stream = new Blob([fromBase64(packed)]).stream().pipeThrough(new DecompressionStream("gzip"));
  const chunks = [];
  for (const reader = stream.getReader();;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
  }
  const data = joined(chunks), end = data.indexOf(0x0a);
  const fields = JSON.parse(new TextDecoder().decode(data.subarray(0, end)));
  // The low bytes of all weights, of the first order first, and then their high bytes.
  const low = data.subarray(end + 1), half = low.length / 2;
  let place = 0;
  return makeTable(fields, fields.tables.map((/** @type {any} */ { bits }) => {
    const weights = new Int16Array(2 ** bits);
    for (let i = 0; i < weights.length; i++, place++) weights[i] = low[half + place] << 8 | low[place];
    return weights;
  }));
}
