"""Samples are named by their content, kept once, chosen by seed and refused with the line that is wrong."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.labelling.conftest import sample
from token_approx.errors import InputError
from token_approx.preparing.documents import Document
from token_approx.preparing.samples import choose, cut, read_samples, sample_id, write_samples
from token_approx.preparing.splitting import lines, whole


def test_the_same_text_is_one_sample() -> None:
    """Whatever it came from; the second is counted."""
    skipped: Counter[str] = Counter()
    documents = [Document("a", "c", "x\ny\n"), Document("b", "c", "y\r\nz")]
    samples = list(cut(documents, lines, cleaned=True, skipped=skipped))
    assert [(entry.source, entry.text) for entry in samples] == [("a", "x"), ("a", "y"), ("b", "z")]
    assert skipped == {"repeated text": 1}
    assert samples[0].id == sample_id("x") != sample_id("y")


def test_without_cleaning_the_text_stays_as_it_is() -> None:
    """As a usage log needs it."""
    (entry,) = cut([Document("a", "c", " x\r\n")], whole, cleaned=False, skipped=Counter())
    assert entry.text == " x\r\n"


def test_a_choice_depends_on_the_seed_alone() -> None:
    """Not on the order, which it keeps; a larger one holds the smaller; another seed, another choice."""
    samples = [sample(f"text {number}") for number in range(200)]
    chosen = list(choose(samples, 50, seed=1))
    assert [entry for entry in samples if entry in chosen] == chosen
    assert {entry.id for entry in choose(samples[::-1], 50, seed=1)} == {entry.id for entry in chosen}
    assert set(chosen) <= set(choose(samples, 60, seed=1))
    assert list(choose(samples, 50, seed=2)) != chosen
    assert list(choose(samples, 0, seed=1)) == list(choose(samples, 999, seed=1)) == samples


def test_round_trip_and_hand_made_files(tmp_path: Path) -> None:
    """What is written is read again; an id may be left out."""
    samples = [sample("naïve \u2028 text\n"), sample("other", source="é")]
    path = tmp_path / "s.jsonl"
    write_samples(path, samples)
    assert read_samples(path) == samples
    fields = [entry.model_dump(exclude={"id"}) for entry in samples]
    path.write_text("\n".join(map(json.dumps, fields)))
    assert read_samples(path) == samples


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "is not JSON"),
        ('{"source": "s", "category": "c"}', "field 'id' is missing"),
        (
            '{"id": "1", "source": "s", "category": "c", "text": "b"}',
            "field 'id' is not the hash of its text",
        ),
        ('{"source": "s", "category": "c", "text": "a"}', "the field 'text' is also on line 1"),
        ('{"source": "s", "text": "b"}', "field 'category' is missing. Add it"),
        ('{"source": "s", "category": "c", "text": "\\ud800"}', "field 'text'"),
        (
            '{"source": "s", "category": "c", "text": "secret b", "x": "secret"}',
            "field 'x' is of type str. Remove it",
        ),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    """With its number, field and mend, and never its text."""
    path = tmp_path / "s.jsonl"
    path.write_text('{"source": "s", "category": "c", "text": "a"}\n' + line)
    with pytest.raises(InputError, match=r"s\.jsonl:2: ") as refused:
        read_samples(path)
    assert message in str(refused.value)
    assert "secret" not in str(refused.value)


def test_no_samples(tmp_path: Path) -> None:
    """An empty file is an error that names the stage to run first."""
    (tmp_path / "s.jsonl").write_text("\n")
    with pytest.raises(InputError, match="Prepare some texts first"):
        read_samples(tmp_path / "s.jsonl")
