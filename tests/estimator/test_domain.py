"""Out of its domain a model never says that a text fits, unless its bytes cannot have more tokens."""

import math
import unicodedata
import warnings
from dataclasses import replace

import numpy as np
import pytest

from tests.conftest import ROOT
from token_approx import Estimator
from token_approx.errors import InputError, OutOfDomainWarning
from token_approx.estimator.byte_bounds import ByteBound
from token_approx.estimator.shipped import shipped_families

O200K = Estimator.for_model("o200k_base")
CLAUDE = Estimator.load(ROOT / "output")
UNKNOWN = replace(O200K, byte_bound=None)
PROSE = "The ferry leaves at noon, and the next one only after dark. " * 20
KOREAN = unicodedata.normalize("NFD", "어제 오후에 강가에서 백로 세 마리를 보았다. " * 20)
SIZE = len(KOREAN.encode())
# Decomposed, too, but of fewer tokens than bytes: what a limit of tokens allows, bytes do not assure.
VIETNAMESE = unicodedata.normalize("NFD", "Hôm qua chúng tôi thấy ba con cò bên sông. " * 20)


def test_a_short_message_does_not_lose_its_framing() -> None:
    """'Hi' has 8 tokens as a message of Claude 3; what 5 tokens allow, nobody can say of it."""
    assert CLAUDE.decide("Hi", 5) == "ask"
    assert CLAUDE.upper_bound("Hi") >= 8
    assert CLAUDE.out_of_domain("Hi").startswith("ngram_claude_3 is ")
    hundred = CLAUDE.messages([{"role": "user", "content": "Hi"}] * 100)
    assert hundred.tokens >= 400
    assert hundred.upper_bound() >= 400, "the truth is about 400"
    assert hundred.decide(162) == "ask"
    assert hundred.out_of_domain.startswith("text 1: ngram_claude_3")


def test_a_normal_form_that_training_hardly_held() -> None:
    """Decomposed Korean is out of the domain by its n-grams; composed, it is inside."""
    assert O200K.out_of_domain(KOREAN).startswith("rare_o200k_base/ngram_o200k_base is ")
    assert O200K.out_of_domain(unicodedata.normalize("NFC", KOREAN)) == ""
    assert (O200K.upper_bound(KOREAN), O200K.lower_bound(KOREAN)) == (SIZE, 0)
    assert [O200K.decide(KOREAN, limit) for limit in (SIZE, SIZE - 1, 1)] == ["fits", "ask", "ask"]


def test_without_a_byte_bound_nothing_fits() -> None:
    """Where nobody knows what bytes can have, the bound is infinite, and the answer always to ask."""
    assert UNKNOWN.upper_bound(KOREAN) == math.inf
    assert UNKNOWN.decide(KOREAN, 10**12) == "ask"
    found = UNKNOWN.describe_many([PROSE, KOREAN])
    assert found.upper_bound.tolist() == [O200K.upper_bound(PROSE), math.inf]
    assert found.in_domain.tolist() == [True, False]
    assert O200K.describe_many([KOREAN]).upper_bound.tolist() == [SIZE]


def test_in_a_total_each_text_has_its_own_bound() -> None:
    """A text of the domain brings its measured bounds, another the most by its bytes, and 0."""
    total = O200K.messages([{"role": "user", "content": text} for text in (PROSE, KOREAN)], framing=0)
    inside = O200K.upper_bound(PROSE)
    assert inside + SIZE - 1 <= total.upper_bound() <= inside + SIZE
    assert total.lower_bound() == O200K.lower_bound(PROSE)
    assert total.decide(O200K.lower_bound(PROSE) - 1) == "exceeds", "what is known of one text may be enough"
    assert total.out_of_domain.startswith("text 2: rare_o200k_base")
    with pytest.raises(InputError, match=r"no bound of confidence 0\.5"):
        total.upper_bound(0.5)


def test_a_context_knows_what_was_appended() -> None:
    """A piece out of the domain makes the context unsure until the provider's figure replaces it."""
    context = O200K.with_context()
    context.append(PROSE)
    assert (context.out_of_domain, context.upper_bound()) == ("", O200K.upper_bound(PROSE))
    context.append(KOREAN)
    assert "rare_o200k_base" in context.out_of_domain
    assert context.decide(O200K.upper_bound(PROSE) + SIZE - 2) == "ask"
    assert context.fits(int(O200K.upper_bound(PROSE)) + SIZE)
    context.exact(1000)
    assert (context.out_of_domain, context.decide(1000)) == ("", "fits")


def test_cuts_that_may_not_fit_are_told() -> None:
    """`truncate` and `split` warn of pieces whose limit no bound assures, and of no others."""
    with pytest.warns(
        OutOfDomainWarning, match=r"the text is out of .*rare_o200k_base.* more than 100 tokens"
    ):
        O200K.truncate(VIETNAMESE, 100)
    with pytest.warns(OutOfDomainWarning, match=r"piece 1 of \d+ is out of the model's domain"):
        O200K.split(VIETNAMESE, 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        O200K.truncate(PROSE, 100)
        O200K.split(PROSE, 100)
        assert O200K.truncate(VIETNAMESE, len(VIETNAMESE.encode())) == VIETNAMESE


def test_many_texts_are_judged_as_each_alone() -> None:
    """Bounds and domain of many texts are those of each, for every shipped model."""
    texts: list[str | bytes] = ["", "Hi", PROSE, KOREAN, "\0\1\2", PROSE * 40, "e\u0301" * 50, b"\xff\xfe"]
    for name in shipped_families():
        model = Estimator.for_model(name)
        found = model.describe_many(texts)
        assert found.upper_bound.tolist() == [model.upper_bound(text) for text in texts]
        assert found.in_domain.tolist() == [not model.out_of_domain(text) for text in texts]
        assert np.isfinite(found.upper_bound).all(), "every shipped model's tokenizer is known"


def test_a_byte_bound_is_whole() -> None:
    """It rounds up."""
    assert ByteBound(1.5, 0.25, "").tokens(3) == 5
