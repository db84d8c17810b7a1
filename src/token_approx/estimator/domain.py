"""The domain of a model: the range that a feature, or a ratio of two, had in the training records."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from ..text.known_ngrams import rare_name

Domain = Mapping[str, tuple[float, float]]
# How far, of its value, a feature or ratio may lie outside of what was seen in training.
SLACK = 0.1
# Rare n-grams per estimated token from which on a text is none that the table knows. Measured on o200k_base
# with 24 families and scripts left out of a table's training: of unseen texts of the other families 1.5 %
# have more, and of the foreign texts whose 95 % bound fails 93 %.
RARE_PER_TOKEN = 0.15


def known_range(feature: str) -> tuple[str, tuple[float, float]]:
    """Return the entry of a domain that keeps a table to the n-grams that its training held."""
    return f"{rare_name(feature)}/{feature}", (0.0, RARE_PER_TOKEN)


def out_of_domain(domain: Domain, features: Mapping[str, float]) -> str:
    """Return in which way a text's features are unlike the training records', "" if in none.

    A feature, or a ratio of two ("bytes/words"), may lie a tenth outside of the range seen in training;
    those that are not among the features are passed over.
    """
    for name, above, below, (low, high) in _known(domain, features):
        if below and features[below] == 0:
            return f"{below} is 0"
        value = features[above] / features[below] if below else features[above]
        if not low * (1 - SLACK) <= value <= high * (1 + SLACK):
            return f"{name} is {value:.4g}, in training it was {low:.4g} to {high:.4g}"
    return ""


def in_domain(domain: Domain, features: Mapping[str, npt.NDArray[np.float64]]) -> npt.NDArray[np.bool_]:
    """Return whether `out_of_domain` says "" of texts with these features, of shape (texts,) each."""
    texts = len(next(iter(features.values())))
    inside = np.ones(texts, np.bool_)
    for _, above, below, (low, high) in _known(domain, features):
        divisor = features[below] if below else np.ones(1)
        value = np.divide(features[above], divisor, out=np.full(texts, np.nan), where=divisor != 0)
        inside &= (low * (1 - SLACK) <= value) & (value <= high * (1 + SLACK))
    return inside


def _known(
    domain: Domain, features: Mapping[str, object]
) -> Iterator[tuple[str, str, str, tuple[float, float]]]:
    for name, limits in domain.items():
        above, _, below = name.partition("/")
        if above in features and (not below or below in features):
            yield name, above, below, limits
