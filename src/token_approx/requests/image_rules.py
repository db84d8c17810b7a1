"""What the providers' public pages say an image costs, by its size in pixels.

The pages are Anthropic's "Vision" (patches of 28 px), OpenAI's "Images and vision" (tiles of 512 px, or
patches of 32 px times a factor) and Google's "Understand and count tokens" (258 tokens per tile of 768
px). All were checked against recorded requests, and where those differ they are followed: the factors of
small GPT-5 models; one tile more on Gemini 2.0, one in all on 2.5, and 3's most of 1,120 tokens laid out
in the image's own proportions.
"""

import math
import re
from typing import NamedTuple

from .media import ImageSize
from .models import model_key

PATCH, TILE, GEMINI_TILE = 28, 512, 768
# An image's own framing in Claude's count: 2 to 4 tokens in the recorded requests, 3 in most.
CLAUDE_FRAME = 3


class _Claude(NamedTuple):
    longest: int
    most: int


class _Patches(NamedTuple):
    factor: float
    most: int = 1536
    longest: int = 0


# Tokens of an image as such, and of each of its tiles.
TILES = {
    "gpt-4o-mini": (2833, 5667),
    "gpt-4o": (85, 170),
    "gpt-4-1": (85, 170),
    "gpt-4-5": (85, 170),
    "gpt-4-turbo": (85, 170),
    "gpt-4-vision": (85, 170),
    "chatgpt-4o": (85, 170),
    "o1": (75, 150),
    "o3": (75, 150),
    "computer-use-preview": (65, 129),
    "gpt-5": (70, 140),
}
PATCHES = {
    "gpt-4-1-mini": _Patches(1.62),
    "gpt-4-1-nano": _Patches(2.46),
    "o4-mini": _Patches(1.72),
    # The recorded requests for these have 1.2 and 1.5 times the patches, not the older pages' 1.62 and 2.46.
    "gpt-5-mini": _Patches(1.2),
    "gpt-5-nano": _Patches(1.5),
    "gpt-5-2": _Patches(1.2),
    "gpt-5-3": _Patches(1.2),
    "gpt-5-4": _Patches(1.2, 2500, 2048),
    "gpt-5-5": _Patches(1.2, 2500, 2048),
    "gpt-5-6": _Patches(1.2, 2500, 2048),
}
# Gemini: tokens of a tile or small image, what is small in pixels, and the most tokens of an image on 3.
GEMINI_TOKENS, SMALL_FOR_GEMINI, GEMINI_3_MOST = 258, 384, 1120
_NEW_CLAUDE = re.compile(r"claude-(opus-4-[7-9]|(opus|sonnet|haiku|fable|mythos)-([5-9]|\d\d))")


def image_tokens(rule: str, model: str, size: ImageSize, detail: str = "") -> float | None:
    """Return the tokens of an image under a provider's rule, or None where no rule is public.

    `rule` is `anthropic`, `openai`, `gemini` or "" for none; `detail` is OpenAI's field.
    """
    key = model_key(model)
    if rule == "anthropic":
        claude = _Claude(2576, 4784) if _NEW_CLAUDE.match(key) else _Claude(1568, 1568)
        return _claude_tokens(size, claude)
    if rule == "openai":
        return _openai_tokens(key, size, detail)
    if rule == "gemini":
        return _gemini_tokens(key, size)
    return None


def _claude_tokens(size: ImageSize, rule: _Claude) -> float:
    width, height = float(size.width), float(size.height)
    scale = min(1.0, rule.longest / max(width, height))
    width, height = width * scale, height * scale
    patches = _patches(width, height, PATCH)
    if patches > rule.most:
        scale = math.sqrt(rule.most * PATCH * PATCH / (width * height))
        patches = min(rule.most, _patches(width * scale, height * scale, PATCH))
    return patches + CLAUDE_FRAME


def _patches(width: float, height: float, side: int) -> int:
    return math.ceil(width / side) * math.ceil(height / side)


def _openai_tokens(key: str, size: ImageSize, detail: str) -> float | None:
    patches = _longest_prefix(PATCHES, key)
    tiles = _longest_prefix(TILES, key)
    if patches is not None and (tiles is None or len(patches) >= len(tiles)):
        rule = PATCHES[patches]
        return math.ceil(_most_patches(size, rule) * rule.factor)
    if tiles is None:
        return None
    base, tile = TILES[tiles]
    if detail == "low":
        return base
    width, height = float(size.width), float(size.height)
    scale = min(1.0, 2048 / max(width, height))
    width, height = width * scale, height * scale
    scale = min(1.0, 768 / min(width, height))
    return base + tile * _patches(round(width * scale), round(height * scale), TILE)


def _most_patches(size: ImageSize, rule: _Patches) -> int:
    width, height = float(size.width), float(size.height)
    if rule.longest:
        scale = min(1.0, rule.longest / max(width, height))
        width, height = width * scale, height * scale
    patches = _patches(width, height, 32)
    if patches <= rule.most:
        return patches
    shrink = math.sqrt(rule.most * 32 * 32 / (width * height))
    across, down = width * shrink / 32, height * shrink / 32
    shrink *= min(math.floor(across) / across, math.floor(down) / down) if min(across, down) >= 1 else 1
    return min(rule.most, _patches(round(width * shrink), round(height * shrink), 32))


def _gemini_tokens(key: str, size: ImageSize) -> float:
    if re.match(r"gemini-(3|flash$|flash-lite$|pro$)", key):
        ratio = size.width / size.height
        across, down = math.sqrt(GEMINI_3_MOST * ratio), math.sqrt(GEMINI_3_MOST / ratio)
        return max(1, math.floor(across)) * max(1, math.floor(down))
    if max(size) <= SMALL_FOR_GEMINI or not re.match(r"gemini-(1|2-0)", key):
        return GEMINI_TOKENS
    side = max(256, min(GEMINI_TILE, min(size) // 1.5))
    # The whole image is shown besides its tiles.
    return GEMINI_TOKENS * (_patches(size.width, size.height, int(side)) + 1)


def _longest_prefix(names: object, key: str) -> str | None:
    found = [name for name in names if key == name or key.startswith(f"{name}-")]  # type: ignore[attr-defined]
    return max(found, key=len, default=None)
