"""Fit hashed n-gram tables: weighted ridge on pieces and whole documents, by conjugate gradients."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import LinearOperator, cg

from token_approx.pretraining.design import Design, Layout
from token_approx.pretraining.pieces import Corpus, Floats, PieceSpec, cut, spans
from token_approx.text.ngrams import NgramTable

LARGEST = 2**15 - 1


@dataclass(frozen=True)
class FitSpec:
    """Hyperparameters of a fit.

    `document` is the weight of a document's squared relative error against a piece's squared error per
    token, `floor` the tokens below which it stops growing; `offset` is added to a piece's expected tokens;
    `ridge` is the penalty on each squared weight (1/tokens^2), by order; `iterations` are steps of conjugate
    gradients; weights are stored in units of 2**-unit_bits tokens, and those below `prune` tokens become 0.

    After the first fit come `passes` more of `more_iterations` steps each, in which an error that the last
    one left counts by its size instead of its square (Holland and Welsch 1977, "Robust Regression Using
    Iteratively Reweighted Least-Squares"): relative errors of documents below `least_document` and scaled
    errors of pieces below `least_piece` count by their squares still.
    """

    layout: Layout = field(default_factory=Layout)
    pieces: PieceSpec = field(default_factory=PieceSpec)
    document: float = 400.0
    floor: float = 10.0
    offset: float = 0.5
    ridge: tuple[float, ...] = (0.2, 0.6, 2.0, 4.0)
    iterations: int = 100
    unit_bits: int = 12
    prune: float = 0.0
    passes: int = 0
    more_iterations: int = 20
    least_document: float = 0.01
    least_piece: float = 0.2


def fit_table(
    corpus: Corpus, importance: Floats, spec: FitSpec, tokenizer: str, provenance: dict[str, Any]
) -> NgramTable:
    """Fit a table to `corpus`, each document counting `importance` times (shape (documents,))."""
    exponent, weights = quantise(fit_weights(corpus, importance, spec), spec)
    orders = tuple(range(1, len(spec.layout.bits) + 1))
    return NgramTable(
        tokenizer, orders, spec.layout.bits, weights, exponent, spec.layout.fold, provenance=provenance
    )


def fit_weights(corpus: Corpus, importance: Floats, spec: FitSpec) -> Floats:
    """Weights in tokens, shape (columns,), that minimise the penalised weighted squared errors."""
    edges = corpus.documents if corpus.starts is None else cut(corpus, spec.pieces)
    target = corpus.tokens if corpus.starts is None else spans(corpus.starts, edges)
    design = Design(corpus, edges, spec.layout)
    tokens = corpus.tokens
    counted = np.diff(design.documents)
    density = np.repeat(tokens / design.lengths, counted)
    piece = np.repeat(importance, counted) / (np.diff(edges) * density + spec.offset)
    document = spec.document * importance / np.maximum(tokens, spec.floor) ** 2
    ridge = np.repeat(np.asarray(spec.ridge), [1 << bits for bits in spec.layout.bits])
    # The scale only speeds the steps up: that of the first fit, which is dear, serves the later ones.
    scale = ridge + design.backward(piece) + design.document_squares(document)
    problem = Problem(design, target, ridge, scale)
    weights = conjugate_gradients(problem, piece, document, spec.iterations, np.zeros(design.size))
    for _ in range(spec.passes):
        error = design.forward(weights) - target
        whole = np.add.reduceat(error, design.documents[:-1]) / np.maximum(tokens, spec.floor)
        pieces = piece * by_size(error * np.sqrt(piece / np.repeat(importance, counted)), spec.least_piece)
        documents = document * by_size(whole, spec.least_document)
        weights = conjugate_gradients(problem, pieces, documents, spec.more_iterations, weights)
    return weights


def by_size(error: Floats, least: float) -> Floats:
    """Return the factors that make squares of errors count by the errors' size, shape (errors,).

    Errors below `least` have the factor of `least`; the sum of squares times factors is the sum of squares.
    """
    squares = error**2
    factors = 1.0 / np.maximum(np.abs(error), least)
    total = float(factors @ squares)
    return factors * (float(squares.sum()) / total if total > 0.0 else least)


@dataclass(frozen=True)
class Problem:
    """Pieces and what they should cost: `target` in tokens, shape (pieces,).

    `ridge` is the penalty and `scale` the size of the second derivative by column, shape (columns,).
    """

    design: Design
    target: Floats
    ridge: Floats
    scale: Floats


def conjugate_gradients(
    problem: Problem, piece: Floats, document: Floats, iterations: int, start: Floats
) -> Floats:
    """Minimise piece errors^2 . piece + document errors^2 . document + weights^2 . ridge; shape (columns,).

    `piece` has shape (pieces,), `document` (documents,); steps begin at `start`, shape (columns,).
    """
    design, ridge, scale = problem.design, problem.ridge, problem.scale
    counted = np.diff(design.documents)

    def weighted(error: Floats) -> Floats:
        whole = np.add.reduceat(error, design.documents[:-1]) * document
        return error * piece + np.repeat(whole, counted)

    def curved(weights: Floats) -> Floats:
        return design.backward(weighted(design.forward(weights))) + ridge * weights

    size = (design.size, design.size)
    # The number of steps decides: the tolerance only ends what is solved already.
    solved, _ = cg(
        LinearOperator(size, curved, dtype=np.float64),
        design.backward(weighted(problem.target)),
        x0=start,
        rtol=1e-12,
        maxiter=iterations,
        M=LinearOperator(size, lambda gradient: gradient / scale, dtype=np.float64),
    )
    return np.asarray(solved)


def quantise(weights: Floats, spec: FitSpec) -> tuple[int, tuple[npt.NDArray[np.int16], ...]]:
    """Round weights (tokens, shape (columns,)) to int16 in units of 2**-exponent tokens, by order.

    The exponent is the asked one, or less where the largest weight would not fit.
    """
    kept = np.where(np.abs(weights) < spec.prune, 0.0, weights)
    exponent = spec.unit_bits
    while np.abs(kept).max(initial=0.0) * 2.0**exponent > LARGEST:
        exponent -= 1
    whole = np.rint(kept * 2.0**exponent).astype(np.int16)
    return exponent, tuple(np.split(whole, spec.layout.offsets[1:-1]))
