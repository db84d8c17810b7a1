"""Adapting: priors add up in one layout, the dual is the primal, and groups left out choose how far to go."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from token_approx.errors import InputError
from token_approx.pretraining.adapt import AdaptSpec, Labelled, adapt, best_scale, primal
from token_approx.pretraining.grams import count_grams
from token_approx.pretraining.kernels import Variances, covariance, kernels
from token_approx.pretraining.priors import Priors, load_priors
from token_approx.text.counts import count
from token_approx.text.ngrams import NgramTable

TEXTS = ["The cat sat on the mat.\n" * 3, "def f(x):\n    return x + 1\n", "Größe 12345 日本語", "", "a"]
WORDS = ["alpha", "beta", "gamma", "delta", "naïve", "12", "345", "日本", ";", "(", ")", "foo_bar\n"]
SHIPPED = load_priors(["claude_4_7", "o200k_base"])


def table(path: Path, bits: tuple[int, ...], seed: int, orders: tuple[int, ...] = (1, 2, 3, 4)) -> str:
    """Save a table of random weights and return its path."""
    random = np.random.default_rng(seed)
    weights = tuple(random.integers(0, 400, 1 << each).astype(np.int16) for each in bits)
    NgramTable(path.stem, orders, bits, weights, 10).save(path)
    return str(path)


@pytest.fixture
def priors(tmp_path: Path) -> Priors:
    """Return three priors: of small bits, of larger ones, and with the orders 1 and 3 alone."""
    return load_priors(
        [
            table(tmp_path / "small.json", (8, 9, 10, 10), 1),
            table(tmp_path / "large.json", (8, 10, 11, 12), 2),
            table(tmp_path / "odd.json", (7, 10), 3, (1, 3)),
        ]
    )


def texts_and_tokens(number: int) -> tuple[list[str], np.ndarray]:
    """Return texts of some words and what each costs: a word's tokens are its place among the words."""
    random = np.random.default_rng(0)
    drawn = [random.integers(0, len(WORDS), random.integers(3, 60)) for _ in range(number)]
    tokens = np.array([float((each % 4 + 1).sum()) for each in drawn])
    return [" ".join(WORDS[place] for place in each) for each in drawn], tokens


@settings(deadline=None, max_examples=25)
@given(st.lists(st.text(max_size=80), min_size=1, max_size=4))
def test_priors_of_several_layouts_cost_the_same_in_one(texts: list[str]) -> None:
    """A text's cost by counts in the largest layout is that by each shipped table itself."""
    names = ["claude_4_7", "o200k_base"]
    priors = SHIPPED
    assert priors.layout.bits == (8, 16, 17, 18)
    grams = count_grams(texts, priors.layout)
    for name, weights in zip(names, priors.weights, strict=True):
        own = NgramTable.load(name)
        assert grams.costs(weights).tolist() == [own.tokens(text) for text in texts]


def test_a_layout_holds_every_prior(priors: Priors, tmp_path: Path) -> None:
    """Orders that a prior lacks cost nothing under it, and its fewer bits do not matter."""
    assert priors.layout.bits == (8, 10, 11, 12)
    grams = count_grams(TEXTS, priors.layout)
    assert priors.names == ("small", "large", "odd")
    for name, weights in zip(priors.names, priors.weights, strict=True):
        own = NgramTable.load(tmp_path / f"{name}.json")
        assert priors.digests[name] == own.file_sha256
        assert grams.costs(weights).tolist() == [own.tokens(text) for text in TEXTS]


def test_bytes_and_code_points_are_bases(priors: Priors) -> None:
    """The last two bases cost each byte 1, and each code point about 1."""
    costs = [count_grams(TEXTS, priors.layout).costs(base) for base in priors.bases[-2:]]
    assert costs[0].tolist() == [count(text.encode()).bytes for text in TEXTS]
    assert costs[1] == pytest.approx([count(text.encode()).runes for text in TEXTS], rel=0.3)


def test_shipped_priors_know_what_all_of_them_know() -> None:
    """What one prior's training did not hold, the result does not know either."""
    tables = [NgramTable.load(name) for name in ("claude_4_7", "o200k_base")]
    known = SHIPPED.known
    assert known is not None
    for place in (0, 100, 2000, 8191):
        assert known.pairs[place] == tables[0].known.pairs[place] & tables[1].known.pairs[place]  # type: ignore[union-attr]


@pytest.mark.parametrize("spread", [0.0, 0.3, 1.0])
def test_kernels_are_the_products_of_counts_times_variances(priors: Priors, spread: float) -> None:
    """Z V Z' by kernels is the dense product."""
    grams = count_grams(TEXTS, priors.layout)
    scale = np.array([10.0, 20.0, 30.0, 10.0, 10.0])
    variances = Variances(2.0, spread, (1.0, 4.0, 0.25, 3.0))
    dense = np.hstack([counts.toarray() for counts in grams.orders]) / scale[:, None]
    expected = dense * variances.of_columns(priors.spread, priors.layout.offsets) @ dense.T
    rows = np.arange(len(TEXTS))
    found = kernels(grams, scale, priors.spread).combined(variances, rows, rows)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    whole = covariance(grams, scale, variances.of_columns(priors.spread, priors.layout.offsets))
    np.testing.assert_allclose(whole, expected, rtol=1e-4, atol=1e-6)


def test_the_dual_is_the_primal(priors: Priors) -> None:
    """Documents x documents and conjugate gradients over weights give the same table."""
    texts, tokens = texts_and_tokens(60)
    labelled = Labelled(count_grams(texts, priors.layout), tokens, np.arange(60).astype(str))
    found = adapt(labelled, priors, AdaptSpec(repeats=1))
    start = np.array(list(found.shares.values())) @ priors.bases
    correction = primal(labelled, start, found.variances, priors.spread, 10.0)
    costs = labelled.grams.costs
    np.testing.assert_allclose(costs(start + correction), costs(found.weights), rtol=1e-3)
    np.testing.assert_allclose(start + correction, found.weights, atol=2e-3)


def test_more_documents_than_the_dual_takes(priors: Priors) -> None:
    """Past the dual's limit all documents are fitted to still."""
    texts, tokens = texts_and_tokens(200)
    labelled = Labelled(count_grams(texts, priors.layout), tokens, np.arange(200).astype(str))
    found = adapt(labelled, priors, AdaptSpec(repeats=1, most_dual=100))
    others = np.abs(labelled.grams.costs(found.weights) / tokens - 1)
    assert others.mean() < 0.02


def test_adapting_lowers_the_error_on_texts_it_never_saw(priors: Priors) -> None:
    """The result is nearer than the best scale and than the combination, as cross-validation said."""
    texts, tokens = texts_and_tokens(300)
    grams = count_grams(texts, priors.layout)
    groups = np.array([f"g{place // 10}" for place in range(300)])
    inside, outside = np.arange(200), np.arange(200, 300)
    found = adapt(Labelled(grams, tokens, groups).rows(inside), priors, AdaptSpec(repeats=1))
    errors = np.abs(grams.rows(outside).costs(found.weights) / np.maximum(tokens[outside], 10) - 1)
    assert errors.mean() < 0.6 * found.scale_error
    assert found.error <= min(found.scale_error, found.combined_error)
    assert errors.mean() < 1.5 * found.error
    assert min(found.shares.values()) >= 0


def test_a_scale_is_the_nearest() -> None:
    """The factor is that of the least mean error, of the prior whose error is least."""
    random = np.random.default_rng(0)
    costs = random.uniform(0.5, 1.5, (50, 2))
    target = 1.3 * costs[:, 1] + random.normal(0, 0.05, 50)
    place, factor = best_scale(costs, target)
    assert place == 1
    others = [np.abs(other * costs[:, 1] - target).mean() for other in np.linspace(1.0, 1.6, 601)]
    assert np.abs(factor * costs[:, 1] - target).mean() <= min(others) + 1e-9


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "Adapting needs a prior"),
        (["o200k_base", "o200k_base"], "names o200k_base twice"),
        (["nothing"], "The shipped tables are"),
        (["/none.json"], "cannot be read"),
    ],
)
def test_wrong_priors_are_refused(names: list[str], message: str) -> None:
    """What is missing, unknown or twice there is said."""
    with pytest.raises(InputError, match=message):
        load_priors(names)


def test_a_prior_that_hashes_otherwise_is_refused(tmp_path: Path) -> None:
    """A table that does not fold digits cannot be added to one that does."""
    weights = (np.zeros(256, np.int16),)
    NgramTable("plain", (1,), (8,), weights, 10, fold="none").save(tmp_path / "plain.json")
    with pytest.raises(InputError, match="hashes n-grams in another way than o200k_base"):
        load_priors(["o200k_base", str(tmp_path / "plain.json")])


def test_too_few_groups_are_refused(priors: Priors) -> None:
    """Without groups to leave out nothing can be chosen."""
    texts, tokens = texts_and_tokens(20)
    labelled = Labelled(count_grams(texts, priors.layout), tokens, np.array(["a", "b"] * 10))
    with pytest.raises(InputError, match="at least 5 groups, and there are 2"):
        adapt(labelled, priors, AdaptSpec())
