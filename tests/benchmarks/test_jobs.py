"""The benchmark of whole jobs measures what it says, and its table has the ratios of the run."""

import time

import numpy as np
import pandas as pd

from token_approx import Estimator
from token_approx.benchmarks.jobs import (
    DESCRIBED,
    SHIPPED,
    adverse_inputs,
    adverse_speed,
    job_speed,
    many_texts,
    shown,
    speed_table,
    thread_speed,
)

TEXT = "The boats were coming in, one after the other, größer als 12345.\n" * 200


def test_adverse_inputs_are_adverse() -> None:
    """Each input has the size that was asked for, and one has a single byte, one all bytes, none a space."""
    inputs = adverse_inputs(20_000, seed=1)
    assert {len(data) for data in inputs.values()} == {20_000}
    assert len(set(inputs["one character"])) == 1
    assert len(set(inputs["random bytes"])) == 256
    assert not any(b" " in data or b"\n" in data for name, data in inputs.items() if name != "random bytes")
    assert inputs == adverse_inputs(20_000, seed=1)


def test_an_input_that_is_slower_is_shown_as_slower() -> None:
    """What takes fifty times as long on one of the inputs has a fraction of the text's throughput there."""

    def count(data: bytes) -> int:
        return sum(sum(data) for _ in range(50 if set(data) == {ord("a")} else 1))

    table = adverse_speed(count, TEXT.encode(), seed=1, rounds=3)
    assert table["times_mixed_text"]["one character"] < 0.2
    assert table["times_mixed_text"]["base64"] > 0.2


def test_threads_that_wait_are_faster_together() -> None:
    """Two threads that each wait take hardly longer than one; two that compute in Python gain nothing."""
    waiting = thread_speed(lambda _: time.sleep(0.05), TEXT.encode(), rounds=3)
    assert waiting["times_mixed_text"]["two threads"] > 1.5
    computing = thread_speed(lambda data: sum(byte for byte in data * 20), TEXT.encode(), rounds=3)
    assert computing["times_mixed_text"]["two threads"] < 1.5


def test_many_texts_are_of_the_text() -> None:
    """They are of 500 characters, from the beginning to the end."""
    texts = many_texts(TEXT, 50)
    assert [len(text) for text in texts] == [500] * 50
    assert TEXT.startswith(texts[0])
    assert TEXT.endswith(texts[-1])


def test_the_table_has_every_measure_and_its_ratios() -> None:
    """Each measure has a value; ratios are to the run's own tokenizers, blank where there are none."""
    speeds = pd.DataFrame(
        {"mb_per_second": [300.0, 200.0, 100.0, 10.0], "us_per_message": [1.0, 2.0, 4.0, 8.0]},
        index=["n-gram table", SHIPPED, DESCRIBED, "rs-bpe"],
    )
    adverse = pd.DataFrame({"mb_per_second": [150.0], "times_mixed_text": [0.5]}, index=["base64"])
    jobs = job_speed(Estimator.for_model("o200k_base"), TEXT, rounds=1)
    table = speed_table(speeds, {SHIPPED: 0.1}, adverse, jobs).set_index("measure")
    assert (table["value"] > 0).all()
    assert table["times_rs_bpe"]["mixed, one table"] == 30
    assert table["times_rs_bpe"]["200 bytes, estimate"] == 4
    assert table["times_mixed_text"]["base64"] == 0.5
    assert np.isnan(table["times_tiktoken"]["mixed, one table"])
    people = shown(table.reset_index()).set_index("measure")
    assert people.T["mixed, one table"].tolist() == ["300.00 MB/s", "30.00", "", ""]
    assert people["value"]["import, first estimate"] == "0.10 s"
