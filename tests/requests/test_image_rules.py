"""Tokens of images: the providers' own worked examples, and sizes where a rule's limits take hold."""

import pytest

from token_approx.requests.image_rules import image_tokens
from token_approx.requests.media import ImageSize


@pytest.mark.parametrize(
    ("rule", "model", "size", "detail", "tokens"),
    [
        # Patches of 28 pixels and 3 tokens around the image: 36 by 36, and at most 1,568 or 4,784.
        ("anthropic", "claude-opus-4-6", (1000, 1000), "", 36 * 36 + 3),
        ("anthropic", "claude-opus-4-6", (28, 29), "", 2 + 3),
        ("anthropic", "claude-opus-4-6", (4000, 3000), "", 1568 + 3),
        ("anthropic", "claude-opus-4-7", (4000, 3000), "", 4784 + 3),
        ("anthropic", "claude-sonnet-5", (4000, 3000), "", 4784 + 3),
        # Scaled to 1,568 by 110 pixels: 56 patches in each of 4 rows.
        ("anthropic", "claude-sonnet-4-5", (4000, 280), "", 56 * 4 + 3),
        # OpenAI's page works these out: 765, 1105 and, at low detail, 85.
        ("openai", "gpt-4o", (1024, 1024), "high", 765),
        ("openai", "gpt-4o", (2048, 4096), "high", 1105),
        ("openai", "gpt-4o", (4096, 8192), "low", 85),
        ("openai", "gpt-4o-2024-08-06", (1024, 1024), "", 765),
        ("openai", "gpt-4o-mini", (1024, 1024), "", 2833 + 4 * 5667),
        ("openai", "o1", (1024, 1024), "", 75 + 4 * 150),
        # And these: 1,024 patches of 32 pixels, and 1,452 where there would be 4,275.
        ("openai", "gpt-4.1-mini", (1024, 1024), "", 1659),
        ("openai", "gpt-4.1-mini", (1800, 2400), "", 2353),
        ("openai", "gpt-4.1-nano", (1024, 1024), "", 2520),
        # The longer name decides: gpt-5 has tiles, gpt-5-mini patches.
        ("openai", "gpt-5", (512, 512), "", 70 + 140),
        ("openai", "gpt-5-mini", (512, 512), "", 308),
        # Google's page cuts 960 by 540 into 6 tiles; the recorded requests of 2.0 have one more.
        ("gemini", "gemini-2.0-flash", (960, 540), "", 7 * 258),
        ("gemini", "gemini-2.0-flash", (384, 384), "", 258),
        ("gemini", "gemini-2.5-pro", (960, 540), "", 258),
        # At most 1,120 in the image's own proportions: 33 by 33, and 44 by 25.
        ("gemini", "gemini-3-pro-preview", (1000, 1000), "", 33 * 33),
        ("gemini", "gemini-3-pro-preview", (1920, 1080), "", 44 * 25),
        # Where no rule is known, there is no figure.
        ("openai", "gpt-3.5-turbo", (64, 64), "", None),
        ("", "mistral-large", (64, 64), "", None),
    ],
)
def test_tokens_of_an_image(
    rule: str, model: str, size: tuple[int, int], detail: str, tokens: float | None
) -> None:
    """Each is what the provider's rule gives by hand."""
    assert image_tokens(rule, model, ImageSize(*size), detail) == tokens
