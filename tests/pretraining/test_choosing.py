"""Choosing what to label: what is unlike the rest is passed over, what stands for many comes first."""

import numpy as np

from token_approx.pretraining.choosing import choose
from token_approx.pretraining.grams import count_grams
from token_approx.pretraining.kernels import Variances, covariance
from token_approx.pretraining.priors import load_priors

PRIORS = load_priors(["o200k_base", "cl100k_base"])
USUAL = Variances(25.0, 0.0, (1.0, 1.0, 1.0, 1.0))
KINDS = ["The boats were coming in. ", "def f(x):\n    return x\n", "日本語のテキスト。"]


def test_one_of_each_kind_comes_first() -> None:
    """Of three kinds of text the first three choices have one each, and a known one is not chosen again."""
    texts = [kind * (2 + number) for number in range(4) for kind in KINDS]
    grams = count_grams(texts, PRIORS.layout)
    order = choose(grams, PRIORS, USUAL, 3)
    assert {int(place) % 3 for place in order} == {0, 1, 2}
    rest = choose(grams, PRIORS, USUAL, 2, known=np.array([0, 3]))
    assert {int(place) % 3 for place in rest} == {1, 2}


def test_a_text_like_no_other_waits() -> None:
    """A document that says nothing about the others is not the first choice, little as is known of it."""
    texts = [*(kind * (2 + number) for number in range(4) for kind in KINDS[:2]), "\x01\x02\x7f" * 9]
    grams = count_grams(texts, PRIORS.layout)
    assert 8 not in choose(grams, PRIORS, USUAL, 2)


def test_all_documents_at_most() -> None:
    """More than there are gives each once, whatever is asked for."""
    grams = count_grams(KINDS, PRIORS.layout)
    assert sorted(choose(grams, PRIORS, USUAL, 9).tolist()) == [0, 1, 2]


def test_each_choice_lowers_what_is_left_the_most() -> None:
    """The first choice is the one whose count explains most of the documents' variances, by trying each."""
    texts = [kind * (2 + number) for number in range(3) for kind in KINDS]
    grams = count_grams(texts, PRIORS.layout)
    costs = np.column_stack([grams.costs(weights) for weights in PRIORS.weights])
    scale = np.maximum(costs.mean(axis=1), 10.0)
    prior = covariance(grams, scale, USUAL.of_columns(PRIORS.spread, PRIORS.layout.offsets))
    relative = costs / scale[:, None]
    prior += 25.0 * relative @ relative.T / 2
    explained = []
    for place in range(len(texts)):
        column = prior[:, place]
        gone = column**2 / (prior[place, place] + 1.0)
        explained.append(float((gone / (np.diag(prior) + 1.0)).sum()))
    assert choose(grams, PRIORS, USUAL, 1).tolist() == [int(np.argmax(explained))]
