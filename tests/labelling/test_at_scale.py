"""Ten thousand samples, a fifth of the answers failing in every way, three kill -9 in between."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.labelling.conftest import sample
from tests.labelling.provider_server import Provider, tokens_of
from token_approx.labelling.label import MINIMAL_MESSAGE
from token_approx.labelling.records import read_records
from token_approx.preparing.samples import write_samples

SAMPLES = 10_000
KILLS = (2_000, 5_000, 8_000)
CONCURRENCY = 32
FAULTY = 0.2
# Of the faulty answers; time-outs hold a place for their whole time, so they are the rarest.
WEIGHTS = {
    "429": 25,
    "500": 20,
    "529": 20,
    "reset": 12,
    "half": 10,
    "no json": 5,
    "wrong json": 5,
    "timeout": 3,
}


@pytest.mark.slow
def test_every_sample_once(tmp_path: Path, provider: Provider) -> None:
    """None lost, none twice, no request for a finished one, in the samples' order; refused ones are told."""
    samples = [sample(f"sample {number} " + "z" * (number % 97)) for number in range(SAMPLES)]
    write_samples(tmp_path / "samples.jsonl", samples)
    refused = {entry.text for entry in samples[::500]}
    finished: set[str] = set()
    asked_again: list[str] = []
    draw = random.Random(42)  # noqa: S311 - a seeded plan

    def plan(text: str, _before: int) -> str | None:
        if text in finished:
            asked_again.append(text)
        if text in refused:
            return "413"
        if text != MINIMAL_MESSAGE and draw.random() < FAULTY:
            return draw.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        return None

    provider.plan = plan
    text_of = {entry.id: entry.text for entry in samples}
    out, skipped = tmp_path / "records.jsonl", tmp_path / "records.skipped.jsonl"
    started = time.monotonic()
    for kill_at in (*KILLS, None):
        process = start(tmp_path, provider.url)
        if kill_at is None:
            _, errors = process.communicate()
            assert process.returncode == 0, errors
            break
        provider.wait_for_answers(kill_at, timeout=200)
        process.kill()
        process.communicate()
        lines = [line for path in (out, skipped) for line in path.read_bytes().split(b"\n")[:-1]]
        ids = [json.loads(line)["id"] for line in lines]
        assert len(ids) == len(set(ids))
        finished |= {text_of[name] for name in ids}
    seconds = time.monotonic() - started

    assert [(r.id, r.input_tokens) for r in read_records(out)] == [
        (entry.id, tokens_of(entry.text)) for entry in samples if entry.text not in refused
    ]
    told = [json.loads(line) for line in skipped.read_text().splitlines()]
    assert Counter(text_of[entry["id"]] for entry in told) == Counter(refused)
    assert {entry["reason"] for entry in told} == {"too long (HTTP 413)"}
    assert not asked_again
    # An answer is lost only if it was on its way when the process was killed.
    del provider.answered[MINIMAL_MESSAGE]
    twice = [text for text, number in provider.answered.items() if number > 1]
    assert len(twice) <= len(KILLS) * CONCURRENCY
    assert provider.asked.keys() - {MINIMAL_MESSAGE} == set(text_of.values())
    del provider.faults["413"]
    print(  # noqa: T201 - the figures, shown with -s
        f"{SAMPLES} samples, {provider.asked.total()} requests, {provider.faults.total()} failing"
        f" ({dict(provider.faults)}), {len(KILLS)} kills,"
        f" {len(twice)} answered twice, {len(asked_again)} finished ones asked again, {seconds:.0f} s"
    )


def start(folder: Path, url: str) -> subprocess.Popen[str]:
    """Start the label stage."""
    environment = os.environ | {
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        "ANTHROPIC_API_KEY": "k",
    }
    return subprocess.Popen(
        [
            sys.executable, "-m", "token_approx.stages.label", f"samples={folder}/samples.jsonl",
            f"out={folder}/records.jsonl", "counter=anthropic", "model=made-up", f"counter.base_url={url}",
            "counter.timeout=0.5", f"labelling.concurrency={CONCURRENCY}", "labelling.first_wait=0.01",
            "labelling.longest_wait=0.1", "labelling.attempts=12",
        ],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
