"""What each service is told: loopback only, no secret where a process listing shows it."""

from __future__ import annotations

import ssl
import stat
import subprocess
from dataclasses import replace

import pytest
import yaml

from lakehouse_assets.services import certificates
from lakehouse_assets.services.dagster import Dagster
from lakehouse_assets.services.endpoints import Modes
from lakehouse_assets.services.java import java
from lakehouse_assets.services.kafka import Kafka
from lakehouse_assets.services.service import Site
from lakehouse_assets.services.spark import Spark
from lakehouse_assets.services.stack import SERVICES
from lakehouse_assets_tests.services.conftest import placed


@pytest.fixture
def secured(site):
    """Every service with everything switched on."""
    kept = replace(site.endpoints, modes=Modes("SASL_SSL", postgres=True, spark_workers=2))
    return placed(site.home, kept)


@pytest.mark.parametrize("name", list(SERVICES))
def test_no_command_line_holds_a_secret(name, secured, supervisor):
    site = secured
    for program in SERVICES[name](site, supervisor).programs():
        assert "the-secret" not in " ".join(program.command)
        assert "THE-KEY" not in " ".join(program.command)


def test_sparks_properties_hold_no_secret_and_bind_to_loopback(site, supervisor):
    properties = SERVICES["spark"](site, supervisor).configuration()

    assert "the-secret" not in str(properties)
    assert properties["spark.connect.grpc.binding.address"] == "127.0.0.1"
    assert properties["spark.sql.session.timeZone"] == "UTC"


def test_every_process_of_spark_that_reads_records_has_a_stack_for_the_deepest(site, secured, supervisor):
    """A task that overflows its stack ends the whole server, and ends it again after each start."""
    server = Spark(site, supervisor)
    server.prepare()
    (alone,) = server.programs()
    cluster = Spark(secured, supervisor)
    cluster.prepare()

    assert "-Xss8m" in " ".join([*alone.command, *(path.read_text() for path in alone.folder.glob("*.args"))])
    assert "-Xss8m" in cluster.configuration()["spark.executor.extraJavaOptions"].split()
    limit = "-Dorg.apache.avro.limits.collectionItems.maxLength=10000000"
    assert limit in " ".join(path.read_text() for path in alone.folder.glob("*.args"))
    assert limit in cluster.configuration()["spark.executor.extraJavaOptions"].split()


def test_java_takes_the_options_of_every_process_of_spark(site, secured, supervisor):
    """It refuses some that are right by themselves: two collectors, one that must be unlocked first."""
    for place in (site, secured):
        Spark(place, supervisor).prepare()
        files = [*place.home.folder("spark").rglob("*.args")]
        assert len(files) == (1 if place is site else 4)
        for file in files:
            options = [line.strip('"') for line in file.read_text().splitlines() if line.startswith('"-X')]
            done = subprocess.run([java(), *options, "-version"], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{file.name}: {done.stdout}{done.stderr}"


def test_kafka_keeps_old_records_and_makes_no_topic_by_itself(site, supervisor):
    lines = Kafka(site, supervisor).configuration().splitlines()

    assert "log.retention.ms=-1" in lines
    assert f"log.message.timestamp.after.max.ms={2**63 - 1}" in lines
    assert "auto.create.topics.enable=false" in lines
    assert all("127.0.0.1" in line for line in lines if "listeners=" in line and "://" in line)


def test_a_cluster_is_on_loopback_and_none_of_its_properties_is_a_secret(secured, supervisor):
    spark = Spark(secured, supervisor)
    spark.prepare()

    assert [program.name for program in spark.programs()] == [
        "spark-master",
        "spark-worker-1",
        "spark-worker-2",
        "spark",
    ]
    assert spark.configuration()["spark.master"].startswith("spark://127.0.0.1:")
    for path in spark.folder.glob("*.args"):
        assert "the-secret" not in path.read_text()


def test_a_broker_with_passwords_keeps_them_in_a_file_that_only_its_owner_reads(secured, supervisor):
    kafka = Kafka(secured, supervisor)
    lines = kafka.configuration().splitlines()

    assert any(line.startswith("listeners=SASL_SSL://127.0.0.1:") for line in lines)
    assert not any("PLAINTEXT://" in line for line in lines)
    assert "inter.broker.listener.name=SASL_SSL" in lines


def test_certificates_are_made_once(home):
    authority, server = home.folder() / "ca.pem", home.folder() / "server.pem"
    certificates.ensure(authority, server)
    first = server.read_text()
    certificates.ensure(authority, server)

    assert server.read_text() == first
    assert stat.S_IMODE(server.stat().st_mode) == 0o600
    context = ssl.create_default_context(cafile=authority)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert "PRIVATE KEY" not in authority.read_text()


@pytest.mark.parametrize(("workers", "launcher"), [(2, "WorkerRunLauncher"), (0, "LocalRunLauncher")])
def test_dagster_hands_runs_to_the_pool_where_there_is_one(site, supervisor, workers, launcher):
    """The launcher asks at the socket where the pool answers, in the folder that only the owner enters."""
    wanted = site.settings.model_copy(update={"run_workers": workers})
    service = Dagster(Site(site.home, wanted, site.endpoints), supervisor)
    service.prepare()
    said = yaml.safe_load((service.folder / "dagster.yaml").read_text())
    pools = [program.command for program in service.programs() if program.name == "workers"]

    assert said["run_launcher"]["class"] == launcher
    assert said["compute_logs"]["config"]["base_dir"] == str(service.folder / "storage")
    assert len(pools) == (1 if workers else 0)
    if workers:
        socket = said["run_launcher"]["config"]["socket"]
        assert pools[0][pools[0].index("--socket") + 1] == socket
        assert pools[0][pools[0].index("--workers") + 1] == "2"
        assert stat.S_IMODE(site.home.sockets.stat().st_mode) == 0o700
