"""The same code means the same on a Spark that is set otherwise in whatever changes a result (promise 13)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from deltalake import DeltaTable

from lakehouse_assets.engine.spark import connect, fit
from lakehouse_assets.services.spark import Spark
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import Settings, load
from lakehouse_assets_tests.engine.lab import Lab, sale

pytestmark = [pytest.mark.services, pytest.mark.slow]
ZONE = "America/New_York"
OTHERWISE = {
    "spark.sql.session.timeZone": ZONE,
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.legacy.timeParserPolicy": "LEGACY",
    "spark.sql.legacy.castComplexTypesToString.enabled": "true",
    "spark.sql.legacy.parser.havingWithoutGroupByAsWhere": "true",
    "spark.sql.legacy.statisticalAggregate": "true",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.caseSensitive": "true",
    "spark.sql.storeAssignmentPolicy": "LEGACY",
    "spark.sql.mapKeyDedupPolicy": "LAST_WIN",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.parser.escapedStringLiterals": "true",
    "spark.sql.parser.quotedRegexColumnNames": "true",
    "spark.sql.groupByOrdinal": "false",
    "spark.sql.jsonGenerator.ignoreNullFields": "false",
    "spark.sql.sources.default": "json",
    "spark.sql.sources.partitionOverwriteMode": "dynamic",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "LEGACY",
    "spark.sql.parquet.writeLegacyFormat": "true",
    "spark.sql.execution.arrow.useLargeVarTypes": "true",
    "spark.databricks.delta.schema.autoMerge.enabled": "true",
    "spark.databricks.delta.properties.defaults.enableDeletionVectors": "true",
    "spark.databricks.delta.commitInfo.userMetadata": "left over",
    "spark.databricks.delta.replaceWhere.constraintCheck.enabled": "false",
}
OWN = {"topic_id", "losers", "set_aside_at"}
"""Columns that differ between two topics."""
RECORDS = (
    sale(1, date="2017-03-01T02:00:00Z"),
    sale(2, date="2017-03-01T23:30:00-05:00"),
    sale(3, date="2017-03-12T02:30:00Z", price=0.1, Quantity=3),
    sale(4, date="1583-01-02T00:00:00Z"),
    sale(5, date="2017-3-1"),
    sale(6, date="2017-03-02", country="US", Country="NO"),
    sale(7, price="12,50"),
    sale(8, price=1e300),
    sale(9, Quantity=2**40),
    sale(1, date="2017-03-01T02:00:00Z"),
    b'{"broken',
)


@pytest.fixture
def otherwise(services: Settings) -> Iterator[Settings]:
    """The session's Kafka and S3, and a Spark of its own whose every default is another one, Java's zone too."""
    home, usual, shared = Path(tempfile.mkdtemp(prefix="lakehouse-otherwise-")), Spark.configuration, Spark._shared
    given = {
        name: getattr(services, name) for name in type(services).model_fields if name.startswith(("kafka_", "s3_"))
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Spark, "configuration", lambda self: usual(self) | OTHERWISE)
        patch.setattr(Spark, "_shared", lambda self: [each.replace("=UTC", f"={ZONE}") for each in shared(self)])
        running = Stack(load(home=home, spark_heap="1g", **given))
        try:
            running.up("spark")
            yield load(home=home, **given)
        finally:
            running.down()
            shutil.rmtree(home, ignore_errors=True)


def ingest(settings: Settings, **session: str) -> Lab:
    lab = Lab(settings, connect(settings, str(uuid4()))).create_topic().send(*RECORDS)
    fit(lab.spark, records=1)
    for name, value in session.items():
        lab.spark.conf.set(f"spark.sql.{name}", value)
    return lab.ingest()


def content(lab: Lab) -> dict[str, list[dict[str, Any]]]:
    """The rows of every table, in order of what they say."""
    bronze, silver, gold = lab.tables
    keys = {
        "bronze": bronze.key,
        "late": bronze.quarantine,
        "silver": silver.key,
        "bad": silver.quarantine,
        "gold": gold.key,
    }
    return {name: sorted((bare(row) for row in lab.rows(key)), key=repr) for name, key in keys.items()}


def bare(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in OWN}


def test_a_batch_gives_the_same_rows_on_a_server_where_everything_is_set_otherwise(services, otherwise):
    usual, other = ingest(services), ingest(otherwise)

    expected, found = content(usual), content(other)
    assert found == expected
    days = {row["offset"]: row["event_date"] for row in found["bronze"]}
    assert days[0] == date(2017, 3, 1)
    assert days[1] == date(2017, 3, 2)
    table = DeltaTable(other.lake.uri(other.silver.key), storage_options=other.storage_options())
    assert "delta.enableDeletionVectors" not in table.metadata().configuration


def test_this_test_can_fail(services):
    """A zone of its own files records on other days."""
    usual, zoned = content(ingest(services)), ingest(services, **{"session.timeZone": ZONE})

    assert [row["event_date"] for row in usual["bronze"]] != [row["event_date"] for row in content(zoned)["bronze"]]
