"""Kafka: one KRaft node that is broker and controller, on loopback."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, ClassVar

from lakehouse_assets.access import kafka as access
from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services import certificates
from lakehouse_assets.services.endpoints import HOST, USER
from lakehouse_assets.services.home import write_private
from lakehouse_assets.services.jars import classpath
from lakehouse_assets.services.java import java
from lakehouse_assets.services.service import NotHealthyError, Service, cause
from lakehouse_assets.services.supervisor import Program

HEAP = "256m"
PROBE_SECONDS = 5.0
RECONNECT_MS = 200
FORMAT_TIMEOUT_SECONDS = 60
READY_SECONDS = 30
SCRAM_ITERATIONS = 4096
FOREVER_MS = 2**63 - 1
KEPT_FOR_EVER = {
    "auto.create.topics.enable": "false",
    "log.retention.ms": -1,
    "log.message.timestamp.before.max.ms": FOREVER_MS,
    "log.message.timestamp.after.max.ms": FOREVER_MS,
}
ALONE = {
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
        return [Program("kafka", command, self.folder, stop_seconds=8, port=self.site.endpoints.ports["kafka"])]

    def prepare(self) -> None:
        """Write the configuration and format the data folder, once."""
        classpath("kafka")
        write_private(self.folder / "log4j2.properties", LOGGING)
        if self._secure and self.site.endpoints.kafka_ca:
            certificates.ensure(self.site.endpoints.kafka_ca, self.folder / "server.pem")
        write_private(self.folder / "server.properties", self.configuration())
        if not (self.folder / "data" / "meta.properties").exists():
            self._format()

    def configuration(self) -> str:
        """The text of server.properties.

        Record timestamps are event times years back, so nothing is deleted or refused for its age.
        """
        ports = self.site.endpoints.ports
        broker, controller = f"{HOST}:{ports['kafka']}", f"{HOST}:{ports['kafka_controller']}"
        security = self.site.endpoints.modes.kafka_security
        values: dict[str, object] = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"{security}://{broker},CONTROLLER://{controller}",
            "advertised.listeners": f"{security}://{broker}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": security,
            "listener.security.protocol.map": f"{security}:{security},CONTROLLER:PLAINTEXT",
            "log.dirs": self.folder / "data",
            **KEPT_FOR_EVER,
            **ALONE,
            **(self._secured() if self._secure else {}),
        }
        return "".join(f"{key}={_escaped(value)}\n" for key, value in values.items())

    @property
    def _secure(self) -> bool:
        return self.site.endpoints.modes.kafka_security != "PLAINTEXT"

    def _secured(self) -> dict[str, object]:
        """TLS and two ways to sign in: PLAIN, whose user is in this file, makes the user of SCRAM."""
        password = self.site.endpoints.credentials["kafka_password"]
        users = {"username": USER, "password": password, f"user_{USER}": password}
        listener = "listener.name.sasl_ssl"
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.folder / "server.pem",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.site.endpoints.kafka_ca,
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            f"{listener}.plain.sasl.jaas.config": access.jaas("PLAIN", **users),
            f"{listener}.scram-sha-512.sasl.jaas.config": access.jaas("SCRAM-SHA-512"),
        }

    def health(self) -> None:
        """The broker answers with its metadata, and it is ours."""
        found = cluster_id(self._client())
        if found != self.site.endpoints.kafka_cluster_id:
            raise NotHealthyError(f"cluster {found} answers on its port")

    def ready(self) -> None:
        """Make the user of SCRAM: a broker keeps it with its data."""
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient
        from confluent_kafka.admin._scram import (
            ScramCredentialInfo,
            ScramMechanism,
            UserScramCredentialUpsertion,
        )

        if not self._secure:
            return
        mechanism = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, SCRAM_ITERATIONS)
        password = self.site.endpoints.credentials["kafka_password"].encode()
        change = UserScramCredentialUpsertion(USER, mechanism, password)
        admin = AdminClient(self._client())
        try:
            admin.alter_user_scram_credentials([change])[USER].result(READY_SECONDS)
        except KafkaException as error:
            what = f"it takes no user ({error.args[0].str()})"
            raise ServiceError(what, where=self.name, do="Run `lakehouse up` again") from error

    def _client(self) -> dict[str, Any]:
        options = access.client(self.site.settings)
        return options | ({"sasl.mechanism": "PLAIN"} if self._secure else {})

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


def cluster_id(client: dict[str, Any]) -> str:
    """The id of the cluster that answers.

    Raises:
        NotHealthyError: none does.
    """
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    try:
        admin = AdminClient({**client, "reconnect.backoff.max.ms": RECONNECT_MS}, logger=_silent())
        metadata = admin.list_topics(timeout=PROBE_SECONDS)
    except KafkaException as error:
        raise NotHealthyError(str(error.args[0].str())) from error
    if not metadata.brokers:
        raise NotHealthyError("no broker answers")
    return str(metadata.cluster_id)


def _escaped(value: object) -> str:
    """A value as a Java properties file takes it."""
    return str(value).replace("\\", "\\\\")


def _silent() -> object:
    import logging

    logger = logging.getLogger("lakehouse.kafka.probe")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
