"""The benchmark of scoring measures every engine on real Spark, and says what it takes."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from token_approx.benchmarks import benchmark_score
from token_approx.scoring import spark


@pytest.mark.slow
def test_every_engine_is_measured(
    tmp_path: Path,
    register: Callable[[Mapping[str, Any]], str],
    coefs: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A few thousand texts: a row per engine, and the memory of a worker for two sizes of a partition."""
    if spark.missing() and not os.environ.get("CI"):
        pytest.skip(spark.missing())
    uri = register(coefs)
    arguments = (
        f"model={uri}",
        "rows=4000",
        "texts=500",
        "rounds=2",
        "partitions=[1,3]",
        f"out={tmp_path}/out",
    )
    monkeypatch.setattr(sys, "argv", ["benchmark_score", *arguments])
    benchmark_score.main()
    table = pd.read_csv(tmp_path / "out/scoring.csv").set_index("engine").to_dict("index")
    assert list(table) == ["arrow", "spark, 1 partition", "spark, 3 partitions", "spark_udf"]
    for row in table.values():
        assert row["rows_per_second"] > 10
        assert row["least"] <= row["times_arrow"] <= row["most"]
    assert table["arrow"]["least"] == table["arrow"]["most"] == 1
    assert table["spark, 1 partition"]["start_seconds"] > 1
    assert "MB for 400 rows and" in capsys.readouterr().out
