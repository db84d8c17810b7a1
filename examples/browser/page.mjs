// The page: takes what is pasted, asks the worker, shows what it says.
import { find } from "../javascript/catalogue.mjs";
import { ask, data, known } from "./asking.mjs";
import { decision, show } from "./cards.mjs";
import { byId, whole } from "./elements.mjs";
import { choose, chosen, has, layOut } from "./picker.mjs";
import { REQUEST, TEXT } from "./samples.mjs";

const FORMATS = {
  anthropic: "Anthropic's messages", converse: "Bedrock's Converse", openai_chat: "OpenAI's chat completions",
  openai_responses: "OpenAI's responses", gemini: "Gemini's content",
};
// Milliseconds after the last key: until it is asked, for a long text, and until a screen reader is told.
const SOON = 40, LATER = 250, LONG = 200_000, QUIET = 900;
const kind = () => /** @type {any} */ (document.querySelector("[name=kind]:checked")).value;

let asking = false, again = false, timer = /** @type {any} */ (0), telling = /** @type {any} */ (0);
/** @type {any} */ let said = null;

function later() {
  clearTimeout(timer);
  // By what was there before: to read the field would cost as much as the key itself.
  timer = setTimeout(update, said?.bytes > LONG ? LATER : SOON);
}

async function update() {
  // One question at a time: what was typed meanwhile is asked together, afterwards.
  again = asking;
  if (asking) return;
  asking = true;
  said = await ask(byId("text").value, kind(), [...chosen]);
  asking = false;
  render();
  if (again) update();
}

/** The window that was entered, null if none was. */
function enteredWindow() {
  const text = byId("window").value.replace(/[\s,_.]/g, "");
  const good = /^\d{0,12}$/.test(text) && Number(text) !== 0;
  byId("window").setAttribute("aria-invalid", String(text !== "" && !good));
  byId("window-help").textContent = text && !good ? "Enter a whole number of tokens, such as 200000."
    : "What must not be exceeded. Empty: what the model takes.";
  return text && good ? Number(text) : null;
}

function render() {
  if (!said) return;
  const limit = enteredWindow();
  show(said, limit, remove);
  const format = FORMATS[/** @type {"gemini"} */ (said.format)];
  const named = said.model ? `, to ${said.model}` : "";
  byId("read").textContent = said.error ? "" : said.kind === "request"
    ? `Read as a request in the format of ${format}${named}: ${whole(said.bytes)} bytes.`
    : said.note || (said.bytes ? `Counted as a text: ${whole(said.bytes)} bytes.` : "");
  const meant = said.model && find(data.catalogue, known, said.model)?.name;
  byId("suggest").hidden = !meant || !has(meant) || chosen.has(meant);
  byId("add").textContent = `Add ${meant}, which the request names`;
  byId("add").onclick = () => { choose(meant, true); update(); byId("text").focus(); };
  clearTimeout(telling);
  telling = setTimeout(() => { byId("summary").textContent = sentence(limit); }, QUIET);
}

/** What a screen reader says of the estimates, when typing rests. @param {number | null} limit */
function sentence(limit) {
  if (said.error || !said.bytes) return "";
  return said.results.map((/** @type {any} */ result) => {
    if (result.error) return `${result.name}: ${result.error}`;
    const verdict = decision(result, limit ?? result.window);
    const most = result.upper === null ? "no upper bound" : `at most ${whole(result.upper)}`;
    const judged = { fits: ", fits", exceeds: ", exceeds", ask: ", ask the provider", "": "" }[verdict];
    return `${result.name}: about ${whole(result.tokens)} tokens, ${most}${judged}.`;
  }).join(" ");
}

function remove(/** @type {string} */ name) {
  choose(name, false);
  update();
  byId("search").focus();
}

function fill(/** @type {string} */ text) {
  byId("text").value = text;
  /** @type {any} */ (document.querySelector("[name=kind][value=auto]")).checked = true;
  update();
  byId("text").focus();
  byId("text").setSelectionRange(0, 0);
  byId("text").scrollTop = 0;
}

// The newest models of three providers.
const newest = ["claude-", "gpt-", "gemini-"].map((start) =>
  data.catalogue.newer_versions.find((/** @type {any} */ { starts }) => starts === start).model);
layOut(newest, update);
for (const name of newest) choose(name, true);
byId("text").addEventListener("input", later);
byId("window").addEventListener("input", render);
for (const radio of document.querySelectorAll("[name=kind]")) radio.addEventListener("change", update);
byId("example-text").addEventListener("click", () => fill(TEXT));
byId("example-request").addEventListener("click", () => fill(REQUEST));
byId("clear").addEventListener("click", () => fill(""));
/** For the console: `await tokenApprox(text, "auto", ["claude-opus-5"])`. */
Object.assign(globalThis, { tokenApprox: ask });
update();
