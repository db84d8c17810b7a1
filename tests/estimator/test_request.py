"""Whole requests through the public estimator: parts, bounds, decisions, and contexts of messages."""

import json
import math
import unicodedata

import pandas as pd
import pytest
import yaml

from tests.conftest import ROOT
from tests.requests.test_formats import CHAT
from token_approx import Estimator
from token_approx.errors import InputError
from token_approx.estimator.request import family_of, request_model_for, shipped_request_model
from token_approx.requests import PARTS
from token_approx.requests.features import KINDS

GPT_4 = {**CHAT, "model": "gpt-4"}
URL = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}


def test_parts_are_whole_numbers_that_add_up_to_the_total() -> None:
    """Every part of a request with tools has tokens of its own, and nothing is left over."""
    total = Estimator.for_model("gpt-4").request(GPT_4)
    assert tuple(total.parts) == PARTS
    assert sum(total.parts.values()) == total.tokens
    for part in ("system", "messages", "tools", "tool calls", "tool results", "framing"):
        assert total.parts[part] > 0, part
    assert total.lower_bound(0.95) <= total.tokens <= total.upper_bound(0.95)


def test_a_plain_request_is_what_the_provider_documents() -> None:
    """3 tokens for the request, 4 for each message and those of the texts, which the vocabulary counts."""
    texts = ["You are a helpful assistant.", "How many moons has Mars?"]  # 6 tokens each
    messages = [{"role": role, "content": text} for role, text in zip(("system", "user"), texts, strict=True)]
    total = Estimator.for_model("gpt-4").request({"model": "gpt-4", "messages": messages})
    assert abs(total.tokens - (3 + 2 * 4 + 6 + 6)) <= 1


def test_what_is_not_counted_forbids_to_say_that_it_fits() -> None:
    """With an image by URL the decision is to ask, but where what is known exceeds the limit already."""
    user = {"role": "user", "content": [{"type": "text", "text": "What is this? " * 50}, URL]}
    total = Estimator.for_model("gpt-4o").request({"model": "gpt-4o", "messages": [user]})
    assert len(total.not_counted) == 1
    assert total.decide(100_000) == "ask"
    assert total.decide(50) == "exceeds"


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4", "claude-opus-5"])
def test_texts_out_of_the_domain_leave_no_bound(model: str) -> None:
    """Decomposed Korean is none that the tables know: however large the limit, the decision is to ask."""
    korean = "어제 오후에 강가에서 백로 세 마리를 보았다. " * 20
    composed, decomposed = unicodedata.normalize("NFC", korean), unicodedata.normalize("NFD", korean)
    for text, decision in ((composed, "fits"), (decomposed, "ask")):
        message = {"role": "user", "content": text}
        total = Estimator.for_model(model).request({"model": model, "messages": [message]})
        assert total.decide(10**9) == decision
        assert math.isfinite(total.upper_bound()) == (decision == "fits")
        assert ("rare_" in total.out_of_domain) == (decision == "ask")


def test_a_kind_of_which_no_bound_held_is_asked_for() -> None:
    """However large the limit: a bound that was not seen to hold is none. The reason is told."""
    messages = [{"role": "user", "content": "How many tokens are in this?"}]
    total = Estimator.for_model("qwen3-max").request({"model": "qwen3-max", "messages": messages})
    assert total.tokens > 0
    assert total.decide(10**9) == "ask"
    assert total.out_of_domain == (
        "no bound for plain requests to this family held on repositories that were left out"
    )


@pytest.mark.parametrize(
    ("model", "wire_format", "decision"),
    [
        ("gpt-5.4", "anthropic", "ask"),
        ("gemini-2.5-flash", "anthropic", "ask"),
        ("claude-opus-5", "anthropic", "fits"),
        ("claude-opus-5", "gemini", "ask"),
        ("gemini-2.5-flash", "gemini", "fits"),
        ("gpt-5.4", "converse", "ask"),
        ("claude-opus-5", "converse", "fits"),
        ("claude-opus-4-5", "openai_chat", "fits"),
    ],
)
def test_a_request_in_another_provider_s_format_is_asked_for(
    model: str, wire_format: str, decision: str
) -> None:
    """Its tools would be features that the family's model does not have, and count as nothing."""
    text = "How many tokens?"
    bodies = {
        "anthropic": {"max_tokens": 9, "messages": [{"role": "user", "content": text}]},
        "gemini": {"contents": [{"role": "user", "parts": [{"text": text}]}]},
        "converse": {"messages": [{"role": "user", "content": [{"text": text}]}]},
        "openai_chat": {"messages": [{"role": "user", "content": text}]},
    }
    total = Estimator.for_model(model).request(bodies[wire_format], model=model, wire_format=wire_format)
    assert total.decide(10**6) == decision
    assert (f"not asked in the format {wire_format}" in total.out_of_domain) == (decision == "ask")


def test_the_shipped_models_promise_no_bound_that_did_not_hold() -> None:
    """output/requests.csv has what held on repositories left out, and so which kinds have a bound."""
    errors = pd.read_csv(ROOT / "output/requests.csv")
    for dataset, rows in errors.groupby("dataset"):
        config = yaml.safe_load((ROOT / f"conf/dataset/{dataset}.yaml").read_text())
        shipped = shipped_request_model(config["dataset"]["families"][0])
        unseen = set(KINDS) - set(rows["kind"])
        assert set(shipped.kinds_without_bound) == unseen | set(rows["kind"][~(rows["coverage"] >= 90)])
        nothing = {bound.kind for bound in shipped.lower if bound.factor == 0 and bound.confidence == 0.95}
        assert nothing >= set(rows["kind"][~(rows["lower_coverage"] >= 90)]), dataset
    assert errors["dataset"].nunique() == 8


def test_dicts_json_text_and_bytes_are_the_same_request() -> None:
    """However the body is given, the total is equal."""
    estimator = Estimator.for_model("gpt-4")
    totals = [estimator.request(body) for body in (GPT_4, json.dumps(GPT_4), json.dumps(GPT_4).encode())]
    assert totals[0] == totals[1] == totals[2]


def test_the_family_is_that_of_the_given_model_or_of_the_body() -> None:
    """A name that is given wins over the one in the body; without either the error says what to give."""
    assert family_of(GPT_4) == "cl100k_base"
    assert family_of(GPT_4, "claude-opus-5") == "claude_4_7"
    with pytest.raises(InputError, match="names no model"):
        family_of({"messages": []})


def test_a_family_without_a_model_of_requests_says_so() -> None:
    """A text's model is not taken for a request's: the error names what there is."""
    with pytest.raises(InputError, match=r"for 'llama_3': too few were recorded .* \(estimate, messages\)"):
        request_model_for("llama-3.1-8b-instruct")


def test_a_context_of_messages_grows_from_what_the_provider_counted() -> None:
    """Messages of any format add their texts and framing; the provider's figure takes their place."""
    context = Estimator.for_model("gpt-4").with_context()
    context.append({"role": "user", "content": "How many moons has Mars?"})
    assert abs(context.tokens - (3 + 4 + 6)) <= 1
    context.exact(50)
    context.append([{"role": "assistant", "content": "Two."}, {"role": "user", "content": "Their names?"}])
    assert 50 + 2 * 4 + 4 <= context.tokens <= 50 + 2 * 4 + 8
    assert context.decide(1_000) == "fits"
    context.append({"role": "user", "content": [URL]})
    assert context.decide(1_000) == "ask"
    assert len(context.not_counted) == 1
    context.exact(300)
    assert context.decide(1_000) == "fits"


def test_gemini_and_responses_messages_are_told_apart() -> None:
    """A turn with parts and an item with a type are read in their own formats."""
    context = Estimator.for_model("gpt-4").with_context(10)
    context.append({"role": "user", "parts": [{"text": "How many moons has Mars?"}]})
    gemini = context.tokens
    context.exact(10)
    context.append({"type": "function_call_output", "call_id": "c", "output": "How many moons has Mars?"})
    for tokens in (gemini, context.tokens):  # 10 that are known, 6 of the text, and framing
        assert 16 <= tokens <= 24
    assert context.not_counted == ()
