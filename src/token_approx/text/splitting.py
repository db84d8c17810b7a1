"""Cutting a document into samples."""

import re

# Runes: a sample ends at the last blank line found between the two, or at the second.
EARLIEST_CUT, LATEST_CUT = 32_000, 36_000
START_LINE = re.compile(r"^\*\*\* START OF THE PROJECT GUTENBERG EBOOK[^\n]*\n", re.MULTILINE)
END_LINE = re.compile(r"^\*\*\* END OF [^\n]*", re.MULTILINE)


def gutenberg(text: str, earliest: int = EARLIEST_CUT, latest: int = LATEST_CUT) -> list[str]:
    """Return the samples of a Project Gutenberg text, by the published experiment's rule.

    CRLF and CR become LF; what stands between the START and END lines is kept where they are present, and
    trimmed. What remains is cut, again and again, at the last blank line between `earliest` and `latest`
    runes, or at `latest` when there is none; samples are trimmed, and empty ones dropped.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if start := START_LINE.search(text):
        text = text[start.end() :]
    if end := END_LINE.search(text):
        text = text[: end.start()]
    rest = text.strip()
    samples = []
    while len(rest) > earliest:
        blank = rest.rfind("\n\n", earliest, latest)
        if blank < 0 and len(rest) <= latest:
            break
        cut = blank if blank >= 0 else latest
        samples.append(rest[:cut].strip())
        rest = rest[cut:]
    return [sample for sample in (*samples, rest.strip()) if sample]
