"""The benchmark measures what it says, on text it finds."""

from pathlib import Path

import pandas as pd
import pytest

from token_approx.benchmarks.throughput import error_throughput_figure, load_seconds, mixed_text, speed
from token_approx.errors import InputError
from token_approx.reporting.figures import png
from token_approx.reporting.peers import PEERS, available


def test_mixed_text_is_seeded_and_bounded(tmp_path: Path) -> None:
    """The same seed gives the same text; binaries are passed over; too little text is an error."""
    for number in range(9):
        (tmp_path / f"{number}.txt").write_text(f"{number} text\n" * 50)
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe")
    text = mixed_text([tmp_path], 1500, 1)
    assert 1500 <= len(text) < 2000
    assert text == mixed_text([tmp_path], 1500, 1)
    with pytest.raises(InputError, match="fewer than 1000000"):
        mixed_text([tmp_path], 1_000_000, 1)


def test_a_slower_counter_is_shown_as_slower() -> None:
    """A counter that does its work fifty times over has a fraction of the throughput."""

    def once(text: str) -> float:
        return float(sum(map(ord, text)))

    def often(text: str) -> float:
        return sum(once(text) for _ in range(50))

    table = speed({"once": once, "often": often}, "some text " * 5000, rounds=3)
    fast, slow = table["mb_per_second"].tolist()
    assert fast > 10 * slow
    quick, long = table["us_per_message"].tolist()
    assert long > 10 * quick


def test_peers_load_and_agree() -> None:
    """The exact tokenizers count alike; a peer that is not there is left out with the reason."""
    loaded, absent = available()
    assert not absent
    text = "The quick brown fox, größe 12345, 日本語\n" * 3
    counts = {name: loaded[name](text) for name in ("tiktoken", "rs-bpe", "bpe-openai")}
    assert len(set(counts.values())) == 1
    assert loaded["n-gram table"](text) == pytest.approx(counts["tiktoken"], rel=0.15)
    assert loaded["chars/4"](text) == len(text) / 4

    def missing() -> None:
        raise ImportError("no module named x")

    assert available({**PEERS, "x": missing})[1] == {"x": "no module named x"}  # type: ignore[dict-item]


def test_the_figure_and_loading() -> None:
    """The figure draws, also where a counter's error is unknown; loading something takes some time."""
    table = pd.DataFrame({"mb_per_second": [100.0, 10.0], "mape": [3.0, None]}, index=["a", "b"])
    assert png(error_throughput_figure(table)).startswith(b"\x89PNG")
    assert load_seconds("import json, decimal, asyncio", rounds=3) > 0
