"""Rows in Parquet -> the same rows with their answers, by Spark: its workers score one piece each."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from token_approx.errors import InputError, MissingExtraError
from token_approx.scoring.answers import Scorer
from token_approx.scoring.parquet_input import Input
from token_approx.scoring.pieces import score_piece

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # The workers' warnings are about the versions of libraries, which no user can act on.
    "spark.executorEnv.PYTHONWARNINGS": "ignore",
}
ON_THIS_MACHINE = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}


def missing() -> str:
    """Return what Spark lacks here to be started, and how to get it; "" if nothing."""
    if importlib.util.find_spec("pyspark") is None:
        return "pyspark is not installed. Run: pip install 'token-approx[spark]'"
    home = os.environ.get("JAVA_HOME")
    if not shutil.which(Path(home, "bin", "java") if home else "java"):
        return "no Java was found. Install Java 17 or later, or set JAVA_HOME."
    return ""


def submitted() -> bool:
    """Say whether spark-submit started this process, and so says where Spark runs."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


@contextmanager
def session(master: str) -> "Iterator[SparkSession]":
    """Yield a Spark session, stopped at the end: on `master`, "" for this machine or spark-submit's own.

    Raises:
        MissingExtraError: Spark or Java is not installed.
        InputError: Spark does not start.
    """
    reason = missing()
    if reason:
        raise MissingExtraError(f"engine=spark: {reason}")
    from py4j.protocol import Py4JError
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    launch: Any = launch_gateway
    warnings.filterwarnings("ignore", module="pyspark")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    conf = SparkConf(loadDefaults=False).setAll(list(SETTINGS.items()))
    if master or not submitted():
        conf.setMaster(master or "local[*]").setAppName("token-approx")
        if not master or master.startswith("local"):
            conf.setAll(list(ON_THIS_MACHINE.items()))
            os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    try:
        # Spark's own log says nothing that an exception does not say again.
        gateway = SparkContext._gateway or launch(conf, {"stderr": subprocess.DEVNULL})  # noqa: SLF001
        context = SparkContext(conf=conf, gateway=gateway)
    except (PySparkException, Py4JError, OSError) as error:
        raise InputError(
            f"engine=spark: Spark does not start ({_line(error)}). Check master= and Java."
        ) from error
    try:
        yield SparkSession(context)
    finally:
        context.stop()


def score_with_spark(
    spark: "SparkSession", rows: Input, scorer: Scorer, folder: Path, partitions: int = 0
) -> None:
    """Write all rows with their answers into part files in `folder`: `mapInArrow` over the input's pieces.

    Each worker gets the estimator once, and reads, scores and writes pieces as one process does: no text
    passes through Java, which takes longer over one than scoring does. Workers need this package, and the
    input and `folder` under the same paths. There are as many partitions as pieces, unless given.

    Raises:
        InputError: Spark gives up, or a file is damaged.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    folder.mkdir()
    count = len(rows.pieces)
    shared = spark.sparkContext.broadcast((rows, scorer, folder.absolute()))

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows, scorer, folder = shared.value
        for batch in batches:
            for number in batch.column(0).to_pylist():
                score_piece(rows, number, scorer, folder)
            yield batch

    try:
        spark.range(0, count, 1, partitions or count).mapInArrow(work, "id long").collect()
    except (PySparkException, Py4JError) as error:
        raise InputError(f"{rows.files[0]}: Spark gives up ({_line(error)}).") from error
    finally:
        shared.destroy()


def _line(error: Exception) -> str:
    # What a worker raised is at the end of its traceback, within the message.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    raised = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b.*: ", line)]
    return (raised or lines or [type(error).__name__])[0 if not raised else -1]
