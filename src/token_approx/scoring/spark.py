"""Texts in Parquet -> the same rows with their estimates, by Spark: MLflow's spark_udf on every partition."""

import importlib.util
import logging
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
from mlflow.pyfunc import PyFuncModel

from token_approx.errors import InputError, MissingExtraError
from token_approx.scoring.arrow import COMPRESSION, MOST_BYTES, MOST_ROWS, score_piece
from token_approx.scoring.parquet_input import RESULTS, Texts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Partitions of this size keep all cores busy to the end; each loads the model anew, in 0.1 s.
PARTITION_BYTES = 32 * 2**20
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # What a worker holds at a time: its memory does not grow with the partition.
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(MOST_ROWS),
    "spark.sql.execution.arrow.maxBytesPerBatch": str(MOST_BYTES),
    "spark.sql.files.maxPartitionBytes": str(PARTITION_BYTES),
    # 0.25 us a row of 500 bytes, where the default collector takes 0.6.
    "spark.driver.extraJavaOptions": "-XX:+UseParallelGC",
    # Types and names as they are in the input.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "true",
    # The workers' warnings are about the versions of libraries, which no user can act on.
    "spark.executorEnv.PYTHONWARNINGS": "ignore",
}
ANSWER = "token_approx_answer"
KINDS = ("long", "long", "boolean")
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


def changed_by_spark(texts: Texts) -> str:
    """Return the first column that Spark would write with another type, "" if there is none."""
    from pyspark.errors import PySparkException
    from pyspark.sql.pandas.types import from_arrow_type, to_arrow_schema
    from pyspark.sql.types import StructField, StructType

    for field in texts.schema:
        try:
            there = StructType([StructField(field.name, from_arrow_type(field.type))])
            if to_arrow_schema(there, timezone="UTC").field(0).type == field.type:
                continue
        except PySparkException:  # a type that it does not have
            pass
        return str(field.name)
    return ""


@contextmanager
def session(master: str, memory: str) -> "Iterator[SparkSession]":
    """Yield a Spark session, stopped at the end: on `master`, "" for this machine or spark-submit's own.

    `memory` is the driver's, which on this machine does all the work ("2g").

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
        conf.setMaster(master or "local[*]").setAppName("token-approx").set("spark.driver.memory", memory)
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
    spark: "SparkSession", texts: Texts, model_path: Path, confidence: float, folder: Path
) -> None:
    """Write all rows with the model's answers into part files in `folder`, in any order.

    `model_path` is a model on this machine, which Spark takes to the others.

    Raises:
        InputError: Spark gives up.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import functions as F  # noqa: N812 - its usual name

    # It warns that the model is run with the libraries that are here, which is what was asked for.
    logging.getLogger("mlflow.pyfunc").setLevel(logging.ERROR)
    result = ", ".join(f"{name} {kind}" for name, kind in zip(RESULTS.names, KINDS, strict=True))
    try:
        udf = mlflow.pyfunc.spark_udf(
            spark, str(model_path), result, env_manager="local", params={"confidence": confidence}
        )
        frame = spark.read.parquet(*(_escaped(file) for file in texts.files))
        text = F.col(_quoted(texts.column))
        # A null would end spark_udf, which makes whole numbers of what it is answered.
        answers = frame.withColumn(ANSWER, udf(F.coalesce(text, F.lit(""))))
        answered = [F.when(text.isNotNull(), F.col(f"{ANSWER}.{name}")).alias(name) for name in RESULTS.names]
        columns = [F.col(_quoted(name)) for name in texts.schema.names]
        writer = answers.select(*columns, *answered).write.option("compression", COMPRESSION)
        writer.option(f"parquet.enable.dictionary#{texts.column}", "false").parquet(
            f"file://{folder.absolute()}"
        )
    except (PySparkException, Py4JError) as error:
        raise InputError(f"{texts.files[0]}: Spark gives up ({_line(error)}).") from error


def score_files_with_spark(
    spark: "SparkSession", texts: Texts, model_path: Path, confidence: float, folder: Path
) -> None:
    """Do as `score_with_spark`, but let Spark's workers read, score and write each piece themselves.

    No text passes through Java, which spares it more time than scoring takes. Workers need this package, and
    the model, the input and `folder` under the same paths.

    Raises:
        InputError: Spark gives up, or a file is damaged.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    folder.mkdir()
    work = partial(_score_piece, texts, model_path, confidence, folder)
    count = len(texts.pieces)
    try:
        spark.sparkContext.parallelize(range(count), count).foreach(work)
    except (PySparkException, Py4JError) as error:
        raise InputError(f"{texts.files[0]}: Spark gives up ({_line(error)}).") from error


def _score_piece(texts: Texts, model_path: Path, confidence: float, folder: Path, number: int) -> None:
    score_piece(texts, number, _model(model_path), confidence, folder)


@lru_cache(maxsize=1)
def _model(path: Path) -> PyFuncModel:
    model: PyFuncModel = mlflow.pyfunc.load_model(str(path))
    return model


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _escaped(file: Path) -> str:
    # Spark takes paths for patterns.
    return "file://" + re.sub(r"([\\{}\[\]*?])", r"\\\1", str(file.absolute()))


def _line(error: Exception) -> str:
    # What a worker raised is at the end of its traceback, within the message.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    raised = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b.*: ", line)]
    return (raised or lines or [type(error).__name__])[0 if not raised else -1]
