"""Counters count, through the real libraries, and tell a failure that may pass from one that will not."""

import gzip
import importlib
import json
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pandas as pd
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from tests.labelling.conftest import CLASSES, KEYS, ask
from tests.labelling.provider_server import Provider, tokens_of
from token_approx.errors import InputError, MissingExtraError
from token_approx.labelling.counters import provider as shared
from token_approx.labelling.counters.bpe_openai import BpeOpenAICounter
from token_approx.labelling.counters.huggingface import HuggingFaceCounter
from token_approx.labelling.counters.protocol import Counter as TokenCounter
from token_approx.labelling.counters.protocol import Refused, Transient
from token_approx.labelling.counters.tiktoken import TiktokenCounter
from token_approx.labelling.counters.usage_log import UsageLogCounter
from token_approx.preparing.documents import ReadingSettings, read_documents

MakeCounter = Callable[..., TokenCounter]
SENTENCE = "a planted sentence that nobody may read"
providers = pytest.mark.parametrize("name", list(CLASSES))


@providers
def test_a_provider_counts(name: str, make_counter: MakeCounter, provider: Provider) -> None:
    """Each library asks its endpoint once per text, with the key, and brings the counts in order."""
    texts = ["short", "naïve café 東京 " * 50, "\u2028 odd \t\n"]
    assert list(ask(make_counter(name), *texts)) == [tokens_of(text) for text in texts]
    assert provider.asked == dict.fromkeys(texts, 1)
    assert "k-e-y" in json.dumps(provider.headers_seen[0])


@providers
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("429", "HTTP 429"), ("500", "HTTP 500"), ("529", "HTTP 529"), ("timeout", "time-out"),
        ("reset", "connection"), ("half", "connection"), ("no json", "wrong answer"),
        ("wrong json", "wrong answer"), ("html", "wrong answer"),
    ],
)  # fmt: skip
def test_failures_that_may_pass(
    name: str, fault: str, kind: str, make_counter: MakeCounter, provider: Provider
) -> None:
    """Each is Transient, of a kind in words of ours, after one request: the library's retries are off."""
    provider.plan = lambda _text, _before: fault
    with pytest.raises(Transient) as failed:
        ask(make_counter(name, timeout=0.2 if fault == "timeout" else 5.0), SENTENCE)
    assert failed.value.kind == kind
    assert failed.value.retry_after == (0.01 if fault == "429" else None)
    assert provider.asked[SENTENCE] == 1


@providers
@pytest.mark.parametrize(
    ("fault", "message", "reason", "final"),
    [
        ("413", "request_too_large", "too long (HTTP 413)", True),
        ("400", "prompt is too long: 210000 tokens > 200000 maximum", "too long (HTTP 400)", True),
        (
            "400",
            "The input token count exceeds the maximum number of tokens allowed",
            "too long (HTTP 400)",
            True,
        ),
        ("400", "messages: text content must be non-whitespace", "content refused (HTTP 400)", True),
        ("400", f"cannot process {SENTENCE}", "refused (HTTP 400)", False),
        (
            "400",
            "Your credit balance is too low to access the API. Please go to Plans & Billing.",
            "account refused (HTTP 400)",
            False,
        ),
        (
            "400",
            "You have reached your specified API usage limits. You will regain access on 2026-01-01.",
            "account refused (HTTP 400)",
            False,
        ),
        ("400", "User location is not supported for the API use.", "account refused (HTTP 400)", False),
    ],
)
def test_a_text_that_is_refused(
    name: str,
    fault: str,
    message: str,
    reason: str,
    final: bool,  # noqa: FBT001 - a parameter of the test
    make_counter: MakeCounter,
    provider: Provider,
) -> None:
    """For good only where it is clearly about length or content; never in the provider's words."""
    provider.plan = lambda _text, _before: fault
    provider.message = message
    with pytest.raises(Refused) as failed:
        ask(make_counter(name), SENTENCE)
    assert (failed.value.reason, failed.value.final) == (reason, final)


@providers
@pytest.mark.parametrize("fault", ["401", "403", "404"])
def test_what_a_person_must_mend(
    name: str, fault: str, make_counter: MakeCounter, provider: Provider
) -> None:
    """A wrong key, model or address is one line that names the variable or setting, and not the key."""
    provider.plan = lambda _text, _before: fault
    with pytest.raises(InputError) as failed:
        ask(make_counter(name, key="a-planted-key"), SENTENCE)
    assert (KEYS[name] if fault != "404" else "model=") in str(failed.value)
    assert "planted" not in str(failed.value)


def test_google_calls_a_wrong_key_a_bad_request(make_counter: MakeCounter, provider: Provider) -> None:
    """Its 400 about the key stops the run as a 401 does, and is no refused text."""
    provider.plan = lambda _text, _before: "400"
    provider.message = "API key not valid. Please pass a valid API key."
    with pytest.raises(InputError, match="refuses the key in GEMINI_API_KEY"):
        ask(make_counter("google"), "x")


@providers
def test_before_anything_is_sent(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, no model or an address with credentials is refused before a client is made."""
    make = getattr(importlib.import_module(f"token_approx.labelling.counters.{name}"), CLASSES[name])
    monkeypatch.delenv(KEYS[name], raising=False)
    with pytest.raises(InputError, match=f"Set the environment variable {KEYS[name]}"):
        make(model="m", base_url=None, timeout=1.0)
    monkeypatch.setenv(KEYS[name], "k")
    with pytest.raises(InputError, match="Give model=<name>"):
        make(model="", base_url=None, timeout=1.0)
    with pytest.raises(InputError, match="credentials"):
        make(model="m", base_url="https://user:word@gateway.example", timeout=1.0)
    with pytest.raises(InputError, match="not an http or https address"):
        make(model="m", base_url="gateway.example", timeout=1.0)
    for malformed in (
        "https://gateway.example:99999",
        "https://[::1",
        "https://:0/v1",
        "https://gate way:x/",
    ):
        with pytest.raises(InputError, match="is not an"):
            make(model="m", base_url=malformed, timeout=1.0)


@pytest.mark.parametrize(
    ("extra", "library"),
    [
        ("anthropic", "anthropic"), ("openai", "openai"), ("google", "google.genai"),
        ("tiktoken", "tiktoken"), ("huggingface", "tokenizers"), ("bpe_openai", "bpe_openai"),
    ],
)  # fmt: skip
def test_a_missing_extra_is_named(extra: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a counter's library, the error is the command that installs it."""
    monkeypatch.setitem(sys.modules, library, None)
    if "." in library:
        package, _, part = library.rpartition(".")
        monkeypatch.delattr(sys.modules[package], part, raising=False)
    monkeypatch.delitem(sys.modules, f"token_approx.labelling.counters.{extra}", raising=False)
    with pytest.raises(MissingExtraError) as failed:
        importlib.import_module(f"token_approx.labelling.counters.{extra}")
    assert f"pip install 'token-approx[{extra.replace('_', '-')}]'" in str(failed.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "30", "retry-after": "9"}, 0.03),
        ({"retry-after": "-4"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """The wait is read in seconds, fractions and milliseconds; what is no number asks for nothing."""
    assert shared.wait_asked(headers) == seconds


def test_retry_after_as_a_date() -> None:
    """HTTP allows a date as well."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert shared.wait_asked({"retry-after": date}) == pytest.approx(90, abs=5)


@pytest.mark.usefixtures("o200k_cache")
def test_tiktoken_and_bpe_openai_agree() -> None:
    """Two implementations of o200k_base count the same, special tokens as the text they are."""
    texts = ["", "Hello, world!", "naïve café 東京 🙂", "<|endoftext|>", "x = [1, 2]\n" * 300]
    counts = TiktokenCounter("o200k_base").count(texts)
    assert counts == BpeOpenAICounter("o200k_base").count(texts)
    assert counts[:2] == [0, 4]


def test_unknown_encodings() -> None:
    """The valid names are listed."""
    with pytest.raises(InputError, match="Valid values: o200k_base, cl100k_base"):
        BpeOpenAICounter("gpt2")
    with pytest.raises(InputError, match=r"Valid values: .*o200k_base"):
        TiktokenCounter("nope")


def test_huggingface_local_file(tmp_path: Path) -> None:
    """A tokenizer.json is loaded as it is; truncation and special tokens do not change a count."""
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))  # noqa: S106 - no password
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(2)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    counter = HuggingFaceCounter("mine", str(tmp_path / "tokenizer.json"))
    assert counter.count(["a b a b", "", "zzz"]) == [4, 0, 1]
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(InputError, match=r"cannot load .*broken\.json"):
        HuggingFaceCounter("mine", str(tmp_path / "broken.json"))


ROWS = [
    {"text": "one", "input_tokens": 5},
    {
        "messages": [{"role": "user", "content": "two"}, {"role": "user", "content": "more"}],
        "input_tokens": 9,
    },
    {"text": "cached", "usage": {"input_tokens": 3, "cache_read_input_tokens": 40, "output_tokens": 8}},
    {"text": "twice", "input_tokens": 5},
    {"text": "twice", "input_tokens": 6},
    {"text": "other model", "model": "gpt-4o", "input_tokens": 5},
]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_usage_log(tmp_path: Path, kind: str) -> None:
    """What was logged is the label; what the provider read from its cache was input too."""
    path = tmp_path / f"log.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        pd.DataFrame(ROWS).to_parquet(path)
    counter = UsageLogCounter("a", str(path))
    assert ask(counter, "one", "two\nmore", "cached") == [5, 9, 43]
    with pytest.raises(Refused) as conflict:
        ask(counter, "twice")
    assert (conflict.value.reason, conflict.value.final) == ("logged with different counts", True)
    with pytest.raises(Refused) as unknown:
        ask(counter, "never seen")
    assert (unknown.value.reason, unknown.value.final) == ("not in the log", False)


def test_rows_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    """Null rows, a torn last line, another model and missing fields are left out, each by its reason."""
    path = tmp_path / "log.jsonl"
    rows = [
        '{"text": "one", "input_tokens": 1}',
        "null",
        "[1]",
        "no json",
        '{"text": "two"}',
        '{"input_tokens": 2}',
        '{"text": "three", "input_tokens": 3, "model": "claude-9"}',
        '{"text": "four", "input_tokens": 9007199254740994}',
        '{"text": "five", "inp',
    ]
    path.write_text("\n".join(rows))
    counter = UsageLogCounter("gpt-4o", str(path))
    assert ask(counter, "one") == [1]
    assert counter.left_out == {
        "null row": 1, "not an object": 1, "not JSON": 1, "no input tokens": 2, "no text": 1,
        "another model": 1, "torn last line": 1,
    }  # fmt: skip
    with pytest.raises(InputError, match=r"log\.jsonl:2: this row cannot be used \(null row\)"):
        UsageLogCounter("gpt-4o", str(path), strict=True)
    path.write_text("\n".join(rows[4:]))
    with pytest.raises(InputError, match=r"none of its rows can be used \(2 no input tokens, "):
        UsageLogCounter("gpt-4o", str(path))
    with pytest.raises(InputError, match=r"Give counter\.path="):
        UsageLogCounter("m", "")


@pytest.mark.parametrize(
    "row",
    [
        {"model": "gpt-4o-2024-08-06", "usage": {"prompt_tokens": 12, "completion_tokens": 3}},
        {"model": "openai/gpt-4o", "usage": '{"input_tokens": 12}'},
        {"model": None, "usageMetadata": {"promptTokenCount": 12}},
        {"model": "gpt-4o", "usage": None, "input_tokens": 12.0},
    ],
)
def test_how_models_and_usage_are_written(tmp_path: Path, row: dict[str, object]) -> None:
    """A name with a date or prefix is the model's; usage may be an object, a string of one, or beside it."""
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"text": "one"} | row) + "\n")
    assert ask(UsageLogCounter("gpt-4o", str(path), strict=True), "one") == [12]


@pytest.mark.parametrize("name", ["usage.jsonl.1", "usage.jsonl.1.gz", "usage.log", "usage"])
def test_a_log_is_told_by_its_content(tmp_path: Path, name: str) -> None:
    """Rotated, packed or named otherwise, it is read as rows by the counter and by prepare alike."""
    rows = [{"text": "one", "input_tokens": 1}, {"text": "two", "input_tokens": 2}]
    data = b"null\n" + "".join(json.dumps(row) + "\n" for row in rows).encode() + b'{"text": "to'
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert ask(UsageLogCounter("m", str(path)), "one", "two") == [1, 2]
    reading = ReadingSettings("text", (), tmp_path, "")
    for source in (path, tmp_path):
        texts = [document.text for document in read_documents(str(source), reading, Counter())]
        assert texts == ["one", "two"]


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"system": "Be brief."}, "a system text"),
        ({"request": {"tools": [{"name": "read"}]}}, "tools"),
        ({"tools": [{"name": "read"}]}, "tools"),
        ({"messages": [{"role": "user", "content": "whole", "tool_calls": [{"id": "1"}]}]}, "tool calls"),
        (
            {"messages": [{"content": [{"type": "text", "text": "whole"}, {"type": "tool_result"}]}]},
            "a block of type tool_result",
        ),
    ],
)
def test_a_usage_log_s_label_counts_its_text_and_no_more(
    tmp_path: Path, more: dict[str, object], what: str
) -> None:
    """Where the provider counted more than the text, the row is left out by its reason, and is no label."""
    plain = {"messages": [{"role": "user", "content": "alone"}], "usage": {"input_tokens": 3}, "tools": []}
    whole = {"messages": [{"role": "user", "content": "whole"}], "usage": {"input_tokens": 3000}} | more
    path = tmp_path / "usage.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (plain, whole)))
    counter = UsageLogCounter("m", str(path))
    assert counter.left_out == {f"counted with more than its text: {what}": 1}
    assert ask(counter, "alone") == [3]
    with pytest.raises(Refused, match=f"counted with more than its text: {what}") as refused:
        ask(counter, "whole")
    assert refused.value.final, "the log will say no other"
    with pytest.raises(InputError, match="counted with more than its text"):
        UsageLogCounter("m", str(path), strict=True)
