"""The name under which a model goes, whoever serves it: without provider, region, date and version."""

import re

_PREFIXES = re.compile(
    r"^(.*/)?((us|eu|apac|jp|au|global|us-gov)\.)?((anthropic|amazon|openai|mistral|qwen)\.)?"
)
_SUFFIXES = re.compile(
    r"(@(\d{8}|default|latest))?(-v\d+(:\d+)?(:\d+k)?)?(:(thinking|free|beta|nitro|floor|online))?$"
)
_DATES = re.compile(r"-(latest|\d{8}|\d{4}-\d{2}-\d{2}|0)$")
# Claude's names before version 4 have the version first: 3-5-sonnet, and openrouter writes 3.5.
_LOCAL_VERSION = re.compile(r"(?<=\d)\.(?=\d)")
_OLD_CLAUDE = re.compile(r"^claude-(\d)-(opus|sonnet|haiku)$")


def model_key(model: str) -> str:
    """Return a model's name without who serves it, where, and the date of the version.

    >>> model_key("us.anthropic.claude-sonnet-4-5-20250929-v1:0"), model_key("anthropic/claude-sonnet-4.5")
    ('claude-sonnet-4-5', 'claude-sonnet-4-5')
    >>> model_key("gpt-4o-2024-08-06"), model_key("openai/gpt-4.1-mini"), model_key("models/gemini-2.5-flash")
    ('gpt-4o', 'gpt-4-1-mini', 'gemini-2-5-flash')
    """
    name = model.strip().lower()
    name = _SUFFIXES.sub("", _PREFIXES.sub("", name, count=1), count=1)
    name = _DATES.sub("", _LOCAL_VERSION.sub("-", name))
    if found := _OLD_CLAUDE.match(name):
        version, size = found.groups()
        return f"claude-{size}-{version}" if int(version) >= 4 else name  # noqa: PLR2004 - then the size leads
    return name
