"""A classic Spark driver: a JVM that is started directly, with the settings that the embedded server has.

Classic and not Connect: here the function of a `foreachBatch` runs in the process that made it, and plans without any
round trip. Spark's own launcher asks for a module that the bundled Java lacks, so the gateway is started by hand.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, cast

from pyspark.sql import SparkSession

from lakehouse_assets.access import kafka, s3
from lakehouse_assets.engine.meaning import MEANING
from lakehouse_assets.services.jars import classpath, pyspark_jars
from lakehouse_assets.services.java import argument_file, java, properties
from lakehouse_assets.services.spark import AVRO_LIMITS, COLLECTOR, LOGGING, OPENED, TUNED
from lakehouse_assets.services.spark import Spark as Server
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import Settings

GATEWAY = "org.apache.spark.api.python.PythonGatewayServer"
GATEWAY_SECONDS = 60.0
ONLY_OF_A_SERVER = ("spark.connect.", "spark.eventLog.")


def run(work: Callable[[], None]) -> NoReturn:
    """Does the work of a program and ends it at once: a gateway whose JVM is gone would be asked in vain, for long."""
    code = 0
    try:
        work()
    except Exception:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@contextmanager
def driver(settings: Settings, heap: str, cores: int) -> Iterator[SparkSession]:
    """A session of a driver of its own, ended with its JVM."""
    scratch = Path(tempfile.mkdtemp(prefix="driver-", dir=settings.home))
    process = _launched(settings, heap, cores, scratch)
    try:
        os.environ["PYSPARK_GATEWAY_PORT"], os.environ["PYSPARK_GATEWAY_SECRET"] = _told(scratch / "gateway", process)
        session = SparkSession.builder.getOrCreate()
        session.sparkContext.setLogLevel("WARN")
        yield session
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(scratch, ignore_errors=True)


def configuration(settings: Settings, cores: int, scratch: Path) -> dict[str, str]:
    """Those of the embedded server: Delta, its log store, shuffle partitions, S3; and what the code means."""
    server = cast(Server, Stack(settings).service("spark"))
    kept = {name: value for name, value in server.configuration().items() if not name.startswith(ONLY_OF_A_SERVER)}
    own = {
        "spark.master": f"local[{cores}]",
        "spark.app.name": "benchmark",
        "spark.local.dir": str(scratch),
        "spark.hadoop.fs.s3a.buffer.dir": str(scratch),
        "spark.sql.shuffle.partitions": str(2 * cores),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
    }
    return kept | dict(MEANING) | own


def _launched(settings: Settings, heap: str, cores: int, scratch: Path) -> subprocess.Popen[bytes]:
    logging = scratch / "log4j2.properties"
    logging.write_text(LOGGING)
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    system = {
        "jdk.reflect.useDirectMethodHandle": "false",
        "java.io.tmpdir": str(scratch),
        "log4j2.configurationFile": str(logging),
        "user.timezone": "UTC",
        **AVRO_LIMITS,
        **configuration(settings, cores, scratch),
    }
    jars = f"{pyspark_jars()}/*:{classpath('spark')}"
    arguments = scratch / "java.args"
    options = [f"-Xmx{heap}", COLLECTOR, *TUNED, *opened, *properties(system)]
    arguments.write_text(argument_file([*options, "-cp", jars, GATEWAY]))
    told = {"_PYSPARK_DRIVER_CONN_INFO_PATH": str(scratch / "gateway"), "PYSPARK_PYTHON": sys.executable}
    environment = {**os.environ, **s3.keys(settings), **kafka.login(settings), "AWS_SESSION_TOKEN": "", **told}
    return subprocess.Popen([str(java()), f"@{arguments}"], stdin=subprocess.PIPE, env=environment)


def _told(file: Path, process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """The gateway's port and secret, as it writes them down."""
    deadline = time.monotonic() + GATEWAY_SECONDS
    while not file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the gateway does not start")
        time.sleep(0.05)
    said = file.read_bytes()
    port, length = struct.unpack("!ii", said[:8])
    return str(port), said[8 : 8 + length].decode()
