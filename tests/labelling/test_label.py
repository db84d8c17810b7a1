"""Labelling finishes every sample once, whatever fails, and never asks for a finished one."""

import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.labelling.conftest import sample, settings
from tests.labelling.provider_server import FRAMING, Provider, tokens_of
from token_approx.errors import InputError, UnfinishedError
from token_approx.labelling.counters.protocol import Counter
from token_approx.labelling.counters.usage_log import UsageLogCounter
from token_approx.labelling.journal import Journal
from token_approx.labelling.label import MINIMAL_MESSAGE, label, skipped_path
from token_approx.labelling.progress import Progress
from token_approx.labelling.records import Record, read_records, record_line
from token_approx.preparing.samples import Sample
from token_approx.text.features import BASIC, FEATURES

MakeCounter = Callable[..., Counter]
SAMPLES = [sample(f"text number {number} " + "x" * number, category=f"c{number % 3}") for number in range(40)]


def run(counter: Counter, out: Path, samples: Sequence[Sample] = SAMPLES, **changes: Any) -> Progress:  # noqa: ANN401
    """Label samples and return the progress."""
    progress = Progress(len(samples))
    label(samples, counter, out, settings(**changes), progress, lambda _: None)
    return progress


def expected(samples: Sequence[Sample] = SAMPLES) -> list[tuple[str, int]]:
    """Return what the records of the samples must be: ids in order, and counts."""
    return [(entry.id, tokens_of(entry.text)) for entry in samples]


def found(out: Path) -> list[tuple[str, int]]:
    """Return the ids and counts in a records file."""
    return [(record.id, record.input_tokens) for record in read_records(out)]


def test_records_carry_everything_but_the_text(tmp_path: Path, make_counter: MakeCounter) -> None:
    """Features, source, category, counter, what is counted and framing stand in it, in the samples' order."""
    out = tmp_path / "r.jsonl"
    progress = run(make_counter(), out)
    assert found(out) == expected()
    assert (progress.counted, progress.missing, progress.requests) == (40, 0, 41)
    record = read_records(out)[4]
    assert {name: record.features[name] for name in BASIC} == {
        "bytes": 18,
        "runes": 18,
        "words": 4,
        "lines": 1,
    }
    assert set(record.features) == set(FEATURES)
    assert (record.source, record.category, record.counter) == ("s", "c1", "anthropic")
    assert (record.counts_of, record.framing, record.framing_tokens) == ("one-user-message", "keep", None)
    assert "text number" not in out.read_text()
    assert not skipped_path(out).exists(), "no empty file is left behind"


def test_so_many_requests_at_a_time(tmp_path: Path, make_counter: MakeCounter, provider: Provider) -> None:
    """As many as the setting says and never more: answers wait until so many have been asked for."""
    gate = threading.Barrier(4, timeout=30)
    provider.before_answer = lambda text: None if text == MINIMAL_MESSAGE else gate.wait()
    run(make_counter(timeout=30.0), tmp_path / "r.jsonl", SAMPLES[:12], concurrency=4)
    assert provider.most_at_once == 4


def test_every_failure_is_retried(tmp_path: Path, make_counter: MakeCounter, provider: Provider) -> None:
    """Each kind of failure once per sample, then an answer: all are counted, and the kinds are told."""
    faults = ["429", "500", "529", "timeout", "reset", "half", "no json", "wrong json", "html"]
    provider.plan = lambda text, before: (
        faults[len(text) % len(faults)] if not before and text != MINIMAL_MESSAGE else None
    )
    out = tmp_path / "r.jsonl"
    progress = run(make_counter(timeout=3.0), out, concurrency=20)
    assert found(out) == expected()
    assert sum(provider.faults.values()) == len(SAMPLES)
    assert progress.errors.total() == len(SAMPLES)
    assert set(progress.errors) == {
        "HTTP 429", "HTTP 500", "HTTP 529", "time-out", "connection", "wrong answer",
    }  # fmt: skip


def test_what_fails_every_time_is_missing_and_comes_with_the_next_run(
    tmp_path: Path, make_counter: MakeCounter, provider: Provider
) -> None:
    """After the last attempt a sample is missing; the next run asks for it alone and puts it in its place."""
    bad = SAMPLES[7].text
    provider.plan = lambda text, _before: "500" if text == bad else None
    out = tmp_path / "r.jsonl"
    progress = run(make_counter(), out, attempts=3)
    assert progress.missing == 1
    assert progress.failed == {SAMPLES[7].id: "HTTP 500"}
    assert provider.asked[bad] == 3
    provider.plan = lambda _text, _before: None
    provider.asked.clear()
    assert run(make_counter(), out).missing == 0
    assert provider.asked == {MINIMAL_MESSAGE: 1, bad: 1}
    assert found(out) == expected()


def test_nothing_is_asked_when_all_is_there(
    tmp_path: Path, make_counter: MakeCounter, provider: Provider
) -> None:
    """A second run sends no request and leaves the file byte for byte."""
    out = tmp_path / "r.jsonl"
    run(make_counter(), out)
    before = out.read_bytes()
    provider.asked.clear()
    assert run(make_counter(), out).finished_before == 40
    assert not provider.asked
    assert out.read_bytes() == before


def test_a_refused_text_is_skipped_with_its_reason(
    tmp_path: Path, make_counter: MakeCounter, provider: Provider
) -> None:
    """It stands in the file beside the records, without its text, and is not asked for again."""
    long = SAMPLES[3]
    provider.plan = lambda text, _before: "413" if text == long.text else None
    out = tmp_path / "r.jsonl"
    progress = run(make_counter(), out)
    assert (progress.counted, progress.missing) == (39, 0)
    (line,) = (tmp_path / "r.skipped.jsonl").read_text().splitlines()
    entry = json.loads(line)
    assert (entry["id"], entry["reason"]) == (long.id, "too long (HTTP 413)")
    assert long.text not in line
    assert len(read_records(out)) == 39, "the records file stays valid"
    provider.asked.clear()
    again = run(make_counter(), out)
    assert again.skipped == {long.id: "too long (HTTP 413)"}
    assert not provider.asked


@pytest.mark.parametrize("fault", ["401", "403", "404", "400"])
def test_a_wrong_configuration_costs_one_request(
    tmp_path: Path, fault: str, make_counter: MakeCounter, provider: Provider
) -> None:
    """A key, model or address that is refused is found by one message of one letter, never by a sample."""
    provider.plan = lambda _text, _before: fault
    with pytest.raises(InputError):
        run(make_counter(), tmp_path / "r.jsonl")
    assert provider.asked == {MINIMAL_MESSAGE: 1}
    assert not (tmp_path / "r.jsonl").exists()


def test_an_account_that_runs_dry_is_no_verdict_on_texts(
    tmp_path: Path, make_counter: MakeCounter, provider: Provider
) -> None:
    """A 400 about credit, even one that sounds like a length, ends the run; the next asks for all again."""
    for number, message in enumerate(("Your credit balance is too low", "The text is too long")):
        provider.message = message
        provider.answered.clear()
        provider.plan = lambda _text, _before: "400" if provider.answered.total() > 5 else None
        out = tmp_path / f"{number}.jsonl"
        with pytest.raises(UnfinishedError, match="no longer counts even a message of one letter"):
            run(make_counter(), out)
        assert not skipped_path(out).exists()
        assert len(read_records(out)) <= 9
        provider.plan = lambda _text, _before: None
        assert run(make_counter(), out).missing == 0
        assert found(out) == expected()


def test_refusals_that_are_unclear_count_towards_giving_up(
    tmp_path: Path, make_counter: MakeCounter, provider: Provider
) -> None:
    """A 400 that says neither length nor content is not written for good, and many in a row end the run."""
    provider.plan = lambda text, _before: None if text == MINIMAL_MESSAGE else "400"
    out = tmp_path / "r.jsonl"
    with pytest.raises(UnfinishedError, match=r"5 samples in a row, the last time with refused \(HTTP 400\)"):
        run(make_counter(), out, give_up_after=5, concurrency=1)
    assert not skipped_path(out).exists()
    assert provider.faults["400"] == 5


@pytest.mark.parametrize(("asked", "shown"), [("86400", "24 hours"), ("7200", "2 hours")])
def test_a_day_is_not_waited_out(
    tmp_path: Path, asked: str, shown: str, make_counter: MakeCounter, provider: Provider
) -> None:
    """A provider that asks to come back tomorrow ends the run at once, which says so; nothing is lost."""
    provider.retry_after = asked
    provider.plan = lambda _text, _before: "429" if provider.answered.total() > 5 else None
    out = tmp_path / "r.jsonl"
    with pytest.raises(UnfinishedError, match=f"anthropic asks to wait {shown} before the next request"):
        run(make_counter(), out)
    assert 1 <= len(read_records(out)) <= 9
    assert not skipped_path(out).exists()


def test_a_key_that_is_withdrawn_in_between(
    tmp_path: Path, make_counter: MakeCounter, provider: Provider
) -> None:
    """The run stops at once and keeps what it has."""
    provider.plan = lambda _text, _before: "401" if provider.answered.total() > 10 else None
    out = tmp_path / "r.jsonl"
    with pytest.raises(InputError, match="refuses the key"):
        run(make_counter(), out)
    assert 7 <= len(read_records(out)) <= 10
    assert provider.faults["401"] <= 4, "no more than were in flight"


def test_a_provider_that_is_down_ends_the_run(
    tmp_path: Path, make_counter: MakeCounter, provider: Provider
) -> None:
    """After so many samples failing in a row, instead of trying ten thousand."""
    provider.plan = lambda text, _before: None if text == MINIMAL_MESSAGE else "500"
    with pytest.raises(
        UnfinishedError,
        match=r"5 samples in a row, the last time with HTTP 500. 40 samples are missing",
    ):
        run(make_counter(), tmp_path / "r.jsonl", attempts=2, give_up_after=5, concurrency=1)
    assert provider.faults["500"] == 10


def test_framing_is_measured_once_and_subtracted(
    tmp_path: Path, make_counter: MakeCounter, provider: Provider
) -> None:
    """A one-letter message tells it; each record tells what was subtracted; a later run keeps the number."""
    out = tmp_path / "r.jsonl"
    progress = run(make_counter(), out, SAMPLES[:5], framing="subtract")
    assert progress.framing_tokens == FRAMING
    assert provider.asked[MINIMAL_MESSAGE] == 1
    records = read_records(out)
    assert [r.input_tokens for r in records] == [tokens_of(s.text) - FRAMING for s in SAMPLES[:5]]
    assert {(r.framing, r.framing_tokens) for r in records} == {("subtract", FRAMING)}
    lines = [record_line(record.model_copy(update={"framing_tokens": 6})) for record in records]
    out.write_text("".join(lines))
    run(make_counter(), out, framing="subtract")
    assert {r.framing_tokens for r in read_records(out)} == {6}
    with pytest.raises(InputError, match=r"holds records of another framing \(subtract, not keep\)"):
        run(make_counter(), out)
    with pytest.raises(InputError, match="Valid values: keep, subtract"):
        run(make_counter(), out, framing="none")


def test_a_file_of_other_records_is_left_alone(
    tmp_path: Path, make_counter: MakeCounter, provider: Provider
) -> None:
    """Records of another model or counter, or of no counter at all, are not mixed with new ones."""
    out = tmp_path / "r.jsonl"
    run(make_counter("openai"), out, SAMPLES[:3])
    before = out.read_bytes()
    provider.asked.clear()
    with pytest.raises(
        InputError, match=r"holds records of another counter \(openai, not anthropic\). Give another out="
    ):
        run(make_counter("anthropic"), out)
    assert out.read_bytes() == before
    assert not provider.asked


def test_samples_may_grow_and_features_be_added(
    tmp_path: Path, make_counter: MakeCounter, provider: Provider
) -> None:
    """Records of samples that are gone stay; those of an older version get today's features, uncounted."""
    out = tmp_path / "r.jsonl"
    run(make_counter(), out, SAMPLES[:10])
    old = [r.model_copy(update={"features": {"bytes": r.features["bytes"]}}) for r in read_records(out)]
    out.write_text("".join(map(record_line, old)))
    provider.asked.clear()
    run(make_counter(), out, SAMPLES[5:20])
    assert found(out) == expected(SAMPLES[:20])
    assert sum(provider.asked.values()) == 1 + 10
    assert [len(r.features) for r in read_records(out)] == [1] * 5 + [len(FEATURES)] * 15


@pytest.mark.parametrize("cut", range(1, 200, 13))
def test_a_torn_last_line_is_repaired(
    tmp_path: Path, cut: int, make_counter: MakeCounter, provider: Provider
) -> None:
    """Wherever a kill cut the last record, it is counted again and nothing else is."""
    out = tmp_path / "r.jsonl"
    run(make_counter(), out, SAMPLES[:4])
    whole = out.read_bytes()
    out.write_bytes(whole[:-cut])
    provider.asked.clear()
    run(make_counter(), out, SAMPLES[:4])
    assert out.read_bytes() == whole
    # With its line end alone missing, the record is whole and is not counted again.
    assert provider.asked == ({} if cut == 1 else {MINIMAL_MESSAGE: 1, SAMPLES[3].text: 1})


def test_two_runs_do_not_write_one_file(tmp_path: Path, make_counter: MakeCounter) -> None:
    """The second is refused with one line, so that no sample is counted twice."""
    with (
        Journal(tmp_path / "r.jsonl"),
        pytest.raises(InputError, match="another run is writing this file"),
    ):
        run(make_counter(), tmp_path / "r.jsonl")


def test_a_place_that_cannot_be_written(make_counter: MakeCounter) -> None:
    """It is found before anything is counted."""
    with pytest.raises(InputError, match=r"/dev/null/r\.jsonl cannot be written"):
        run(make_counter(), Path("/dev/null/r.jsonl"))


def test_a_usage_log_labels_without_a_call(tmp_path: Path) -> None:
    """What is in the log is labelled as logged; what is not is missing, and may come with a longer log."""
    log = tmp_path / "log.jsonl"
    rows = [{"text": entry.text, "input_tokens": number} for number, entry in enumerate(SAMPLES[:30])]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "r.jsonl"
    progress = run(UsageLogCounter("m", str(log)), out)
    assert [r.input_tokens for r in read_records(out)] == list(range(30))
    assert {r.counts_of for r in read_records(out)} == {"as-logged"}
    assert (progress.missing, set(progress.failed.values())) == (10, {"not in the log"})
    assert not progress.skipped
    with pytest.raises(InputError, match="framing=subtract is not possible"):
        run(UsageLogCounter("m", str(log)), tmp_path / "other.jsonl", framing="subtract")


def test_records_are_on_the_disk_before_the_next_is_taken(
    tmp_path: Path, make_counter: MakeCounter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each record is synchronised, so that not even a power cut loses a count that was paid for."""
    out = tmp_path / "r.jsonl"
    synchronised: list[int] = []
    real = os.fsync

    def noted(descriptor: int) -> None:
        real(descriptor)
        synchronised.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fsync", noted)
    run(make_counter(), out, SAMPLES[:5], concurrency=1)
    assert len(set(synchronised)) == 5
    assert synchronised[-1] == out.stat().st_size


def test_old_records_have_no_counter(tmp_path: Path, make_counter: MakeCounter) -> None:
    """The published records are not taken for ours."""
    out = tmp_path / "r.jsonl"
    record = Record(id="x", model="made-up", input_tokens=1, features={"bytes": 1.0}, source="s")
    out.write_text(record_line(record))
    with pytest.raises(InputError, match=r"another counter \(unknown, not anthropic\)"):
        run(make_counter(), out)
