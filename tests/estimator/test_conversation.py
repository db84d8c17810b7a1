"""Texts together: chat messages with their framing, a context that grows, and the bound of a sum."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.estimator.test_cutting import MODELS, NGRAM
from token_approx import Estimator
from token_approx.errors import InputError
from token_approx.estimator.catalogue import catalogue
from token_approx.estimator.shipped import shipped_families
from token_approx.estimator.total import TextEstimate
from token_approx.fitting.dataset import read_corpus
from token_approx.fitting.splits import by_group

STRINGS = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)


def user(content: object) -> dict[str, Any]:
    """Return a user's message."""
    return {"role": "user", "content": content}


def test_messages_are_the_sum_of_their_texts() -> None:
    """Contents are estimated one by one, parts joined by a line feed, and each message is framed."""
    texts = ["Be brief.", "Name the moons\nof Mars.", ""]
    parts = [{"type": "text", "text": part} for part in texts[1].split("\n")]
    total = NGRAM.messages([{"role": "system", "content": texts[0]}, user(parts), user("")], framing=5)
    assert "Bound(" not in repr(total), "a person reads tokens, not the bounds' coefficients"
    sums = [NGRAM.linear_sum(NGRAM.features(text)) for text in texts]
    assert [text.linear_sum for text in total.texts] == sums
    assert total.tokens == round(sum(sums)) + 15
    bounds = [NGRAM.total([TextEstimate(value)]).upper_bound(0.9) for value in sums]
    assert 15 + sum(bounds) - 3 < total.upper_bound(0.9) <= 15 + sum(bounds)
    assert total.lower_bound(0.9) < total.tokens
    upper, lower = total.upper_bound(), total.lower_bound()
    decisions = [total.decide(limit) for limit in (upper, upper - 1, lower, lower - 1)]
    assert decisions == ["fits", "ask", "ask", "exceeds"]
    assert NGRAM.messages([]).tokens == NGRAM.messages([]).upper_bound() == 0


@pytest.mark.parametrize(
    "counts_of", ["one-user-message", "en-long-one-turn", "as-logged", "text", "text-alone"]
)
def test_framing_follows_what_the_labels_count(counts_of: str) -> None:
    """Without an intercept, a model gets what its family adds: 3 to a request, 4 to a message.

    For a model that nobody knows, 8 are added to each message. What an intercept of messages holds is not
    added again.
    """
    model = replace(NGRAM, counts_of=counts_of)
    texts = [user("Hello!"), user("Good day!")]
    assert model.messages(texts).framing == 11
    assert replace(model, model="a model of nobody's").messages(texts).framing == 16
    if not counts_of.startswith("text"):
        assert replace(model, intercept=4.0).messages(texts).framing == 3
        assert replace(model, intercept=70.0).messages(texts).framing == 0
        assert replace(model, intercept=-70.0).messages(texts).framing == 11
    assert model.messages(texts, framing=3).known == 6


def test_what_the_shipped_labels_count_is_known() -> None:
    """Every default says what its labels are counts of, so that messages need no framing to be given."""
    framings = {name: Estimator.for_model(name).messages([user("a")]).framing for name in shipped_families()}
    assert framings == {name: sum(catalogue().families[name].framing) for name in shipped_families()}


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"content": "a"}, r"messages\[1\].role is None. Give a name"),
        ("a", r"messages\[1\] is not an object"),
        ({"role": "user"}, r"messages\[1\].content is of type NoneType. Give a string or a list"),
        (user(b"a"), "of type bytes"),
        (user(["a"]), r"content\[0\] is of type 'str', not text"),
        (
            user([{"type": "text", "text": "a"}, {"type": "image", "source": {}}]),
            r"content\[1\] is .*'image'",
        ),
        (user([{"type": "text"}]), r"content\[0\] is of type 'text', not text"),
        (
            {"role": "assistant", "content": "a", "tool_calls": [{}]},
            r"messages\[1\].tool_calls is not a text",
        ),
    ],
)
def test_what_is_no_text_is_refused(message: Any, error: str) -> None:  # noqa: ANN401 - wrong on purpose
    """A message that cannot be estimated is named with its place and the mend, on one line."""
    with pytest.raises(InputError, match=error) as refused:
        NGRAM.messages([user("Hello!"), message])
    assert "\n" not in str(refused.value)


def test_fields_beside_the_content_are_counted() -> None:
    """A name, a refusal and reasoning have text: the estimate is of all, as lines of one text."""
    message = {"role": "assistant", "content": "Yes.", "name": "critic", "refusal": None}
    message |= {"reasoning_content": "The user asks for a word."}
    (found,) = NGRAM.messages([message]).texts
    assert found == NGRAM.messages([user("Yes.\ncritic\nThe user asks for a word.")]).texts[0]
    refused = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
    (found,) = NGRAM.messages([refused]).texts
    assert found == NGRAM.messages([user("I cannot help with that.")]).texts[0]


def test_framing_that_nobody_knows_is_asked_for() -> None:
    """An export that does not say what its labels are counts of needs the framing; so does one of old."""
    for counts_of in (None, "two-turns"):
        with pytest.raises(InputError, match=f"labels count {counts_of!r}. Give framing=<tokens>"):
            replace(NGRAM, counts_of=counts_of).messages([user("a")])
    with pytest.raises(InputError, match="framing=-1"):
        NGRAM.messages([user("a")], framing=-1)


@given(pieces=st.lists(STRINGS | st.binary(max_size=30), max_size=8), name=st.sampled_from(sorted(MODELS)))
def test_a_context_in_pieces_is_the_text(pieces: list[str | bytes], name: str) -> None:
    """At every step, what was appended is estimated as the text that it makes, intercept and all."""
    model, text = MODELS[name], b""
    context = model.with_context()
    for piece in pieces:
        context.append(piece)
        text += piece if isinstance(piece, bytes) else piece.encode("utf-8", "surrogatepass")
        assert context.tokens == model.estimate(text)
    if len(pieces) == 1:
        assert context.upper_bound() == model.upper_bound(text)


def test_the_provider_s_figure_replaces_the_estimate() -> None:
    """What is known is exact, the intercept part of it; only what comes after is estimated."""
    model = replace(NGRAM, intercept=7.0)
    context = model.with_context()
    context.append("You are a helpful assistant.")
    assert context.tokens == 7 + NGRAM.estimate("You are a helpful assistant.")
    context.exact(100)
    assert (context.tokens, context.upper_bound(), context.lower_bound()) == (100, 100, 100)
    assert (context.fits(100), context.fits(99)) == (True, False)
    assert (context.decide(100), context.decide(99)) == ("fits", "exceeds")
    context.append(" Say hello to the world.", framing=4)
    appended = NGRAM.linear_sum({"ngram_o200k_base": NGRAM.tables["ngram_o200k_base"].tokens(
        " Say hello to the world.", b"You are a helpful assistant."
    )})  # fmt: skip
    assert context.tokens == 104 + round(appended)
    assert context.upper_bound() == model.total([TextEstimate(appended)], 104).upper_bound() > context.tokens
    assert context.decide(context.tokens) == "ask"


def test_a_context_may_begin_with_known_tokens() -> None:
    """Then the intercept is part of them."""
    context = replace(NGRAM, intercept=7.0).with_context(known_tokens=50)
    assert context.tokens == 50
    context.append("\nhello")
    assert context.tokens == 50 + NGRAM.estimate("\nhello")
    for wrong in (lambda: NGRAM.with_context(-1), lambda: context.exact(-1)):
        with pytest.raises(InputError, match="known_tokens=-1 is not a number"):
            wrong()
    with pytest.raises(InputError, match="framing=-2"):
        context.append("a", framing=-2)


@pytest.mark.parametrize(
    ("name", "column"),
    [("o200k_base", "o200k_base"), ("cl100k_base", "cl100k_base"), ("claude_3", "claude_3")],
)
def test_the_bound_of_a_sum_holds(name: str, column: str) -> None:
    """Of totals of documents of one source, never seen, 95 % stay within the sum of the 95 % bounds.

    The bound that the total would have as one text does not hold for them as often: hence the sum.
    """
    dataset = read_corpus("corpus", str(ROOT / "output/records/corpus.parquet"), column)
    _, test = by_group(dataset, 0.2, 42)
    model = Estimator.for_model(name)
    tokens = dataset.tokens[test]
    sums = model.linear_sums({f"ngram_{name}": dataset.features[f"ngram_{name}"].to_numpy(np.float64)[test]})
    sources = np.asarray(dataset.sources)[test]
    random = np.random.default_rng(0)
    held: dict[int, float] = {}
    held_as_one: dict[int, float] = {}
    for count in (2, 20, 100):
        draws = [random.choice(np.flatnonzero(sources == random.choice(sources)), count) for _ in range(1000)]
        truths = [tokens[draw].sum() for draw in draws]
        totals = [model.total([TextEstimate(value) for value in sums[draw].tolist()]) for draw in draws]
        within = [truth <= total.upper_bound() for truth, total in zip(truths, totals, strict=True)]
        as_one = [model.total([TextEstimate(float(sums[draw].sum()))]).upper_bound() for draw in draws]
        held[count] = float(np.mean(within))
        held_as_one[count] = float(np.mean(np.array(truths) <= as_one))
    assert min(held.values()) >= 0.95
    assert all(held_as_one[count] < held[count] for count in held)


@pytest.mark.parametrize("tokens", [math.nan, math.inf, -1, "3", True])
def test_tokens_that_are_no_number(tokens: Any) -> None:  # noqa: ANN401 - whatever a caller gives
    """Framing and known tokens are finite numbers of at least 0, or the one documented error."""
    context = NGRAM.with_context()
    for step in (
        lambda: NGRAM.messages([user("a")], framing=tokens),
        lambda: context.append("a", framing=tokens),
        lambda: context.exact(tokens),
        lambda: NGRAM.with_context(tokens),
    ):
        with pytest.raises(InputError, match="is not a number of tokens"):
            step()
    assert context.tokens == 0
