"""The code that a run is executed by: of its beginning, whole; never a worker's older one."""

from __future__ import annotations

import pytest
from dagster import DagsterRunStatus

from lakehouse_assets_tests.engine.orchestration.workers.yard import eventually

SUCCESS, FAILURE = DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE


def test_a_run_that_goes_on_ends_with_its_code_and_the_next_one_has_the_new_code(place):
    place.start(wait_seconds=60)
    place.warm()
    long = place.launch("sleep", seconds=2)
    pid = place.begun(long)
    place.write_code("two")
    after = place.launch()

    assert [place.ended(long), place.ended(after)] == [SUCCESS, SUCCESS]
    assert f"code one in {pid}" in place.said(long)
    assert "code two in" in place.said(after)
    assert place.pids(after) != [pid]


def test_a_worker_without_a_run_is_replaced_when_the_code_or_where_tables_begin_changes(place):
    """So that the next run finds a warm one; definitions take the partitions of a table from the state folder."""
    place.start()
    (first,) = place.warm()
    before = place.workers()[0]["code"]
    place.write_code("two")
    second = eventually(lambda: [each["pid"] for each in place.workers("free") if each["pid"] != first])
    after = place.workers()[0]["code"]
    (place.root / "state").mkdir()
    (place.root / "state" / "beginnings.json").write_text('{"bronze/a": "2017-01-01"}')
    eventually(lambda: [each["pid"] for each in place.workers("free") if each["pid"] not in (first, *second)])

    assert after != before
    assert place.workers()[0]["code"] == after


def test_code_that_cannot_be_imported_fails_each_run_in_dagsters_words_until_it_is_mended(place):
    place.write_code("two", before="import nothing_of_this_name")
    place.start(wait_seconds=60)
    place.warm()
    broken = place.launch()
    assert place.ended(broken) == FAILURE
    assert "nothing_of_this_name" in str(place.instance.all_logs(broken))
    place.write_code("three")
    mended = place.launch()

    assert place.ended(mended) == SUCCESS
    assert "code three" in place.said(mended)


@pytest.mark.slow
def test_a_pool_whose_workers_do_not_start_takes_no_run(place):
    """The launcher then goes its other way; here nobody answers there."""
    place.write_code("two", before="import os; os._exit(7)")
    place.start()
    eventually(
        lambda: "exit code 7" in place.instance.run_launcher.get_run_worker_debug_info(place.record(place.run()))
    )
    eventually(lambda: place.log.count("exit code 7") >= 3)
    taken = place.ask("take", run="a-run")

    assert taken["taken"] is False
    assert "exit code 7" in taken["why"]
