"""Spark: one Spark Connect server with Delta, Kafka and s3a, on loopback, and the cluster below it, if there is one.

java is started directly: Spark's own launcher asks for a module that the bundled runtime lacks.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import ClassVar

from lakehouse_assets.access import kafka, s3, spark
from lakehouse_assets.services.endpoints import HOST
from lakehouse_assets.services.home import write_private
from lakehouse_assets.services.jars import classpath, pyspark_jars
from lakehouse_assets.services.java import argument_file, java, properties
from lakehouse_assets.services.service import NotHealthyError, Service
from lakehouse_assets.services.spark_cluster import Cluster
from lakehouse_assets.services.supervisor import Program
from lakehouse_assets.settings_sources import SPARK_TOKEN

PROBE_SECONDS = 1.0
STACK = "-Xss8m"
"""Of each thread: a JSON value of a thousand levels, the most that Spark reads, overflows Java's 1 MB, and a task that
does so ends the whole process."""
COLLECTOR = "-XX:+UseParallelGC"
"""Of the process that computes; those of a cluster that only hand out work have a smaller one."""
TUNED = (STACK, "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError", "-XX:-DontCompileHugeMethods")
"""The last one: what Spark generates for a wide projection is long, and Java would interpret it for ever."""
AT_REST = (
    *("-XX:MinHeapFreeRatio=10", "-XX:MaxHeapFreeRatio=30"),
    *("-XX:+UnlockExperimentalVMOptions", "-XX:TrimNativeHeapInterval=60000"),
)
"""What a server without work does not need, Java gives back."""
AVRO_LIMITS = {
    "org.apache.avro.limits.string.maxLength": "134217728",
    "org.apache.avro.limits.bytes.maxLength": "134217728",
    "org.apache.avro.limits.collectionItems.maxLength": "10000000",
}
"""Bytes and items that the length in a record may ask for: it is made room for before it proves to be true, and what
asks for more than there is ends the whole process."""
OPENED = (
    *("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util"),
    *("java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs"),
    *("sun.security.action", "sun.util.calendar"),
)
LOGGING = """status=warn
appender.console.type=Console
appender.console.name=console
appender.console.target=SYSTEM_ERR
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
logger.metrics.name=org.apache.hadoop.metrics2
logger.metrics.level=error
logger.native.name=org.apache.hadoop.util.NativeCodeLoader
logger.native.level=error
"""


class Spark(Service):
    """The embedded Spark Connect server."""

    name: ClassVar[str] = "spark"

    @property
    def folder(self) -> Path:
        """Configuration and scratch space; nothing in it outlives a restart."""
        return self.site.home.folder("spark")

    def programs(self) -> list[Program]:
        """The cluster's, then the server: JVMs that take keys and logins from their environment."""
        settings = self.site.settings
        environment = {**s3.keys(settings), **kafka.login(settings), "PYSPARK_PYTHON": sys.executable}
        if settings.s3_access_key:
            environment["AWS_SESSION_TOKEN"] = ""
        command, port = [str(java()), f"@{self.folder / 'java.args'}"], self.site.endpoints.ports["spark"]
        token = {SPARK_TOKEN: self.site.endpoints.credentials["spark_token"]}
        above = {**environment, **self.cluster.environment(), **token}
        server = Program("spark", command, self.folder, above, stop_seconds=8, port=port)
        return [*self.cluster.programs(environment), server]

    @property
    def cluster(self) -> Cluster:
        """What the server computes on, unless it does it itself."""
        return Cluster(self.site, self.folder, tuple(self._shared()))

    def prepare(self) -> None:
        """Write the java options and empty the scratch folders."""
        for scratch in ("local", "tmp", "warehouse", "artifacts", "work", "recovery"):
            shutil.rmtree(self.folder / scratch, ignore_errors=True)
            self.site.home.folder("spark", scratch)
        write_private(self.folder / "log4j2.properties", LOGGING)
        write_private(self.folder / "java.args", argument_file(self._options()))
        self.cluster.prepare()

    def health(self) -> None:
        """A gRPC connection comes about, and the master knows every worker."""
        reach(self.site.endpoints.spark_remote, self.site.endpoints.credentials["spark_token"])
        self.cluster.health()

    def configuration(self) -> dict[str, str]:
        """The server's Spark properties; no secret among them."""
        return {**self._server(), **self._delta(), **self._store(), **self._event_log()}

    def _server(self) -> dict[str, str]:
        settings = self.site.settings
        return {
            "spark.app.name": "lakehouse",
            **self.cluster.configuration(),
            "spark.connect.grpc.binding.address": HOST,
            "spark.connect.grpc.binding.port": str(self.site.endpoints.ports["spark"]),
            "spark.driver.host": HOST,
            "spark.driver.bindAddress": HOST,
            "spark.local.dir": str(self.folder / "local"),
            "spark.scheduler.mode": "FAIR",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.warehouse.dir": str(self.folder / "warehouse"),
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.shuffle.partitions": str(2 * settings.spark_cores),
            "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
        }

    def _delta(self) -> dict[str, str]:
        return {
            "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
            "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
            "spark.databricks.delta.snapshotPartitions": "2",
            spark.LOG_STORE_OPTION: spark.LOG_STORE,
        }

    def _store(self) -> dict[str, str]:
        options = {**s3.s3a(self.site.settings), "buffer.dir": str(self.folder / "tmp")}
        return {f"spark.hadoop.fs.s3a.{key}": value for key, value in options.items()}

    def _event_log(self) -> dict[str, str]:
        """What ran, when and for how long, for Spark's history server; old parts are swept by Dagster."""
        log = {
            "enabled": "true",
            "dir": self.site.home.folder("logs", "spark-events").as_uri(),
            "compress": "true",
            "rolling.enabled": "true",
            "rolling.maxFileSize": "10m",
        }
        return {f"spark.eventLog.{key}": value for key, value in log.items()}

    def _shared(self) -> list[str]:
        """Java options of every process of Spark."""
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
        opened.append("--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED")
        system = {
            "jdk.reflect.useDirectMethodHandle": "false",
            "java.io.tmpdir": str(self.folder / "tmp"),
            "log4j2.configurationFile": str(self.folder / "log4j2.properties"),
            "user.timezone": "UTC",
            **AVRO_LIMITS,
        }
        return [*TUNED, *AT_REST, *opened, *properties(system)]

    def _options(self) -> list[str]:
        heap = f"-Xmx{self.site.settings.spark_heap}"
        jars = f"{pyspark_jars()}/*:{classpath('spark')}"
        main = "org.apache.spark.sql.connect.service.SparkConnectServer"
        return [heap, COLLECTOR, *self._shared(), *properties(self.configuration()), "-cp", jars, main]


def reach(remote: str, token: str) -> None:
    """Connect to a Spark Connect server.

    Raises:
        NotHealthyError: no gRPC connection came about; the address is named without its token.
    """
    import grpc

    address, credentials = spark.shown(remote).removeprefix("sc://"), spark.credentials(remote, token)
    if credentials:
        channel = grpc.secure_channel(address, credentials)
    else:
        channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
    with channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=PROBE_SECONDS)
        except grpc.FutureTimeoutError as error:
            raise NotHealthyError(f"no gRPC connection to {address}") from error
