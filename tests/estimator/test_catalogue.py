"""The catalogue finds the family of a model, however a provider, cloud or gateway writes its name."""

import json
from pathlib import Path

import pytest

from token_approx.errors import InputError
from token_approx.estimator.catalogue import SHIPPED, VARIABLE, catalogue

CONTENT = json.loads(SHIPPED.read_bytes())


@pytest.mark.parametrize("entry", CONTENT["models"], ids=lambda entry: entry["name"])
def test_every_entry_is_found_by_its_names(entry: dict[str, object]) -> None:
    """A model is found by its name and aliases, in any case, and nothing needs to be said of it."""
    for name in (entry["name"], *entry.get("aliases", ()), str(entry["name"]).upper()):  # type: ignore[misc]
        found = catalogue().find(str(name))
        assert (found.name, found.family.name, found.notice) == (entry["name"], entry["family"], "")
        assert found.max_input_tokens == entry["max_input_tokens"]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("claude-opus-5", "claude-opus-5"),
        ("us.anthropic.claude-sonnet-5", "claude-sonnet-5"),
        ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-6", "claude-sonnet-4-6"),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("openrouter/anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("anthropic/claude-3.7-sonnet:thinking", "claude-3-7-sonnet"),
        ("claude-3-7-sonnet-latest", "claude-3-7-sonnet"),
        ("claude-4-sonnet-20250514", "claude-sonnet-4"),
        ("databricks-claude-sonnet-4", "claude-sonnet-4"),
        ("gpt-5.4-mini", "gpt-5.4-mini"),
        ("gpt-5.4-mini-2026-03-17", "gpt-5.4-mini"),
        ("gpt-5.2_2025-12-11", "gpt-5.2"),
        ("azure/gpt-35-turbo", "gpt-3.5-turbo"),
        ("gpt-4-1106-preview", "gpt-4"),
        ("gpt-4-turbo-2024-04-09", "gpt-4-turbo"),
        ("models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("gemini-2.5-flash-preview-09-2025", "gemini-2.5-flash"),
        ("gemini-2.0-flash-001", "gemini-2.0-flash"),
        ("deepseek-chat", "deepseek-chat"),
        ("us.deepseek.r1-v1:0", "deepseek-r1"),
        ("deepseek-ai/DeepSeek-V3-0324", "deepseek-v3"),
        ("mistral-large-latest", "mistral-large-3"),
        ("mistral.mistral-large-3-675b-instruct", "mistral-large-3"),
        ("qwen3-max", "qwen3-max"),
        ("qwen.qwen3-32b-v1:0", "qwen3-32b"),
        ("meta.llama3-2-1b-instruct-v1:0", "llama-3.2-1b-instruct"),
        ("claude_4_7", "claude_4_7"),
        ("o200k_base", "o200k_base"),
    ],
)
def test_prefixes_dates_and_endings_do_not_matter(name: str, known: str) -> None:
    """The names of clouds and gateways, dated ones and moving ones resolve, without a notice."""
    found = catalogue().find(name)
    assert (found.name, found.notice) == (known, "")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("claude-opus-6", "claude-opus-5"),
        ("claude-sonnet-4-9", "claude-opus-5"),
        ("us.anthropic.claude-haiku-5-5-v1:0", "claude-opus-5"),
        ("gpt-7-mini", "gpt-5.6"),
        ("gpt-4o-search-preview", "gpt-4o"),
        ("gemini-4-pro", "gemini-3.6-flash"),
        ("qwen4-max", "qwen3-max"),
        ("deepseek-v5", "deepseek-chat"),
    ],
)
def test_an_unknown_version_is_counted_as_the_newest_known(name: str, known: str) -> None:
    """An unknown version of a known line resolves, and the entry says what it is counted as."""
    found = catalogue().find(name)
    assert found.name == known
    assert repr(name) in found.notice
    assert repr(known) in found.notice


@pytest.mark.parametrize(
    "name", ["grok-4", "", "Kimi-K2.5", "claude-2.1", "mistral-large-2407", "gemini-1.5-pro"]
)
def test_another_tokenizer_is_not_guessed(name: str) -> None:
    """A model whose tokenizer is none of the catalogue's is refused in one line."""
    with pytest.raises(InputError, match=r"^unknown model ") as refused:
        catalogue().find(name)
    assert "\n" not in str(refused.value)


def test_a_misspelt_name_has_its_nearest() -> None:
    """The message has the names that are most like the one that was given."""
    with pytest.raises(InputError, match="claude-sonnet-5"):
        catalogue().find("cluade-sonnet-5")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a catalogue of one's own, which the variable names."""
    path = tmp_path / "mine.json"
    monkeypatch.setenv(VARIABLE, str(path))
    return path


def test_one_entry_extends_the_catalogue(own: Path) -> None:
    """A file with one entry adds a model of a shipped family, and the others stay."""
    own.write_text(json.dumps({"schema_version": 1, "models": [{"name": "Grok-4", "family": "o200k_base"}]}))
    found = catalogue().find("xai/grok-4")
    assert (found.name, found.family.name, found.max_input_tokens) == ("grok-4", "o200k_base", None)
    assert catalogue().find("claude-opus-5").family.name == "claude_4_7"


def test_an_entry_of_one_s_own_replaces_a_shipped_one(own: Path) -> None:
    """An entry of the same name counts, with its own framing, and one's own newer versions come first."""
    entry = {"name": "claude-opus-5", "family": "claude_4_7", "framing": [9, 2], "max_input_tokens": 5}
    newer = {"starts": "claude-opus", "model": "claude-opus-4-8"}
    own.write_text(json.dumps({"schema_version": 1, "models": [entry], "newer_versions": [newer]}))
    found = catalogue().find("claude-opus-5")
    assert (found.framing, found.max_input_tokens) == ((9, 2), 5)
    assert catalogue().find("claude-opus-77").name == "claude-opus-4-8"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object with a schema_version of 1"),
        ('{"schema_version": 2}', "schema_version of 1"),
        ('{"schema_version": 1, "models": 3}', "models must be a list of objects"),
        ('{"schema_version": 1, "models": [{"name": "m"}]}', r"models\[0\]: the field 'family' is missing"),
        ('{"schema_version": 1, "models": [{"name": "m", "family": "x"}]}', "the family 'x' is not one of"),
        (
            '{"schema_version": 1, "models": [{"name": "m", "family": "claude_3", "max_input_tokens": -1}]}',
            "max_input_tokens is -1",
        ),
        (
            '{"schema_version": 1, "models": [{"name": "m", "family": "claude_3", "framing": [NaN, 1]}]}',
            "framing is",
        ),
        (
            '{"schema_version": 1, "models": [{"name": "m", "family": "claude_3", "framing": "x"}]}',
            r"models\[0\]: ",
        ),
        (
            '{"schema_version": 1, "models": [{"name": "m", "family": "claude_3", "windw": 1}]}',
            "the field 'windw' is not known",
        ),
        (
            '{"schema_version": 1, "families": [{"name": "m"}]}',
            r"families\[0\]: the field 'framing' is missing",
        ),
        (
            '{"schema_version": 1, "newer_versions": [{"starts": "m", "model": "x"}]}',
            "'x' is not in the catalogue",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_named(own: Path, content: str, message: str) -> None:
    """A file that is not right is refused with its path, the entry and what is wrong with it."""
    own.write_text(content)
    with pytest.raises(InputError, match=message) as refused:
        catalogue()
    assert str(refused.value).startswith(f"{own}: ")


def test_a_file_that_is_not_there_is_named(own: Path) -> None:
    """The error has the path and the variable."""
    with pytest.raises(InputError, match=VARIABLE) as refused:
        catalogue()
    assert str(own) in str(refused.value)
