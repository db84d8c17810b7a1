"""Every feature the package can compute from a text: the one place where features are added."""

from dataclasses import asdict

from token_approx.text.counts import count


def features(text: str | bytes) -> dict[str, float]:
    """Return every feature of a text (a string or its UTF-8 bytes), name to number >= 0.

    >>> features("naïve café")
    {'bytes': 12.0, 'runes': 10.0, 'words': 2.0, 'lines': 1.0}
    """
    return {name: float(number) for name, number in asdict(count(text)).items()}
