"""An exact tokenizer is asked where no bound can decide, and only there; the result says which step did."""

import copy
import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import bpe_openai
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from tests.estimator.test_domain import KOREAN
from token_approx import Decision, Estimator, InputError, MissingExtraError
from token_approx.estimator import exact as exact_module
from token_approx.estimator.byte_bounds import message_framing
from token_approx.estimator.catalogue import VARIABLE
from token_approx.estimator.exact import exact_tokenizer

O200K = Estimator.for_model("gpt-5.4")
TEXT = "The boats were coming in, one after the other, and nobody on the quay said a word. " * 40
TRUTH = len(bpe_openai.get_encoding("o200k_base").encode_ordinary(TEXT))


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """Return a tokenizer.json of which every word is a token."""
    made = Tokenizer(models.WordLevel({"x": 0, "[UNK]": 1}, unk_token="[UNK]"))  # noqa: S106 - no password
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    path = tmp_path / "tokenizer.json"
    made.save(str(path))
    return path


def test_each_step_decides_what_the_one_before_cannot() -> None:
    """Bytes, bounds, tokenizer, ask: from a limit that nothing can exceed down to the truth itself."""
    size, upper, lower = len(TEXT), O200K.upper_bound(TEXT), O200K.lower_bound(TEXT)
    assert lower < TRUTH < upper < size
    asked = [
        (size, "fits", "bytes"),
        (size - 1, "fits", "bound"),
        (upper, "fits", "bound"),
        (upper - 1, "fits", "exact"),
        (TRUTH, "fits", "exact"),
        (TRUTH - 1, "exceeds", "exact"),
        (lower - 1, "exceeds", "bound"),
    ]
    for limit, answer, step in asked:
        decision = O200K.decide(TEXT, limit, exact="installed")
        assert (decision, decision.step) == (answer, step), limit
        never = O200K.decide(TEXT, limit)
        assert (never, never.step) == (("ask", "ask") if step == "exact" else (answer, step))
    assert O200K.decide(TEXT, TRUTH, exact="installed").reason == "counted by bpe-openai"


def test_a_text_out_of_the_domain_is_counted() -> None:
    """Where no measured bound holds, the exact count does; bytes and strings are the same text."""
    truth = len(bpe_openai.get_encoding("o200k_base").encode_ordinary(KOREAN))
    for text in (KOREAN, KOREAN.encode()):
        found = [O200K.decide(text, limit, exact="installed") for limit in (truth, truth - 1)]
        assert found == ["fits", "exceeds"]
    assert O200K.decide("\ud800 alone " * 9, 20, exact="installed").step in ("bound", "exact", "bytes")


def test_a_decision_is_a_string_that_can_be_copied() -> None:
    """It is equal to its answer, is JSON, a key, and survives pickle and copy with its step."""
    decision = O200K.decide(TEXT, TRUTH, exact="installed")
    assert isinstance(decision, Decision)
    assert (json.dumps(decision), {"fits": 1}[decision], repr(decision)) == ('"fits"', 1, "'fits'")
    for other in (copy.copy(decision), copy.deepcopy(decision), pickle.loads(pickle.dumps(decision))):  # noqa: S301
        assert (other, other.step, other.reason) == ("fits", "exact", "counted by bpe-openai")


def test_messages_keep_the_uncertainty_of_their_framing() -> None:
    """The texts are exact; the framing is in the upper bound alone, unless it is given."""
    messages = [{"role": "user", "content": TEXT}] * 2
    of_request, of_message = message_framing("gpt-5.4")
    most = 2 * TRUTH + of_request + 2 * of_message
    total = O200K.messages(messages)
    limits = (most, most - 1, 2 * TRUTH, 2 * TRUTH - 1)
    assert [total.decide(limit, exact="installed") for limit in limits] == ["fits", "ask", "ask", "exceeds"]
    given = O200K.messages(messages, framing=5)
    known = 2 * TRUTH + 10
    assert [given.decide(limit, exact="installed") for limit in (known, known - 1)] == ["fits", "exceeds"]


def test_labels_of_a_message_hold_its_framing() -> None:
    """A model of one message's tokens counts the tokens that the provider adds to it, too."""
    weights = {"bytes": TRUTH / len(TEXT)}
    counted = Estimator("gpt-5.4", 0, weights, counts_of="one-user-message")
    model = replace(counted, upper=O200K.upper, lower=O200K.lower)
    truth = TRUTH + sum(message_framing("gpt-5.4"))
    found = [model.decide(TEXT, limit, exact="installed") for limit in (truth, truth - 1)]
    assert [(each, each.step) for each in found] == [("fits", "exact"), ("exceeds", "exact")]


def test_a_context_is_counted_as_one_text() -> None:
    """What came since the provider's figure is joined; the figure and the given framing are known."""
    context = O200K.with_context(1_000)
    for piece in (TEXT[:1_001], TEXT[1_001:].encode()):
        context.append(piece, framing=3)
    truth = 1_000 + TRUTH + 6
    found = [context.decide(limit, exact="installed") for limit in (truth, truth - 1)]
    assert [(each, each.step) for each in found] == [("fits", "exact"), ("exceeds", "exact")]
    context.exact(truth)
    assert context.decide(truth, exact="installed") == "fits", "what is known already is not counted again"
    context.append([{"role": "user", "content": "Hello!"}])
    asked = context.decide(context.tokens, exact="installed")
    assert asked == "ask", "messages keep their bounds"
    assert "a provider adds" in asked.reason


def test_a_request_is_not_counted_exactly() -> None:
    """Its framing is fitted, so its bounds stay: it says so, and never decides by texts alone."""
    total = O200K.request({"model": "gpt-5.4", "messages": [{"role": "user", "content": TEXT}]})
    decision = total.decide(total.tokens, exact="installed")
    assert (decision, decision.step) == ("ask", "ask")
    assert decision.reason == "no tokenizer counts what a provider adds to a whole request"


def test_a_tokenizer_json_by_its_path(words: Path) -> None:
    """Its path stands for any model's tokenizer; a file that is none, or not there, is one sentence."""
    gemini = Estimator.for_model("gemini-2.5-flash")
    near = "word " * 400
    assert gemini.lower_bound(near) <= 400 < gemini.upper_bound(near)
    assert gemini.decide(near, 400, exact=words) == "fits"
    assert gemini.decide(near, 399, exact=str(words)) == "exceeds"
    with pytest.raises(InputError, match=r"nowhere.json cannot be read as a tokenizer.json"):
        gemini.decide(near, 400, exact="nowhere.json")
    with pytest.raises(InputError, match=r"exact='always' is not known. Give 'never', 'installed', or"):
        gemini.decide(near, 400, exact="always")


def test_a_tokenizer_json_by_the_catalogue(words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One's own catalogue may say where the tokenizer.json of a shipped family is, by that field alone."""
    gemini = Estimator.for_model("gemini-2.5-flash")
    near = "word " * 400
    asked = gemini.decide(near, 400, exact="installed")
    assert (asked, asked.step) == ("ask", "ask")
    assert "exact=<path of its tokenizer.json>" in asked.reason
    own = words.with_name("catalogue.json")
    entry = {"name": "gemma_3", "exact": {"library": "tokenizers", "tokenizer": str(words)}}
    own.write_text(json.dumps({"schema_version": 1, "families": [entry]}))
    monkeypatch.setenv(VARIABLE, str(own))
    assert exact_tokenizer("gemini-2.5-flash").count("a b c") == 3
    assert gemini.decide(near, 400, exact="installed") == "fits"


def test_what_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a tokenizer it is to ask, and the reason says what to install; nothing is downloaded."""
    exact_module.installed.cache_clear()
    monkeypatch.setitem(sys.modules, "bpe_openai", None)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    asked = O200K.decide(TEXT, TRUTH, exact="installed")
    assert (asked, asked.step) == ("ask", "ask")
    assert "tiktoken has not fetched o200k_base" in asked.reason
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    assert "bpe-openai is not installed: pip" in O200K.decide(TEXT, TRUTH, exact="installed").reason
    monkeypatch.setitem(sys.modules, "ctok", None)
    with pytest.raises(MissingExtraError, match="ctok"):
        exact_tokenizer("claude-opus-5")
    with pytest.raises(InputError, match="no exact tokenizer is known for 'claude-opus-99'"):
        exact_tokenizer("claude-opus-99")
    exact_module.installed.cache_clear()


def test_a_text_that_the_tokenizer_refuses() -> None:
    """bpe-openai takes no million characters: it is to ask, and the reason does not quote the text."""
    long = "word " * 200_000
    decision = O200K.decide(long, O200K.upper_bound(long) - 1, exact="installed")
    assert (decision, decision.reason) == ("ask", "bpe-openai cannot count the text (ValueError)")


def test_importing_and_deciding_by_bounds_imports_no_tokenizer() -> None:
    """No library is loaded before a bound fails to decide."""
    code = (
        "import sys; from token_approx import Estimator; e = Estimator.for_model('gpt-5.4');"
        "e.decide('x' * 100, 1000, exact='installed');"
        "print([m for m in ('tiktoken', 'bpe_openai', 'ctok', 'tokenizers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
