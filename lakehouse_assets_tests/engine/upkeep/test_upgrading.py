"""A table of the first release is brought to where runs write its small batches themselves; nothing of it moves."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from lakehouse_assets.cli import app, upgrades
from lakehouse_assets.engine.upkeep.restating import forget
from lakehouse_assets.engine.writing import delta, protocol
from lakehouse_assets_tests.engine import expectation
from lakehouse_assets_tests.engine.expectation import Sent
from lakehouse_assets_tests.engine.lab import Lab
from lakehouse_assets_tests.engine.writing.test_deduplication import silver_of
from lakehouse_assets_tests.engine.writing.test_earlier_tables import THE_FIRST, as_spark_made, engines, taken_in

pytestmark = [pytest.mark.services, pytest.mark.slow]


def upgraded(lab: Lab, monkeypatch) -> str:
    """What the command says of silver."""
    monkeypatch.setattr(upgrades, "known_table", lambda _: lab.silver)
    done = CliRunner().invoke(app, ["upgrade", lab.silver.key])
    assert done.exit_code == 0, done.output
    return done.output


def test_an_upgrade_drops_what_kept_runs_from_writing_and_a_second_one_finds_nothing(lab: Lab, monkeypatch):
    """Of the table and its quarantine; rows and position stay, and the log may be cleaned."""
    sent = list[Sent]()
    with monkeypatch.context() as patch:
        patch.setattr(delta.Target, "create", as_spark_made(THE_FIRST))
        taken_in(lab, sent)
    rows, position = lab.rows(lab.silver.key), lab.position(lab.silver)
    keys = [lab.silver.key, lab.silver.quarantine]

    said = upgraded(lab, monkeypatch)
    again = upgraded(lab, monkeypatch)

    assert said.splitlines() == [f"{key}: inCommitTimestamp is dropped" for key in keys]
    assert again.splitlines() == [f"{key}: nothing to do" for key in keys]
    assert (lab.rows(lab.silver.key), lab.position(lab.silver)) == (rows, position)
    since = lab.lake.version(lab.silver.key)
    taken_in(lab.written_by("run"), sent)
    assert silver_of(lab) == expectation.silver(sent)
    assert engines(lab.lake.open(lab.silver.key), since) == {"delta-rs"}
    assert forget(lab.lake, lab.silver.key, since)


def test_what_spark_will_not_drop_is_told_and_left(lab: Lab, monkeypatch):
    """Nothing is dropped that others may rely on; the command ends with 1."""
    lab.send(b"broken").ingest()
    target = delta.Target(lab.spark, lab.lake, lab.silver.key)
    lab.spark.sql(
        f"ALTER TABLE {target.sql} SET TBLPROPERTIES ('delta.feature.identityColumns' = 'supported')"
    ).collect()
    monkeypatch.setattr(upgrades, "known_table", lambda _: lab.silver)

    done = CliRunner().invoke(app, ["upgrade", lab.silver.key])

    assert done.exit_code == 1
    assert "identityColumns is not dropped: " in done.output
    assert protocol.barriers(lab.lake.open(lab.silver.key)) == {"identityColumns"}
