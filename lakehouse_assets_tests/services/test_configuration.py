"""What each service is told: loopback only, no secret where a process listing shows it."""

from __future__ import annotations

import pytest

from lakehouse_assets.services.kafka import Kafka
from lakehouse_assets.services.stack import SERVICES


@pytest.mark.parametrize("name", list(SERVICES))
def test_no_command_line_holds_a_secret(name, site, supervisor):
    for program in SERVICES[name](site, supervisor).programs():
        assert "the-secret" not in " ".join(program.command)
        assert "THE-KEY" not in " ".join(program.command)


def test_sparks_properties_hold_no_secret_and_bind_to_loopback(site, supervisor):
    properties = SERVICES["spark"](site, supervisor).configuration()

    assert "the-secret" not in str(properties)
    assert properties["spark.connect.grpc.binding.address"] == "127.0.0.1"
    assert properties["spark.sql.session.timeZone"] == "UTC"


def test_kafka_keeps_old_records_and_makes_no_topic_by_itself(site, supervisor):
    lines = Kafka(site, supervisor).configuration().splitlines()

    assert "log.retention.ms=-1" in lines
    assert f"log.message.timestamp.after.max.ms={2**63 - 1}" in lines
    assert "auto.create.topics.enable=false" in lines
    assert all("127.0.0.1" in line for line in lines if "listeners=" in line and "://" in line)
