"""What is told no second time, what ends by itself, and what was never a failure."""

from __future__ import annotations

from lakehouse_assets import stops
from lakehouse_assets.engine.alerts import check_results
from lakehouse_assets_tests.engine.alerts.test_rounds import both


def test_a_rebuild_that_finds_the_warnings_of_earlier_batches_tells_nothing_new(bench, mail, hook):
    """30 rows in each of two batches are the 30 of each of two days; those of a third day are new, and told once."""
    bench.set(alerts_warn_hold_seconds=0.0)
    both(bench, mail, hook)
    bench.judge(False, True, False, True, warn=True)
    bench.round()
    told = len(hook.titles)
    for _ in range(2):
        bench.judge(False, warn=True, days=("2017-03-01", "2017-03-02"))
        bench.round()
    assert len(hook.titles) == told
    bench.judge(False, warn=True, days=("2017-03-02", "2017-03-03"))
    bench.round()
    assert hook.titles[told:] == ["[WARN] silver/sales/transactions: Price not null fails on 2017-03-03"]
    bench.judge(False, days=("2017-03-01",))
    bench.round()
    assert len(hook.titles) == told + 2


def test_an_incident_is_over_when_its_rule_is_gone(bench, mail, hook, monkeypatch):
    """Nobody will ever say that it passes: the table has another rule now, or this one under another name."""
    both(bench, mail, hook)
    bench.judge(False, days=("2017-03-01", None))
    bench.round()
    bench.round()
    assert len(hook.titles) == 1
    monkeypatch.setattr(check_results.checks, "specs", lambda table: [])
    bench.round()
    gone = "Price not null is no rule of the table any more"
    assert hook.titles[1:] == [f"[RECOVERED] silver/sales/transactions: {gone} on 2017-03-01"]
    assert bench.outbox.incidents() == {}


def test_a_run_cut_off_by_a_stop_on_purpose_alerts_nobody(bench, mail, hook):
    """It may be found dead only after the next start. One that failed before a stop, or began after it, is told."""
    both(bench, mail, hook)
    home = bench.settings.home
    bench.run(True, name="failed_before")
    bench.run(True, name="cut_off", meanwhile=lambda: stops.record(home))
    bench.run(True, name="failed_later")
    bench.round()

    assert sorted(title.split("run of ")[1] for title in hook.titles) == ["failed_before failed", "failed_later failed"]
