// Elements of the page. Texts only ever become text nodes: nothing that is pasted is read as HTML.

/** An element with some properties and children; undefined and empty children are left out. */
export function element(/** @type {string} */ tag, /** @type {Record<string, any>} */ properties = {},
                        /** @type {any[]} */ ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) /** @type {any} */ (made)[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null && child !== ""));
  return made;
}

/** The element of the page with an id. @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

/** A whole number as people write it. @param {number} number */
export const whole = (number) => number.toLocaleString("en-US");

/** An amount of dollars, of at least two significant digits. @param {number} amount */
export const dollars = (amount) => `$${amount >= 1 || amount === 0 ? amount.toFixed(2) : amount.toPrecision(2)}`
  .replace(/e-(\d+)$/, " × 10⁻$1");

/** A share in percent. @param {number} part */
export const percent = (part) => part > 0 && part < 0.001 ? "< 0.1 %" : `${(100 * part).toFixed(1)} %`;
