// What the page shows of an answer: a card per model, and below them what a request is made of.
import { decide } from "../javascript/model.mjs";
import { data } from "./asking.mjs";
import { notCounted, parts } from "./breakdown.mjs";
import { byId, dollars, element, percent, whole } from "./elements.mjs";

/** @typedef {(name: string) => void} Remove */
const MARKS = { fits: "✓ fits", exceeds: "✕ exceeds", ask: "? ask" };
/** Dollars per million tokens that were entered, by model. @type {Map<string, string>} */ const prices = new Map();

/** Whether what is said of a model fits a window. @param {any} result @param {number | null} limit */
export const decision = (result, limit) =>
  limit === null ? "" : decide(result.upper, result.lower, limit, result.not_counted.length > 0);

/** Shows an answer; `remove` takes a model out. */
export function show(/** @type {any} */ said, /** @type {number | null} */ window, /** @type {Remove} */ remove) {
  byId("error").textContent = said.error ?? "";
  // Nothing is said of nothing.
  const cards = (said.bytes ? said.results : []).map((/** @type {any} */ result) => card(result, said, window, remove));
  byId("cards").replaceChildren(...cards);
  byId("empty").hidden = said.bytes > 0 && said.results.length > 0;
  const good = said.results.filter((/** @type {any} */ { error }) => !error);
  byId("parts").replaceChildren(...(said.kind === "request" && good.length ? parts(good) : []));
  byId("not-counted").replaceChildren(...notCounted(good));
}

function card(/** @type {any} */ result, /** @type {any} */ said, /** @type {number | null} */ window,
              /** @type {Remove} */ remove) {
  const { name, error, family } = result, id = `card-${name}`;
  const away = element("button",
    { type: "button", onclick: () => remove(name), "aria-label": `Remove ${name}` }, "Remove");
  const title = element("h3", { id }, name);
  if (error) return element("li", { className: "card", "aria-labelledby": id }, title,
    element("p", { className: "warning" }, error), element("footer", {}, element("span"), away));
  const limit = window ?? result.window, verdict = decision(result, limit);
  const known = data.catalogue.families.find((/** @type {any} */ one) => one.name === family);
  const { value, interval_95: interval } = data.coefs[family].error;
  const typical = `Typical error for texts: ${value.toFixed(1)} % (${interval.map((/** @type {number} */ end) =>
    end.toFixed(1)).join(" to ")})`;
  return element("li", { className: "card", "aria-labelledby": id },
    title, verdict && element("span", { className: `badge ${verdict}` }, MARKS[/** @type {"ask"} */ (verdict)]),
    element("p", { className: "soft" }, known.title),
    element("p", { className: "tokens" },
      element("small", {}, "about "), whole(result.tokens), element("small", {}, " tokens")),
    element("p", { className: "bound" }, bound(result)),
    ...(limit === null ? [element("p", { className: "soft" }, "No window is known: enter one to see whether it fits.")]
      : gauge(result, limit)),
    price(result),
    result.instead && element("p", { className: "warning" }, `Counted as ${result.instead} is.`),
    (result.foreign || result.outside) && element("p", { className: "warning" }, outside(result, said)),
    result.not_counted.length ? element("p", { className: "warning" },
      `More comes on top: ${result.not_counted.length} not counted, listed below.`) : "",
    element("footer", { className: "soft" }, element("span", {}, said.kind === "text" ? typical : ""), away));
}

const bound = (/** @type {any} */ { upper, outside: why }) => upper === null ? "no upper bound is known"
  : `at most ${whole(upper)} ${why ? "by its bytes" : "(95 % sure)"}`;

function outside(/** @type {any} */ result, /** @type {any} */ said) {
  if (result.foreign) return `${result.name} is not asked in this format: written for it, the request differs.`;
  const what = said.kind === "text" ? "This text" : "This request's text";
  if (/^rare_/.test(result.outside)) return `${what} has much that the model never saw, so its bound does not hold.`;
  if (/^no bound /.test(result.outside)) return `This is an estimate without a bound: ${result.outside}.`;
  return `${what} is unlike those that the model was fitted on, so its bound does not hold: ${result.outside}.`;
}

function gauge(/** @type {any} */ { tokens, upper }, /** @type {number} */ limit) {
  const bar = (/** @type {number} */ share) => {
    const part = element("i");
    part.style.width = `${Math.min(100, 100 * share)}%`;
    return part;
  };
  const shares = upper === null ? [tokens / limit] : [upper / limit, tokens / limit];
  return [element("div", { className: "bar", "aria-hidden": "true" }, ...shares.map(bar)),
          element("p", { className: "soft" }, `${percent(tokens / limit)} of a window of ${whole(limit)}`)];
}

function price(/** @type {any} */ { name, tokens, upper }) {
  const id = `price-${name}`, output = element("output", { htmlFor: id });
  const field = /** @type {any} */ (element("input", { id, inputMode: "decimal", autocomplete: "off",
    value: prices.get(name) ?? "", placeholder: "0.00" }));
  const tell = () => {
    const text = field.value.trim().replace(",", "."), each = Number(text) / 1e6;
    prices.set(name, field.value);
    const most = upper === null ? "" : `, at most ${dollars(upper * each)}`;
    output.textContent = !text ? "" : each >= 0 && Number.isFinite(each) ? `costs ${dollars(tokens * each)}${most}`
      : "Enter a number such as 2.50.";
  };
  field.addEventListener("input", tell);
  tell();
  return element("div", { className: "price" }, element("label", { htmlFor: id }, "$ per million"), field, output);
}
