// The catalogue: a model's name, as any provider or gateway writes it -> the family that it belongs to.

// Where a model runs, and whose it is, as gateways and clouds write it before the name.
const BEFORE = new RegExp([
  String.raw`^(?:us|eu|apac|au|jp|ca|global|us-gov)\.`, "^databricks-(?=claude|gpt|gemini|llama)",
  String.raw`^(?:anthropic|amazon|meta|mistral|deepseek|qwen|openai|google|moonshot|zai)\.(?=[a-z])`].join("|"));
// What stands after it: a variant's mark, the version of Bedrock's or Vertex's wrapper, a date, a moving end.
const AFTER = new RegExp([
  String.raw`(?::(?!\d)[a-z-]+|-v\d+:\d+|:\d+|@[a-z0-9-]+`,
  String.raw`[-_](?:20\d{6}|20\d\d-\d\d-\d\d|2[0-9](?:0[1-9]|1[0-2]))`,
  String.raw`-(?:latest|preview|exp|experimental|beta|stable)|-(?:preview|exp)-\d\d-(?:\d\d|\d{4})`,
  String.raw`-00\d|-(?:0[1-9]|1[0-2])\d\d(?:-preview)?)$`].join("|"));

/** @typedef {{name: string, family: string, max_input_tokens?: number, instead?: string}} Entry */

/** Models by name and alias, given what catalogue.json holds. @param {any} content @returns {Map<string, Entry>} */
export function modelsOf(content) {
  const found = new Map(content.families.map((/** @type {any} */ { name }) => [name, { name, family: name }]));
  for (const { aliases = [], ...entry } of content.models) {
    const known = { ...entry, name: entry.name.toLowerCase() };
    for (const name of [entry.name, ...aliases]) found.set(name.toLowerCase(), known);
  }
  return found;
}

/** The entry of a model's name, null of one whose tokenizer is none of the catalogue's. `instead` is the name that
 * was asked for, where the catalogue does not know it and counts it as another. @returns {Entry | null} */
export function find(/** @type {any} */ content, /** @type {Map<string, Entry>} */ models, /** @type {string} */ name) {
  const names = plainNames(name), plain = names[names.length - 1];
  for (const one of names) {
    const entry = models.get(one);
    if (entry) return entry;
    if (content.not_known.some((/** @type {string} */ start) => one.startsWith(start))) return null;
  }
  // A variant of a known model (`gpt-4o-search`): what follows the name is a word, no version.
  const variant = (/** @type {string} */ known) =>
    plain.startsWith(`${known}-`) && !/\d/.test(plain[known.length + 1] ?? "");
  const longest = [...models.keys()].filter(variant).sort((one, other) => other.length - one.length)[0];
  const line = content.newer_versions.find((/** @type {any} */ { starts }) => plain.startsWith(starts))?.model;
  const entry = models.get(longest ?? line);
  return entry ? { ...entry, instead: name } : null;
}

/** A name as it is given, to its barest form: the first that is known is meant. @param {string} name */
function plainNames(name) {
  let plain = name.trim().toLowerCase();
  const found = [plain];
  const next = (/** @type {string} */ shorter) => { plain = shorter; found.push(plain); };
  next(plain.slice(plain.lastIndexOf("/") + 1));
  for (let before; (before = BEFORE.exec(plain));) next(plain.slice(before[0].length));
  for (let after; (after = AFTER.exec(plain));) next(plain.slice(0, after.index));
  // Claude's versions are written with a dot by some gateways; the provider writes a hyphen.
  next(plain.startsWith("claude") ? plain.replace(/(?<=\d)\.(?=\d)/g, "-") : plain);
  return found;
}
