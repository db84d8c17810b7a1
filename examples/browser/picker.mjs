// The choice of models: a list of the catalogue's names by family, and a search through it.
import { find } from "../javascript/catalogue.mjs";
import { data, known } from "./asking.mjs";
import { byId, element } from "./elements.mjs";

/** The chosen models, in the order in which they were chosen. @type {Set<string>} */
export const chosen = new Set();
/** The lines of a model: what is searched in it, and its box. @type {Map<string, any>} */ const lines = new Map();

/** Lays the list out, the newest of the families and models first; `changed` is called after each choice.
 * @param {string[]} newest @param {() => void} changed */
export function layOut(newest, changed) {
  const first = newest.map((name) => known.get(name)?.family), families = data.catalogue.families;
  const isFirst = (/** @type {any} */ { name }) => first.includes(name);
  for (const family of [...families.filter(isFirst), ...families.filter((/** @type {any} */ one) => !isFirst(one))]) {
    const models = data.catalogue.models.filter((/** @type {any} */ model) => model.family === family.name).reverse();
    const boxes = models.map((/** @type {any} */ model) => line(model, changed));
    byId("choices").append(element("div", { role: "group", "aria-label": family.title },
      element("h3", {}, family.title), ...boxes));
  }
  byId("search").addEventListener("input", search);
  byId("search").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const [only, ...others] = [...lines.values()].filter(({ label }) => !label.hidden);
    if (event.key === "Enter" && only && !others.length) only.box.click();
  });
  search();
}

/** Whether the list has a model's name. @param {string} name */
export const has = (name) => lines.has(name);

/** Chooses a model, or no longer. @param {string} name @param {boolean} on */
export function choose(name, on) {
  if (lines.has(name)) lines.get(name).box.checked = on;
  if (on) chosen.add(name);
  else chosen.delete(name);
}

function line(/** @type {any} */ model, /** @type {() => void} */ changed) {
  const name = model.name.toLowerCase(), box = element("input", { type: "checkbox", value: name });
  const label = element("label", {}, box, name);
  lines.set(name, { label, box, words: [name, ...(model.aliases ?? [])].join(" ").toLowerCase() });
  box.addEventListener("change", () => {
    choose(name, /** @type {any} */ (box).checked);
    changed();
  });
  return label;
}

function search() {
  const asked = byId("search").value.trim().toLowerCase(), parts = asked.split(/\s+/);
  const all = [...lines], hits = all.filter(([, { words }]) => parts.every((part) => words.includes(part)));
  // A name as a cloud or gateway writes it, or a version that is not known.
  const meant = asked && !hits.length ? find(data.catalogue, known, asked) : null;
  const shown = new Set(meant ? [meant.name] : hits.map(([name]) => name));
  for (const [name, { label }] of all) label.hidden = !shown.has(name);
  for (const group of byId("choices").children) {
    group.hidden = ![...group.querySelectorAll("label")].some((label) => !label.hidden);
  }
  const counted = `${shown.size} of ${all.length} models`;
  byId("found").textContent = !asked ? `${all.length} models` : shown.size === 0 ? "The catalogue has no such model."
    : meant ? `Counted as ${meant.name}.` : counted;
}
