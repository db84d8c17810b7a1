// The name under which a model goes, whoever serves it: without provider, region, date and version.

const PREFIXES = /^(.*\/)?((us|eu|apac|jp|au|global|us-gov)\.)?((anthropic|amazon|openai|mistral|qwen)\.)?/;
const SUFFIXES =
  /(@(\d{8}|default|latest))?(-v\d+(:\d+)?(:\d+k)?)?(:(thinking|free|beta|nitro|floor|online))?$/;
const DATES = /-(latest|\d{8}|\d{4}-\d{2}-\d{2}|0)$/;

/** @param {string} model */
export function modelKey(model) {
  const served = model.trim().toLowerCase().replace(PREFIXES, "").replace(SUFFIXES, "");
  const name = served.replace(/(?<=\d)\.(?=\d)/g, "-").replace(DATES, "");
  // Claude's names before version 4 have the version first: 3-5-sonnet.
  const old = /^claude-(\d)-(opus|sonnet|haiku)$/.exec(name);
  return old && Number(old[1]) >= 4 ? `claude-${old[2]}-${old[1]}` : name;
}
