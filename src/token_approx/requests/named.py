"""Features by name: counts, costs of texts, and both for some models or one wire format alone.

A name is that of a count (`tools`), or `text_` and a kind of text (`text_user`: what its texts cost under
a table), or `bytes` (of all texts). `_of_<group>` after it makes it 0 for models outside of a group of
`GROUPS`, `_in_<format>` in other wire formats: `tools_on_of_claude_opus_5`, `tools_on_in_openai_chat`.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from ..text.counts import encode
from ..text.ngrams import NgramTable
from .features import COUNTS, TEXT_KINDS, RequestFeatures
from .models import model_key

TEXT = "text_"
# Models whose recorded requests are framed alike; patterns are of `model_key`, from its beginning.
GROUPS = {
    # The hidden prompt that comes with tools, by length: Claude's differ by generation.
    "claude_3_haiku": r"claude-3(-5)?-haiku",
    "claude_3_opus": r"claude-3-opus",
    "claude_3_sonnet": r"claude-3-sonnet",
    "claude_3_5_to_4_1": r"claude-(3-5-sonnet|3-7-sonnet|(sonnet|opus)-4(-[01])?$)",
    "claude_4_5_to_4_6": r"claude-(haiku|sonnet|opus)-4-[56]",
    "claude_opus_4_7": r"claude-opus-4-7",
    "claude_opus_4_8": r"claude-(opus-4-[78]|(fable|mythos)-)",
    "claude_opus_5": r"claude-opus-5",
    "claude_sonnet_5": r"claude-(sonnet|haiku)-5",
    "openai_reasoning": r"gpt-5(?!-chat)|o\d",
    "gpt_5": r"gpt-5(?!-chat)",
    "gemini_2_0": r"gemini-(2-0|1)",
    "gemini_3": r"gemini-(3|flash(-lite)?$|pro$)",
    "deepseek_4": r"deepseek-v4",
    "deepseek_reasoner": r"deepseek-(reasoner|r1|v4|v3-1)",
    "deepseek_v4_flash": r"deepseek-v4-flash",
    "qwen_3_8_max": r"qwen3-8-max",
    "qwen_3_5": r"qwen3-[5-9]",
}
_NAME = re.compile(r"(?P<base>.+?)(?:_of_(?P<group>.+?))?(?:_in_(?P<format>[a-z_]+))?")


def base_features(features: RequestFeatures, table: NgramTable | None) -> dict[str, float]:
    """Return the features of one request that hold for any model: counts, costs under a table, bytes."""
    return measured_features(features, table)[0]


def measured_features(features: RequestFeatures, table: NgramTable | None) -> tuple[dict[str, float], float]:
    """Return `base_features`, and how many rare n-grams the texts have, from one look at each text."""
    # One of ASCII is read where it is.
    data = [text if text.isascii() else encode(text) for texts in features.texts.values() for text in texts]
    found = {"bytes": float(sum(map(len, data)))} | dict.fromkeys(COUNTS, 0.0)
    found |= features.counts
    if table is None:
        return found, 0.0
    found |= {TEXT + kind: 0.0 for kind in TEXT_KINDS}
    units, rare = table.score_and_rare_many(data)
    listed, start = units.tolist(), 0
    for kind, texts in features.texts.items():
        # Exact: units are integers.
        found[TEXT + kind] = sum(listed[start : start + len(texts)]) * table.unit
        start += len(texts)
    return found, float(rare.sum())


def named_features(
    names: Iterable[str], base: Mapping[str, float], model: str, wire_format: str
) -> dict[str, float]:
    """Return some features by their names, given `base_features`, the model's name and the wire format.

    Raises:
        KeyError: a name is of no feature, or of no group.
    """
    found = {}
    for name in names:
        plain, group, needed = parts_of_name(name)
        applies = (group is None or in_group(group, model)) and needed in (None, wire_format)
        found[name] = base[plain] if applies else 0.0
    return found


@lru_cache(maxsize=1024)
def parts_of_name(name: str) -> tuple[str, str | None, str | None]:
    """Return a feature's plain name, its group and its wire format, None where it is for all.

    >>> parts_of_name("tools_on_of_gpt_5_in_openai_chat"), parts_of_name("tools")
    (('tools_on', 'gpt_5', 'openai_chat'), ('tools', None, None))
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise KeyError(name)
    return found["base"], found["group"], found["format"]


def is_feature(name: str) -> bool:
    """Say whether a name is of a feature that can be computed from a request."""
    plain, group, _ = parts_of_name(name)
    known = plain == "bytes" or plain in COUNTS or plain.removeprefix(TEXT) in TEXT_KINDS
    return known and group in (None, *GROUPS)


@lru_cache(maxsize=1024)
def in_group(group: str, model: str) -> bool:
    """Say whether a model belongs to a group of `GROUPS`."""
    return re.match(GROUPS[group], model_key(model)) is not None


def part_of(name: str) -> str:
    """Return the part of a total that a feature's tokens belong to; `bytes` and the intercept are framing."""
    plain = parts_of_name(name)[0]
    if plain.startswith(TEXT):
        return TEXT_KINDS[plain.removeprefix(TEXT)]
    return COUNTS.get(plain, "framing")
