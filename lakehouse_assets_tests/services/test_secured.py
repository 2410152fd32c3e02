"""A broker with SASL_SSL: every client signs in, strangers don't, and no secret is left anywhere."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from lakehouse_assets.access import kafka as access
from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.sources import kafka
from lakehouse_assets.engine.spark import connect
from lakehouse_assets.services import endpoints
from lakehouse_assets.services.spark import Spark
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.lab import Lab, sale
from lakehouse_assets_tests.services import secrets

pytestmark = [pytest.mark.services, pytest.mark.slow]
TIMEOUT_SECONDS = 10


@pytest.fixture(scope="module")
def secured():
    """Kafka with SASL_SSL, S3, and Spark that writes its event log."""
    home = Path(tempfile.mkdtemp(prefix="lakehouse-secured-"))
    logged = {"spark.eventLog.enabled": "true", "spark.eventLog.dir": home.as_uri(), "spark.eventLog.compress": "false"}
    quiet = Spark.configuration
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_HOME", str(home))
        patch.setenv("LAKEHOUSE_EMBEDDED_KAFKA_SECURITY", "SASL_SSL")
        patch.setattr(Spark, "configuration", lambda self: quiet(self) | logged)
        services = Stack(load(spark_heap="1g"))
        try:
            services.up("kafka", "s3", "spark")
            yield services
        finally:
            services.down()
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def spark(secured):
    session = connect(load(), str(uuid4()))
    yield session
    session.stop()


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_both_ways_to_sign_in_work(secured, mechanism):
    settings = load(kafka_sasl_mechanism=mechanism)

    admin = AdminClient(access.client(settings))
    found = admin.list_topics(timeout=TIMEOUT_SECONDS)

    assert found.cluster_id == endpoints.read(secured.home).kafka_cluster_id


@pytest.mark.parametrize(
    "other",
    [
        {"kafka_security_protocol": "PLAINTEXT"},
        {"kafka_sasl_password": "wrong"},
        {"kafka_sasl_password": "wrong", "kafka_sasl_mechanism": "PLAIN"},
        {"kafka_ssl_ca": None},
    ],
)
def test_a_stranger_is_refused(secured, other):
    settings = load().model_copy(update=load(**other).model_dump(include=set(other)))

    admin = AdminClient(access.client(settings))
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=3)


def test_records_reach_gold_and_no_file_log_plan_or_commit_shows_a_secret(secured, spark):
    """Promise 9, with every client of Kafka at work."""
    lab = Lab(load(), spark).create_topic().send(*(sale(number) for number in range(20)))
    state = lab.state()
    plan = kafka.read(spark, lab.settings, lab.topic, [Slice(state.topic_id, 0, 0, 20)])._explain_string("extended")
    lab.ingest()

    assert lab.rows(lab.gold.key, "lines") == [{"lines": 20}]
    kept = endpoints.read(secured.home)
    hidden = [*secrets.of(kept), kept.s3_access_key]
    assert not [secret for secret in hidden if secret in plan]
    assert not [name for name in secrets.shown(secured, hidden) if not name.startswith("run/")]
    assert any(secured.home.root.glob("spark-connect*")) or any(secured.home.root.glob("*eventlog*"))
