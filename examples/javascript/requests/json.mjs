// JSON as Python reads and writes it: fields in their order, numbers as they are written, objects as Maps.

/** A JSON number: what Python's json writes for it, and what its str() says. */
export class Num {
  /** @param {string} text @param {string} type */
  constructor(text, type) { Object.assign(this, { text, type }); }
  get shown() { return this.text.replace("Infinity", "inf").replace("NaN", "nan"); }
}

/** Says why a request cannot be read, in a sentence for people. */
export class InputError extends Error {}

const DEEPEST = 200; // JSON deeper than this is no request
const SPACE = /[ \t\n\r]*/y, NUMBER = /(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y, WORD = /null|true|false|NaN|-?Infinity/y;
const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
const WORDS = { null: null, true: true, false: false, NaN: new Num("NaN", "float"),
                Infinity: new Num("Infinity", "float"), "-Infinity": new Num("-Infinity", "float") };

/** The value of a JSON text. @param {string} text @returns {any} */
export function parse(text) {
  let place = 0;
  const take = (/** @type {RegExp} */ pattern) => {
    pattern.lastIndex = place;
    const found = pattern.exec(text);
    if (found) place += found[0].length;
    return found;
  };
  const refuse = (/** @type {string} */ wanted) => {
    const before = text.slice(0, place).split("\n"), column = before[before.length - 1].length + 1;
    const found = place < text.length ? "" : ", where the text ends";
    throw new InputError(`The request is not valid JSON: ${wanted} is expected in line ${before.length},`
      + ` column ${column}${found}. Paste the body that is sent.`);
  };
  const string = () => {
    let found = "";
    for (place++;;) {
      found += take(PLAIN)?.[0] ?? "";
      const mark = text[place++];
      if (mark === '"') return found;
      if (mark !== "\\") { place--; refuse(mark === undefined ? 'the end of a text (")' : "an escape such as \\n"); }
      const escape = text[place++];
      if (escape === "u" && /^[0-9a-fA-F]{4}$/.test(text.slice(place, place + 4))) {
        found += String.fromCharCode(parseInt(text.slice(place, place + 4), 16));
        place += 4;
      } else if (escape in ESCAPES) found += ESCAPES[/** @type {"n"} */ (escape)];
      else { place--; refuse("an escape such as \\n"); }
    }
  };
  const number = (/** @type {RegExpExecArray} */ [all, whole, fraction, exponent]) => {
    if (fraction || exponent) return new Num(float(Number(all)), "float");
    if (whole.length > 4300) refuse("a shorter number");
    return new Num(whole === "-0" ? "0" : whole, "int");
  };
  const list = (/** @type {number} */ depth) => {
    const found = [];
    place++; take(SPACE);
    if (text[place] === "]") { place++; return found; }
    for (;;) {
      found.push(value(depth + 1));
      if (text[place] === "]") { place++; return found; }
      if (text[place] !== ",") refuse("a comma or ]");
      place++;
    }
  };
  const object = (/** @type {number} */ depth) => {
    const found = new Map();
    place++; take(SPACE);
    if (text[place] === "}") { place++; return found; }
    for (;;) {
      take(SPACE);
      if (text[place] !== '"') refuse("a field's name in double quotes");
      const name = string();
      take(SPACE);
      if (text[place] !== ":") refuse("a colon");
      place++;
      found.set(name, value(depth + 1));
      if (text[place] === "}") { place++; return found; }
      if (text[place] !== ",") refuse("a comma or }");
      place++;
    }
  };
  const value = (/** @type {number} */ depth) => {
    if (depth > DEEPEST) {
      throw new InputError(`The request is nested more than ${DEEPEST} levels deep. Paste the body that is sent.`);
    }
    take(SPACE);
    const mark = text[place];
    const found = mark === "{" ? object(depth) : mark === "[" ? list(depth) : mark === '"' ? string() : scalar();
    take(SPACE);
    return found;
  };
  const scalar = () => {
    const word = take(WORD);
    if (word) return WORDS[/** @type {"null"} */ (word[0])];
    const found = take(NUMBER);
    return found ? number(found) : refuse("a value");
  };
  const found = value(0);
  if (place < text.length) refuse("the end");
  return found;
}

/** A double as Python writes it: the same digits, with an exponent from 1e16 on and below 1e-4. @param {number} x */
function float(x) {
  if (!Number.isFinite(x)) return x > 0 ? "Infinity" : "-Infinity";
  const [digits, power] = x.toExponential().split("e"), exponent = Number(power);
  if (x !== 0 && (exponent < -4 || exponent >= 16)) {
    return `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const plain = (Object.is(x, -0) ? "-" : "") + String(x);
  return plain.includes(".") ? plain : `${plain}.0`;
}
