"""The benchmark of whole jobs measures what it says, and its table has the ratios of the run."""

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
    assert table.loc["one character", "times_mixed_text"] < 0.2
    assert table.loc["base64", "times_mixed_text"] > 0.2


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
    jobs = job_speed(Estimator.default("o200k_base"), TEXT, rounds=1)
    table = speed_table(speeds, {SHIPPED: 0.1}, adverse, jobs).set_index("measure")
    assert (table["value"] > 0).all()
    assert table.loc["mixed, one table", "times_rs_bpe"] == 30
    assert table.loc["200 bytes, estimate", "times_rs_bpe"] == 4
    assert table.loc["base64", "times_mixed_text"] == 0.5
    assert np.isnan(table.loc["mixed, one table", "times_tiktoken"])
    people = shown(table.reset_index()).set_index("measure")
    assert people.loc["mixed, one table"].tolist() == ["300.00 MB/s", "30.00", "", ""]
    assert people.loc["import, first estimate", "value"] == "0.10 s"
