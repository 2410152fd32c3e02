"""The protocol allow-list: what a table may ask of its readers and writers, as delta-rs reads it from the log."""

from __future__ import annotations

import pytest
from deltalake import DeltaTable

from lakehouse_assets_tests.engine.lab import Lab, sale

ALLOWED = {"appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns", "timestampNtz"}
"""Others keep a reader or writer out that people use: delta-rs, pyarrow, DuckDB."""
LEGACY_WRITER_VERSION = 4
"""Up to it a version stands for exactly the features of the allow-list, save timestampNtz."""


@pytest.mark.services
def test_no_table_asks_more_of_a_reader_or_writer_than_the_allow_list(lab: Lab):
    """Bronze, silver, gold and quarantines; the log is kept as the settings say, and cleaned by maintenance alone."""
    lab.settings = lab.settings.model_copy(update={"log_retention_days": 40})
    lab.send(sale(1), b"bad", sale(2, date="1017-03-01")).ingest()

    for key in [key for table in lab.tables for key in (table.key, table.quarantine)]:
        if (table := lab.lake.open(key)) is None:
            assert key == lab.gold.quarantine
            continue
        assert features(table) <= ALLOWED, key
        properties = table.metadata().configuration
        assert properties["delta.logRetentionDuration"] == "interval 40 days"
        assert properties["delta.enableExpiredLogCleanup"] == "false"
        assert "delta.enableInCommitTimestamps" not in properties
        assert properties.get("delta.appendOnly") == ("true" if key == lab.bronze.key else None)


def features(table: DeltaTable) -> set[str]:
    protocol = table.protocol()
    assert protocol.min_writer_version <= LEGACY_WRITER_VERSION or protocol.writer_features is not None
    return {*(protocol.writer_features or ()), *(protocol.reader_features or ())}
