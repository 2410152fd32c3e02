"""What happens in Dagster arrives by mail and webhook: once when it starts and once when it is over."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from dagster import AssetMaterialization, DagsterInstance

from lakehouse_assets.engine.alerts import delivery, event_log, watches
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.gold.sales_daily_revenue import table as gold
from lakehouse_assets_tests.engine.alerts.receivers import Hook, Mail

EVERYTHING = 'default = ["mail", "hook"]\n[channels]\nmail = "{mail}"\nhook = "{hook}"\n'


def both(bench, mail, hook) -> None:
    bench.route(EVERYTHING.format(mail=mail.url, hook=hook.url))


def test_a_failed_check_is_told_once_and_once_more_when_it_passes(disk_bench, mail, hook):
    """A check that fails no run: with table, day, rule, counts, samples, owner and a link."""
    bench = disk_bench
    both(bench, mail, hook)
    for passed in (True, False, False, True, True):
        bench.judge(passed, days=("2017-03-01",))
        bench.round()

    subject = "silver/sales/transactions: Price not null"
    told = [f"[ERROR] {subject} fails on 2017-03-01", f"[RECOVERED] {subject} passes again on 2017-03-01"]
    assert mail.titles == hook.titles == told
    assert mail.ids == hook.ids
    assert len(set(mail.ids)) == 2
    lines = mail.bodies[0].splitlines()
    assert lines[:5] == [
        "Table: silver/sales/transactions",
        "Partition: 2017-03-01",
        "Rule: Price_not_null",
        "Severity: error",
        "Owner: team:sales-data",
    ]
    assert "Rows: 1,200" in lines
    assert "Rows breaking: 30" in lines
    assert "Share: 2.50%" in lines
    assert lines.count("Samples:") == 1
    assert len([line for line in lines if "coordinate=0:" in line]) == 5
    assert "Page: http://ui/assets/silver/sales/transactions?view=checks&checkDetail=Price_not_null" in lines


def test_rules_that_fail_in_one_batch_are_one_message(bench, mail, hook):
    """It names them all; it is over when the last of them holds again."""
    both(bench, mail, hook)
    rules = ("Price_not_null", "Quantity_not_null", "Country_not_null")
    bench.judge(False, rules=rules)
    bench.round()
    bench.judge(True, rules=rules[:2])
    bench.round()
    assert len(mail.titles) == 1
    bench.judge(True, rules=rules[2:])
    bench.round()

    subject = "silver/sales/transactions: 3 rules fail"
    assert mail.titles == hook.titles == [f"[ERROR] {subject}", f"[RECOVERED] {subject} no more"]
    lines = mail.bodies[0].splitlines()
    assert f"Rules: {', '.join(rules)}" in lines
    assert "  Quantity_not_null: rows 1,200, rows breaking 30, share 2.50%" in lines
    assert "Page: http://ui/assets/silver/sales/transactions?view=checks" in lines


def test_a_short_incident_between_two_looks_is_two_messages(bench, mail, hook):
    both(bench, mail, hook)
    bench.judge(False, True)
    bench.round()
    assert [title.split()[0] for title in hook.titles] == ["[ERROR]", "[RECOVERED]"]


def test_a_rule_that_sets_rows_aside_now_and_then_is_one_incident(bench, mail, hook):
    """Every other batch has bad rows: one message, and one more once the rule has held long enough."""
    both(bench, mail, hook)
    for passed in (False, True) * 5:
        bench.judge(passed, warn=True)
        bench.round()
    assert [title.split()[0] for title in mail.titles] == ["[WARN]"]


def test_a_rule_that_has_held_for_long_enough_is_over(bench, mail, hook):
    """No further batch is needed for that."""
    both(bench, mail, hook)
    bench.set(alerts_warn_hold_seconds=2.0)
    bench.judge(False, True, warn=True)
    bench.round()
    assert len(mail.titles) == 1
    time.sleep(2.0)
    bench.round()
    assert [title.split()[0] for title in mail.titles] == ["[WARN]", "[RECOVERED]"]


def test_a_backfill_that_breaks_many_days_is_one_message(bench, mail, hook):
    """Its days may come in several looks; so is its end."""
    both(bench, mail, hook)
    bench.set(alerts_settle_seconds=0.5)
    days = tuple(f"2017-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 6))
    for part in (days[:40], days[40:]):
        bench.judge(False, days=part)
        bench.round()
    time.sleep(0.6)
    bench.round()
    bench.judge(True, days=days)
    bench.round()

    assert mail.titles == [
        "[ERROR] silver/sales/transactions: Price not null fails on 60 days",
        "[RECOVERED] silver/sales/transactions: Price not null passes again on 60 days",
    ]
    partition = next(line for line in mail.bodies[0].splitlines() if line.startswith("Partition: "))
    assert partition.endswith("2017-01-05 and 55 more, 60 in all")


def test_a_failed_run_is_over_when_its_job_succeeds(bench, mail, hook):
    """What a foreign error says may quote a row: only its name is told."""
    both(bench, mail, hook)
    for fails in (True, True, False):
        run_id = bench.run(fails)
        bench.round()

    assert [title.split("]")[0] for title in hook.titles] == ["[ERROR", "[RECOVERED"]
    assert hook.titles[0] == "[ERROR] silver/sales/transactions: run of ingest_sales_transactions failed"
    assert "Error: OSError" in hook.bodies[0]
    assert "4711" not in "".join(hook.bodies)
    assert run_id not in hook.bodies[0]


def test_a_run_that_dagster_starts_again_has_not_failed_yet(bench, mail, hook):
    both(bench, mail, hook)
    bench.run(True, tags={"dagster/will_retry": "true"})
    bench.round()
    assert hook.titles == []
    bench.run(True, tags={"dagster/will_retry": "false"})
    bench.round()
    assert len(hook.titles) == 1


def test_a_stale_table_is_over_when_it_changes(bench, mail, hook):
    both(bench, mail, hook)
    bench.tables = (replace(gold, freshness_hours=1.0 / 3600),)
    for _ in range(2):
        bench.instance.report_runless_asset_event(AssetMaterialization(gold.asset_key, partition="2017-03-01"))
        bench.round()
        time.sleep(1.1)
        bench.round()
    assert [title.split(":")[0] for title in mail.titles] == [
        "[WARN] gold/sales/daily_revenue",
        "[RECOVERED] gold/sales/daily_revenue",
        "[WARN] gold/sales/daily_revenue",
    ]


def test_nothing_is_lost_while_a_channel_is_down(bench, mail):
    """The other channel is not held up; what waited comes in order, once."""
    down = Hook()
    both(bench, mail, down)
    for passed in (False, True, False, True):
        bench.judge(passed)
        told = bench.round()
        time.sleep(0.03)
    assert len(mail.titles) == 4
    assert told.waiting == 4
    assert "S3cretToken" not in told.line
    with down.up():
        time.sleep(0.03)
        assert bench.round().waiting == 0
        assert bench.round().sent == 0
    assert down.ids == mail.ids


def test_a_mail_server_that_comes_back_gets_everything(bench, hook):
    down = Mail()
    both(bench, down, hook)
    bench.judge(False)
    assert bench.round().waiting == 1
    with down.up():
        time.sleep(0.03)
        bench.round()
    assert down.ids == hook.ids
    assert len(down.ids) == 1


def test_a_channel_that_refuses_is_tried_again(bench, mail, hook):
    both(bench, mail, hook)
    hook.refuse = 503
    bench.judge(False)
    assert "503" in bench.round().line
    hook.refuse = None
    time.sleep(0.03)
    bench.round()
    assert len(hook.ids) == 1


def test_one_message_that_is_always_refused_holds_up_no_other(bench, mail, hook, monkeypatch):
    """It is put off, stays in the outbox, and goes when the channel takes it."""
    monkeypatch.setattr(delivery, "DOUBTFUL_TRIES", 2)
    both(bench, mail, hook)
    hook.refuse_title = "[ERROR] silver/sales/transactions: Price not null fails"
    bench.judge(False)
    bench.judge(False, True, table=gold)
    for _ in range(4):
        told = bench.round()
        time.sleep(0.03)
    assert [title.split(":")[0] for title in hook.titles] == [
        "[ERROR] gold/sales/daily_revenue",
        "[RECOVERED] gold/sales/daily_revenue",
    ]
    assert told.waiting == 1
    hook.refuse_title = ""
    bench.round()
    assert {*hook.ids} == {*mail.ids}
    assert len(hook.ids) == 3


def test_messages_wait_for_routes_that_can_be_read(bench, mail, hook):
    """A fault in the file loses nothing and silences no watch."""
    bench.route("default = [")
    bench.judge(False)
    told = bench.round()
    assert told.waiting == 1
    assert "it is no TOML" in told.line

    both(bench, mail, hook)
    bench.round()
    assert len(hook.titles) == len(mail.titles) == 1


def test_without_routes_incidents_are_kept_and_nobody_is_told(bench):
    bench.judge(False)
    told = bench.round()
    assert (told.open, told.waiting, told.problems) == (1, 0, ())


def test_a_recovery_goes_where_the_start_went(bench, mail, hook):
    """Also when the routes have changed meanwhile."""
    bench.route(f'default = ["mail"]\n[channels]\nmail = "{mail.url}"\nhook = "{hook.url}"\n')
    bench.judge(False)
    bench.round()
    bench.route(f'default = ["hook"]\n[channels]\nmail = "{mail.url}"\nhook = "{hook.url}"\n')
    bench.judge(True)
    bench.round()
    assert len(mail.titles) == 2
    assert hook.titles == []


def test_a_deleted_dagster_home_is_read_from_its_start(bench, mail, hook):
    """Its events are numbered from 1 again."""
    both(bench, mail, hook)
    bench.judge(True, True, True)
    bench.judge(True, True, True)
    bench.round()
    with DagsterInstance.ephemeral() as bench.instance:
        bench.judge(False)
        bench.round()
    assert len(hook.titles) == 1


def test_an_event_that_appears_late_is_not_missed(bench, monkeypatch):
    """On PostgreSQL a lower number may be committed after a higher one."""
    bench.judge(False, True, False)
    kind = event_log.DagsterEventType.ASSET_CHECK_EVALUATION
    whole, _ = event_log.read(bench.instance, kind, event_log.Cursor(), time.time())
    late = whole[1].storage_id
    ask = event_log._ask
    monkeypatch.setattr(event_log, "_ask", lambda *a, **k: [each for each in ask(*a, **k) if each.storage_id != late])
    first, cursor = event_log.read(bench.instance, kind, event_log.Cursor(), time.time())
    monkeypatch.setattr(event_log, "_ask", ask)
    second, cursor = event_log.read(bench.instance, kind, cursor, time.time())
    third, _ = event_log.read(bench.instance, kind, cursor, time.time())
    assert [each.storage_id for each in first] == [whole[0].storage_id, whole[2].storage_id]
    assert [each.storage_id for each in second] == [late]
    assert third == []


def test_a_watch_that_fails_silences_no_other(bench, mail, hook, monkeypatch):
    """The round tells what the others saw, then fails."""
    both(bench, mail, hook)
    quick = {"broken": lambda _scene, _memory: 1 / 0, **watches.QUICK}
    monkeypatch.setattr(watches, "QUICK", quick)
    bench.judge(False)
    with pytest.raises(LakehouseError, match="ZeroDivisionError"):
        bench.round()
    assert len(hook.titles) == 1
