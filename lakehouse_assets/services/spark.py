"""Spark: one Spark Connect server with Delta, Kafka and s3a, on loopback.

java is started directly: Spark's own launcher asks for a module that the bundled runtime lacks.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import ClassVar

from lakehouse_assets.services.endpoints import HOST
from lakehouse_assets.services.home import write_private
from lakehouse_assets.services.jars import classpath, pyspark_jars
from lakehouse_assets.services.java import argument_file, java, properties
from lakehouse_assets.services.service import NotHealthyError, Service
from lakehouse_assets.services.supervisor import Program

PROBE_SECONDS = 1.0
TUNED = ("-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError", "-XX:-DontCompileHugeMethods")
"""The last one: what Spark generates for a wide projection is long, and Java would interpret it for ever."""
OPENED = (
    *("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util"),
    *("java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs"),
    *("sun.security.action", "sun.util.calendar"),
)
KEY_FROM_ENVIRONMENT = "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider"
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
        """One JVM, which takes the key of the store from its environment."""
        environment = {
            "AWS_ACCESS_KEY_ID": self.site.endpoints.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": self.site.endpoints.s3_secret_key,
            "PYSPARK_PYTHON": sys.executable,
        }
        command = [str(java()), f"@{self.folder / 'java.args'}"]
        port = self.site.endpoints.ports["spark"]
        return [Program("spark", command, self.folder, environment, stop_seconds=20, port=port)]

    def prepare(self) -> None:
        """Write the java options and empty the scratch folders."""
        for scratch in ("local", "tmp", "warehouse", "artifacts"):
            shutil.rmtree(self.folder / scratch, ignore_errors=True)
            self.site.home.folder("spark", scratch)
        write_private(self.folder / "log4j2.properties", LOGGING)
        write_private(self.folder / "java.args", argument_file(self._options()))

    def health(self) -> None:
        """A gRPC connection comes about."""
        import grpc

        address = self.site.endpoints.spark_remote.removeprefix("sc://")
        with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
            try:
                grpc.channel_ready_future(channel).result(timeout=PROBE_SECONDS)
            except grpc.FutureTimeoutError as error:
                raise NotHealthyError(f"no gRPC connection to {address}") from error

    def configuration(self) -> dict[str, str]:
        """The server's Spark properties; no secret among them."""
        return {**self._server(), **self._delta(), **self._store(), **self._event_log()}

    def _server(self) -> dict[str, str]:
        settings = self.site.settings
        return {
            "spark.app.name": "lakehouse",
            "spark.master": f"local[{settings.spark_cores}]",
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
        }

    def _store(self) -> dict[str, str]:
        s3a = {
            "endpoint": self.site.endpoints.s3_endpoint,
            "endpoint.region": self.site.settings.s3_region,
            "path.style.access": "true",
            "connection.ssl.enabled": "false",
            "bucket.probe": "0",
            "aws.credentials.provider": KEY_FROM_ENVIRONMENT,
            "buffer.dir": str(self.folder / "tmp"),
        }
        return {f"spark.hadoop.fs.s3a.{key}": value for key, value in s3a.items()}

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

    def _options(self) -> list[str]:
        virtual_machine = [
            f"-Xmx{self.site.settings.spark_heap}",
            *TUNED,
        ]
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
        opened.append("--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED")
        system = {
            "jdk.reflect.useDirectMethodHandle": "false",
            "java.io.tmpdir": str(self.folder / "tmp"),
            "log4j2.configurationFile": str(self.folder / "log4j2.properties"),
            "user.timezone": "UTC",
        }
        jars = f"{pyspark_jars()}/*:{classpath('spark')}"
        main = "org.apache.spark.sql.connect.service.SparkConnectServer"
        return [*virtual_machine, *opened, *properties({**system, **self.configuration()}), "-cp", jars, main]
