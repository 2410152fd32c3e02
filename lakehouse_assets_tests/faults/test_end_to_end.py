"""The sensor in the running daemon carries every record to gold, once, also when a run is killed."""

from __future__ import annotations

import pytest

from lakehouse_assets_tests.faults.site import Site

pytestmark = pytest.mark.services

ROWS = 2000
MID_RUN_SECONDS = 7.0


def test_records_reach_gold_by_the_sensor_alone(site: Site):
    site.send(ROWS)
    site.assert_consistent()


def test_a_run_killed_in_the_middle_loses_and_doubles_nothing(site: Site):
    known = set(site.runs())
    site.send(ROWS)
    site.kill_next_run(known, MID_RUN_SECONDS)
    site.assert_consistent()
