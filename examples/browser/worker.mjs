// Runs beside the page, so that typing never waits for an estimate.
import { estimates } from "./estimates.mjs";
import { unpack } from "./tables.mjs";

/** @type {any} */ let data = null;
/** @type {Map<string, Promise<any>>} */ const tables = new Map();

self.onmessage = async ({ data: asked }) => {
  if (asked.data) data = asked.data;
  else if (asked.packed) tables.set(asked.family, unpack(asked.packed));
  else {
    try {
      const table = (/** @type {string} */ family) => /** @type {Promise<any>} */ (tables.get(family));
      self.postMessage({ id: asked.id, said: await estimates(data, table, asked.text, asked.kind, asked.models) });
    } catch (error) {
      self.postMessage({ id: asked.id, failed: `The estimate failed: ${/** @type {Error} */ (error).message}.` });
    }
  }
};
