// Asks the worker, and hands it each family's table when a model of that family is asked for the first time.
import { find, modelsOf } from "../javascript/catalogue.mjs";

const content = (/** @type {string} */ id) => document.getElementById(id)?.textContent ?? "";

export const data = JSON.parse(content("data"));
export const known = modelsOf(data.catalogue);
const sent = new Set();
/** @type {Map<number, (answer: any) => void>} */ const waiting = new Map();
// A page from file:// may not load a worker from another file.
const worker = new Worker(URL.createObjectURL(new Blob([content("worker")], { type: "text/javascript" })));
worker.postMessage({ data });
worker.onmessage = ({ data: { id, said, failed } }) => {
  waiting.get(id)?.(failed ? { error: failed, results: [] } : said);
  waiting.delete(id);
};

let last = 0;

/** What is said of a text or request for some models. @returns {Promise<any>} */
export function ask(/** @type {string} */ text, /** @type {string} */ kind, /** @type {string[]} */ models) {
  for (const family of new Set(models.map((name) => find(data.catalogue, known, name)?.family))) {
    if (!family || sent.has(family)) continue;
    sent.add(family);
    worker.postMessage({ family, packed: content(`table-${family}`) });
  }
  const id = ++last;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    worker.postMessage({ id, text, kind, models });
  });
}
