// Of a request: its parts, and what is not counted.
import { PARTS } from "../javascript/requests/features.mjs";
import { element, whole } from "./elements.mjs";

/** The tokens of each part, for each model. */
export function parts(/** @type {any[]} */ results) {
  const most = Math.max(1, ...results.flatMap((result) => PARTS.map((part) => result.parts[part])));
  const cell = (/** @type {number} */ tokens) => {
    const share = element("span", { className: "share", "aria-hidden": "true" });
    share.style.width = `${4 * tokens / most}rem`;
    return element("td", {}, tokens ? share : "", whole(tokens));
  };
  const row = (/** @type {string} */ part) => element("tr", {}, element("th", { scope: "row" }, part),
    ...results.map((result) => cell(result.parts[part])));
  const heads = ["part", ...results.map(({ name }) => name)].map((name) => element("th", { scope: "col" }, name));
  const used = PARTS.filter((part) => results.some((result) => result.parts[part]));
  const table = element("table", { "aria-labelledby": "parts-title" },
    element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...used.map(row)),
    element("tfoot", {}, element("tr", {}, element("th", { scope: "row" }, "in all"),
      ...results.map(({ tokens }) => element("td", {}, whole(tokens))))));
  return [element("h3", { id: "parts-title" }, "Parts of the request, in tokens"),
          element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Parts" }, table)];
}

/** What a request has that cannot be known from it. */
export function notCounted(/** @type {any[]} */ results) {
  const places = new Map();
  for (const { name, not_counted: list } of results) {
    for (const place of list) places.set(place, [...(places.get(place) ?? []), name]);
  }
  if (!places.size) return [];
  const items = [...places].map(([place, names]) =>
    element("li", {}, names.length < results.length ? `${place} (${names.join(", ")})` : place));
  return [element("h3", {}, "Not counted"),
          element("p", { className: "soft" }, "Its tokens cannot be known from the request and come on top, so that a"
            + " request with it never “fits” for certain."), element("ul", {}, ...items)];
}
