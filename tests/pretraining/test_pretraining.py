"""Pretraining: pieces carry exact labels, the design is the definition's, and the fit finds the weights."""

import itertools
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_approx.errors import InputError
from token_approx.pretraining.boundaries import split_clusters, token_ends
from token_approx.pretraining.design import Design, Layout, columns
from token_approx.pretraining.documents import Importance, held_out, read_documents
from token_approx.pretraining.fit import FitSpec, by_size, fit_table, fit_weights, quantise
from token_approx.pretraining.pieces import (
    Bytes,
    Corpus,
    PieceSpec,
    cut,
    cut_head,
    gather_counted,
    gather_traced,
    spans,
)
from token_approx.pretraining.tokenizers import openai_encoding
from token_approx.text.counts import encode
from token_approx.text.ngrams import NgramTable

SMALL = Layout((8, 10, 10, 10))
TEXTS = ["The cat sat on the mat.\n" * 20, "def f(x):\n    return x + 1\n", "Größe 12345 日本語 text", "a"]
WORD_LENGTHS = np.ones(256, np.int32)


def bytes_of(text: str) -> list[int]:
    """Encode a text as a tokenizer whose every byte is a token would."""
    return list(encode(text))


def ends(text: str) -> Bytes:
    """Say that a token ends at every byte of a white space or before one, and at the end."""
    data = np.frombuffer(encode(text), np.uint8)
    ending = (data == ord(" ")) | (np.append(data[1:], ord(" ")) == ord(" "))
    found: Bytes = ending.astype(np.uint8)
    return found


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5), st.integers(1, 60))
def test_pieces_keep_every_byte_and_token(texts: list[str], longest: int) -> None:
    """However texts are cut, pieces cover them, none crosses a document, and their labels add up to it."""
    corpus = gather_traced(texts, ends, head=10_000)
    edges = cut(corpus, PieceSpec(shortest=1, longest=longest))
    assert corpus.starts is not None
    assert edges[0] == 0
    assert edges[-1] == corpus.data.size
    assert set(corpus.documents) <= set(edges)
    labels = spans(corpus.starts, edges)
    for number, text in enumerate(texts):
        inside = (edges[:-1] >= corpus.documents[number]) & (edges[:-1] < corpus.documents[number + 1])
        assert labels[inside].sum() == ends(text).sum() == corpus.tokens[number]


def test_heads_end_before_white_space_and_between_code_points() -> None:
    """A head is at most as long as asked and splits neither a word near by nor a code point."""
    data = np.frombuffer(b"aaaaaaaaaaaa bb cccc dddd", np.uint8)
    assert cut_head(data, 18) == 15
    wide = np.frombuffer(("é" * 10).encode(), np.uint8)
    assert cut_head(wide, 7) == 6
    assert cut_head(wide, 100) == 20


@pytest.mark.parametrize("fold", ["digits", "none"])
@pytest.mark.parametrize("block", [40, 4_000_000])
def test_the_design_scores_as_the_table_does(block: int, fold: str) -> None:
    """A piece's row times some weights is the table's cost of the piece in its place, in any block size."""
    layout = Layout(SMALL.bits, fold)
    corpus = gather_traced(TEXTS, ends, head=10_000)
    edges = cut(corpus, PieceSpec(shortest=3, longest=9))
    design = Design(corpus, edges, layout, block)
    weights = np.random.default_rng(0).integers(-500, 500, layout.size)
    parts = tuple(np.split(weights.astype(np.int16), layout.offsets[1:-1]))
    table = NgramTable("t", (1, 2, 3, 4), layout.bits, parts, 0, fold)
    expected = np.concatenate([np.diff(table.cumulative(text), prepend=0) for text in TEXTS])
    np.testing.assert_array_equal(design.forward(weights.astype(float)), spans(expected, edges))
    errors = np.random.default_rng(1).normal(size=len(edges) - 1)
    dense = np.zeros((len(edges) - 1, layout.size))
    index = columns(corpus.data, corpus.documents, 0, corpus.data.size, layout)
    for row, (low, high) in enumerate(itertools.pairwise(edges)):
        np.add.at(dense[row], index[low:high].ravel(), 1)
    np.testing.assert_allclose(design.backward(errors), dense.T @ errors, atol=1e-4)


def test_the_fit_is_the_normal_equations() -> None:
    """Conjugate gradients end where a dense solver does, with document rows that are sums of piece rows."""
    layout = Layout((8,))
    spec = FitSpec(layout=layout, pieces=PieceSpec(shortest=3, longest=9), ridge=(0.5,), iterations=400)
    corpus = gather_traced(TEXTS, ends, head=10_000)
    importance = np.array([1.0, 2.0, 0.5, 1.0])
    edges = cut(corpus, spec.pieces)
    assert corpus.starts is not None
    target = spans(corpus.starts, edges)
    document = np.searchsorted(corpus.documents, edges[:-1], side="right") - 1
    dense = np.zeros((len(edges) - 1, layout.size))
    index = columns(corpus.data, corpus.documents, 0, corpus.data.size, layout)
    for row, (low, high) in enumerate(itertools.pairwise(edges)):
        np.add.at(dense[row], index[low:high].ravel(), 1)
    density = corpus.tokens / np.diff(corpus.documents)
    piece = importance[document] / (np.diff(edges) * density[document] + spec.offset)
    whole = spec.document * importance / np.maximum(corpus.tokens, spec.floor) ** 2
    member = np.equal.outer(np.arange(4), document).astype(float)
    rows = np.vstack([dense * np.sqrt(piece)[:, None], (member @ dense) * np.sqrt(whole)[:, None]])
    values = np.append(target * np.sqrt(piece), (member @ target) * np.sqrt(whole))
    solved = np.linalg.solve(rows.T @ rows + 0.5 * np.eye(layout.size), rows.T @ values)
    np.testing.assert_allclose(fit_weights(corpus, importance, spec), solved, atol=2e-4)


def test_a_fit_is_deterministic_and_learns() -> None:
    """Two fits give equal bytes, and the table counts documents that it was not fitted on."""
    words = [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "cat",
        "dog",
        "house",
        "tree",
    ]
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(words, random.integers(5, 80))) for _ in range(300)]
    spec = FitSpec(layout=SMALL, iterations=60)
    tables = [
        fit_table(gather_traced(texts[:250], ends, 10_000), np.ones(250), spec, "t", {}) for _ in range(2)
    ]
    assert all(np.array_equal(*pair) for pair in zip(tables[0].weights, tables[1].weights, strict=True))
    truth = np.array([ends(text).sum() for text in texts[250:]])
    errors = tables[0].score_many(texts[250:]) * tables[0].unit / truth - 1
    assert np.abs(errors).mean() < 0.01


def test_whole_documents_teach_too() -> None:
    """Without a tokenizer the documents' own counts are the labels."""
    texts = ["ab " * n for n in range(1, 60)]
    tokens = np.arange(1, 60, dtype=float)
    table = fit_table(gather_counted(texts, tokens), np.ones(59), FitSpec(layout=SMALL), "t", {})
    estimates = table.score_many(texts) * table.unit
    assert np.abs(estimates - tokens)[10:].max() < 1


def test_large_weights_take_a_coarser_unit() -> None:
    """A weight that 16 bits cannot hold in the asked unit makes the unit larger, not the weight wrong."""
    weights = np.zeros(SMALL.size)
    weights[3] = 100.0
    exponent, parts = quantise(weights, FitSpec(layout=SMALL, unit_bits=12))
    assert exponent == 8
    assert parts[0][3] * 2.0**-exponent == 100.0


@given(st.text(st.sampled_from("aé\u0301ｱﾞﬁ①ᄀ\u1161\u11a8 \n"), max_size=12))
def test_a_normal_form_does_not_reach_across_clusters(text: str) -> None:
    """The clusters make up the text, and their NFKC forms make up the text's."""
    clusters = split_clusters(text)
    assert "".join(clusters) == text
    forms = [unicodedata.normalize("NFKC", cluster) for cluster in clusters]
    assert "".join(forms) == unicodedata.normalize("NFKC", text)


def test_openai_vocabularies_give_token_ends() -> None:
    """The bundled vocabularies count as published, and their tokens end where their bytes do."""
    ends_of = openai_encoding("o200k_base")
    found = ends_of("hello world, größe 12345")
    assert found.size == len("hello world, größe 12345".encode())
    assert found.nonzero()[0].tolist()[:3] == [4, 10, 11]
    assert token_ends("ab", bytes_of, WORD_LENGTHS).tolist() == [1, 1]
    with pytest.raises(InputError, match="is not a vocabulary that bpe-openai holds"):
        openai_encoding("p50k_nothing")


def test_documents_are_read_and_refused(tmp_path: Path) -> None:
    """Parquet and JSON Lines load alike; what is missing or no count is named."""
    frame = pd.DataFrame({"text": ["a b", "", "c"], "n": [2, 0, 1], "group": ["x", "y", "z"]})
    frame.to_parquet(tmp_path / "d.parquet")
    frame.to_json(tmp_path / "d.jsonl", orient="records", lines=True)
    both = [read_documents([str(tmp_path / name)], "n") for name in ("d.parquet", "d.jsonl")]
    assert both[0].equals(both[1])
    assert both[0]["tokens"].tolist() == [2, 1]
    with pytest.raises(InputError, match=r"has no column 'm'. It has text, n, group"):
        read_documents([str(tmp_path / "d.parquet")], "m")
    frame.assign(n=[1.0, np.nan, -1.0]).to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(InputError, match="in row 1, n is nan, not a number of tokens"):
        read_documents([str(tmp_path / "bad.parquet")], "n")
    with pytest.raises(InputError, match="cannot be read"):
        read_documents([str(tmp_path / "none.parquet")], "n")


def test_groups_are_held_out_whole() -> None:
    """No group is on both sides, the seed decides, and a named test split is respected."""
    documents = pd.DataFrame({"group": list("aabbccddee") * 4, "split": ""})
    outside = held_out(documents, 0.4, 1)
    assert set(documents.loc[outside, "group"]) | set(documents.loc[~outside, "group"]) == set("abcde")
    assert not set(documents.loc[outside, "group"]) & set(documents.loc[~outside, "group"])
    assert documents.loc[outside, "group"].nunique() == 2
    named = documents.assign(split=["test", *["train"] * 39])
    assert held_out(named, 0.4, 1).sum() == 1


def test_importance() -> None:
    """A family has its weight, and a minor language of a family that is told apart by language less."""
    documents = pd.DataFrame(
        {"family": ["narr", "narr", "code", "dict"], "category": ["narr_fr", "narr_xx", "code_py", "dict_xx"]}
    )
    importance = Importance({"dict": 0.6}, ["narr", "dict"], ["fr"], 0.5)
    assert importance.of(documents).tolist() == [1.0, 0.5, 1.0, 0.3]


def test_counts_may_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    """Counts are joined by id within a corpus; with a tokenizer a file may have none."""
    frame = pd.DataFrame({"id": ["a", "b"], "text": ["x", "y z"], "category": "c"})
    frame.to_parquet(tmp_path / "one.parquet")
    frame.to_parquet(tmp_path / "two.parquet")
    counts = tmp_path / "counts.parquet"
    pd.DataFrame({"id": ["b", "a", "a"], "corpus": ["one", "one", "two"], "n": [2, 1, 7]}).to_parquet(counts)
    assert read_documents([str(tmp_path / "one.parquet")], "n", str(counts))["tokens"].tolist() == [1, 2]
    with pytest.raises(InputError, match="in row 1, n is nan, not a number of tokens"):
        read_documents([str(tmp_path / "two.parquet")], "n", str(counts))
    frame.to_parquet(tmp_path / "three.parquet")
    with pytest.raises(InputError, match="has no column 'n'"):
        read_documents([str(tmp_path / "three.parquet")], "n", str(counts))
    bare = read_documents([str(tmp_path / "three.parquet")], "n", str(counts), counted=False)
    assert bare["tokens"].isna().all()
    pd.DataFrame({"id": ["a"], "n": [1]}).to_parquet(counts)
    by_id = [
        read_documents([str(tmp_path / "one.parquet")], "n", str(counts), counted=counted)
        for counted in (True, False)
    ]
    assert by_id[0]["text"].tolist() == ["x"], "without corpus, ids count, and what has no count is left out"
    assert by_id[1]["tokens"].isna().tolist() == [False, True]
    pd.DataFrame({"id": ["z"], "n": [1]}).to_parquet(counts)
    with pytest.raises(InputError, match="the counts are of none of its documents"):
        read_documents([str(tmp_path / "one.parquet")], "n", str(counts))
    pd.DataFrame({"corpus": ["one"], "n": [1]}).to_parquet(counts)
    with pytest.raises(InputError, match=r"counts\.parquet has no column 'id'"):
        read_documents([str(tmp_path / "one.parquet")], "n", str(counts))


def test_more_passes_lower_the_mean_error() -> None:
    """Counting an error by its size lowers the mean relative error of documents below the squares' fit."""
    random = np.random.default_rng(3)
    words = ["alpha", "beta", "gamma", "delta", "pi"]
    texts = [" ".join(random.choice(words, random.integers(20, 60))) for _ in range(80)]
    corpus = gather_traced(texts, ends, 10_000)
    noisy = Corpus(corpus.data, corpus.documents, corpus.tokens, corpus.starts)
    assert noisy.starts is not None
    noisy.starts[: noisy.documents[8]] *= 9  # a tenth of the documents is counted wrong
    wrong = Corpus(noisy.data, noisy.documents, spans(noisy.starts, noisy.documents), noisy.starts)
    errors = []
    for passes in (0, 4):
        spec = FitSpec(layout=SMALL, passes=passes, ridge=(0.01, 0.01, 0.01, 0.01))
        table = fit_table(wrong, np.ones(80), spec, "t", {})
        errors.append(np.abs(table.score_many(texts) * table.unit / wrong.tokens - 1)[8:].mean())
    assert errors[1] < 0.7 * errors[0]


def test_factors_by_size() -> None:
    """Squares times factors grow as the size does, keep their sum, and stay squares below the least."""
    error = np.array([0.0, 0.1, 1.0, 2.0, -4.0])
    squares = error**2 * by_size(error, 0.5)
    assert squares.sum() == pytest.approx((error**2).sum())
    assert (squares[2:] / squares[2]).tolist() == [1.0, 2.0, 4.0]
    assert squares[1] / squares[2] == pytest.approx(0.1**2 / 0.5)
    assert by_size(np.zeros(2), 0.5).tolist() == [1.0, 1.0]
