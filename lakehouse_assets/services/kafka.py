"""Kafka: one KRaft node that is broker and controller, on loopback."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import ClassVar

from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services.endpoints import HOST
from lakehouse_assets.services.home import write_private
from lakehouse_assets.services.jars import classpath
from lakehouse_assets.services.java import java
from lakehouse_assets.services.service import NotHealthyError, Service, cause
from lakehouse_assets.services.supervisor import Program

HEAP = "256m"
PROBE_SECONDS = 1.0
FORMAT_TIMEOUT_SECONDS = 60
FOREVER_MS = 2**63 - 1
LOGGING = """status=warn
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c{1}: %m%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
"""


class Kafka(Service):
    """The embedded broker."""

    name: ClassVar[str] = "kafka"

    @property
    def folder(self) -> Path:
        """Configuration and data."""
        return self.site.home.folder("kafka")

    def programs(self) -> list[Program]:
        """One JVM."""
        command = [*self._java(), "kafka.Kafka", str(self.folder / "server.properties")]
        return [Program("kafka", command, self.folder, stop_seconds=20, port=self.site.endpoints.ports["kafka"])]

    def prepare(self) -> None:
        """Write the configuration and format the data folder, once."""
        classpath("kafka")
        write_private(self.folder / "log4j2.properties", LOGGING)
        write_private(self.folder / "server.properties", self.configuration())
        if not (self.folder / "data" / "meta.properties").exists():
            self._format()

    def configuration(self) -> str:
        """The text of server.properties.

        Record timestamps are event times years back, so nothing is deleted or refused for its age.
        """
        ports = self.site.endpoints.ports
        broker, controller = f"{HOST}:{ports['kafka']}", f"{HOST}:{ports['kafka_controller']}"
        values: dict[str, object] = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{broker}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self.folder / "data",
            "auto.create.topics.enable": "false",
            "log.retention.ms": -1,
            "log.message.timestamp.before.max.ms": FOREVER_MS,
            "log.message.timestamp.after.max.ms": FOREVER_MS,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "log.cleaner.dedupe.buffer.size": 4194304,
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
        }
        return "".join(f"{key}={value}\n" for key, value in values.items())

    def health(self) -> None:
        """The broker answers with its metadata, and it is ours."""
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        asked: dict[str, str | int | float | bool] = {
            "bootstrap.servers": self.site.endpoints.kafka_bootstrap,
            "log_level": 0,
        }
        try:
            metadata = AdminClient(asked, logger=_silent()).list_topics(timeout=PROBE_SECONDS)
        except KafkaException as error:
            raise NotHealthyError(str(error.args[0].str())) from error
        if metadata.cluster_id != self.site.endpoints.kafka_cluster_id or not metadata.brokers:
            raise NotHealthyError(f"cluster {metadata.cluster_id} answers on its port")

    def _java(self) -> list[str]:
        jars = str(Path(classpath("kafka")))
        logging = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}"
        return [str(java()), f"-Xmx{HEAP}", "-XX:+UseSerialGC", "-XX:-UsePerfData", logging, "-cp", jars]

    def _format(self) -> None:
        """Give the data folder its cluster id."""
        command = [*self._java(), "kafka.tools.StorageTool", "format", "--ignore-formatted"]
        command += ["-t", self.site.endpoints.kafka_cluster_id, "-c", str(self.folder / "server.properties")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=FORMAT_TIMEOUT_SECONDS, check=False)
        if done.returncode != 0:
            raise ServiceError(
                f"cannot format {self.folder / 'data'}: {cause((done.stdout + done.stderr).splitlines())}",
                where=self.name,
                do="Check that the disk is writable and not full",
            )


def _silent() -> object:
    import logging

    logger = logging.getLogger("lakehouse.kafka.probe")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
