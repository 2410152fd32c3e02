from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse_assets.demo import faults
from lakehouse_assets.demo.faults import SHARES, Label
from lakehouse_assets.demo.messages import ABSURD_DATES
from lakehouse_assets_tests.demo.small_source import Landed, land, replay, source

LINES = source()
LANDED = land(replay(source(days=12, lines_a_day=2_500), 30_000)[1])


def labelled(label: Label) -> list[tuple[int, Landed]]:
    return [(place, record) for place, record in enumerate(LANDED) if record.label == label]


def good_by_grain() -> dict[tuple[str, str], tuple[int, Landed]]:
    published = [pair for label in (Label.GOOD, Label.LATE) for pair in labelled(label)]
    return {(r.line["TransactionNo"], r.line["ProductNo"]): (place, r) for place, r in published}


@given(st.integers(0, 2_500), st.integers(0, 2**31), st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_exactly_the_asked_number_of_records_is_sent(rows: int, seed: int, start: int) -> None:
    plan, sent = replay(LINES, rows, seed, start)
    assert len(sent) == len(plan.line) == rows
    assert plan.lines <= rows
    assert sorted({*plan.line.tolist()}) == list(range(plan.lines))


@given(st.integers(1, 1_000), st.integers(1, 1_000), st.integers(0, 2**31), st.integers(0, 2**31))
@settings(deadline=None, max_examples=40)
def test_a_second_replay_never_repeats_a_grain_of_the_first(a: int, b: int, seed: int, other: int) -> None:
    """Promise: a second demo, with any seed, goes on with the next lines and collides with none of the
    first's."""
    plan, first = replay(LINES, a, seed)
    _, second = replay(LINES, b, other, plan.lines)
    assert not published_grains(land(first)) & published_grains(land(second))


def published_grains(landed: list[Landed]) -> set[tuple[str, ...]]:
    published = [r.line for r in landed if faults.FATES[Label(r.label)] == faults.Fate.PUBLISHED]
    names = ("TransactionNo", "ProductNo", "event_date")
    grains = {tuple(str(line[name]) for name in names) for line in published}
    assert len(grains) == len(published)
    return grains


@given(st.integers(1, 2_000), st.integers(0, 2**31), st.integers(0, 4_000))
@settings(deadline=None, max_examples=30)
def test_the_last_records_header_says_where_to_go_on(rows: int, seed: int, start: int) -> None:
    plan, sent = replay(LINES, rows, seed, start)
    cursors = [int(dict(message.headers)["replay"] or 0) for message in sent]
    assert cursors == sorted(cursors)
    assert cursors[-1] == start + plan.lines


def test_the_same_seed_gives_the_same_topic_and_another_one_does_not() -> None:
    assert replay(LINES, 2_000, 7)[1] == replay(LINES, 2_000, 7)[1]
    assert replay(LINES, 2_000, 7)[1] != replay(LINES, 2_000, 8)[1]


def test_a_line_draws_the_same_fault_wherever_the_replay_starts() -> None:
    whole = faults.draw(LINES.window(0, 3_000), 7, 0)
    later = faults.draw(LINES.window(1_000, 2_000), 7, 1_000)
    assert whole[1_000:].tolist() == later.tolist()


@pytest.mark.parametrize("label", list(SHARES))
def test_each_fault_has_its_declared_share(label: Label) -> None:
    count = 200_000
    lines = LINES.taken(np.ones(count, np.int64))
    codes = Counter(faults.draw(lines, 7, 0).tolist())
    assert codes[faults.LABELS.index(label)] / count == pytest.approx(SHARES[label], rel=0.15)


def test_every_label_is_sent_and_has_a_fate() -> None:
    assert {record.label for record in LANDED} == set(Label) == set(faults.FATES)


def test_a_duplicate_is_identical_and_later_in_the_same_partition() -> None:
    originals = good_by_grain()
    for place, record in labelled(Label.DUPLICATE):
        first, original = originals[record.line["TransactionNo"], record.line["ProductNo"]]
        assert (record.message.value, record.message.key) == (original.message.value, original.message.key)
        assert record.message.timestamp == original.message.timestamp
        assert first < place
        assert record.partition == original.partition
        assert record.offset > original.offset


def test_a_superseded_record_differs_has_the_same_grain_and_is_later_in_the_same_partition() -> None:
    originals = good_by_grain()
    for _, record in labelled(Label.SUPERSEDED):
        _, original = originals[record.line["TransactionNo"], record.line["ProductNo"]]
        assert record.message.value != original.message.value
        assert record.line["event_date"] == original.line["event_date"]
        assert record.partition == original.partition
        assert record.offset > original.offset


def test_a_cancellation_negates_its_sale_at_a_later_moment() -> None:
    originals = good_by_grain()
    for place, record in labelled(Label.CANCELLATION):
        line = record.line
        assert line["TransactionNo"].startswith("C")
        first, original = originals[line["TransactionNo"][1:], line["ProductNo"]]
        assert line["Price"] == -original.line["Price"] < 0
        assert b'"Quantity": -' in record.message.value
        assert record.message.timestamp > original.message.timestamp
        assert first < place


def test_a_late_record_comes_after_one_of_a_later_day() -> None:
    newest: dict[int, str] = defaultdict(str)
    seen = ""
    for place, record in enumerate(LANDED):
        newest[place] = seen
        if record.label == Label.GOOD:
            seen = max(seen, record.line["event_date"])
    late = labelled(Label.LATE)
    assert late
    assert all(record.line["event_date"] < newest[place] for place, record in late)


def test_damaged_records_share_no_transaction_with_a_published_one() -> None:
    published = {grain[0] for grain in published_grains(LANDED)}
    for label in (Label.WRONG_TYPE, Label.NULL, Label.ABSURD_TIMESTAMP):
        assert labelled(label)
        assert not published & {record.line["TransactionNo"] for _, record in labelled(label)}


def test_an_absurd_record_has_its_true_time_in_kafka_only() -> None:
    for _, record in labelled(Label.ABSURD_TIMESTAMP):
        assert record.line["event_date"] in {text[:10] for text in ABSURD_DATES}
        assert 1_483_228_800_000 <= record.message.timestamp < 1_514_764_800_000


def test_a_null_record_lacks_exactly_one_field_that_may_not_be_null() -> None:
    for _, record in labelled(Label.NULL):
        text = record.message.value.decode()
        assert text.count(": null") == 1
        assert any(f'"{name}": null' in text for name in ("TransactionNo", "ProductNo", "Price", "Quantity"))
        assert record.message.key


def test_prices_in_the_manifest_have_two_decimals() -> None:
    prices = [record.line["Price"] for record in LANDED if record.line["Price"] is not None]
    assert all(isinstance(price, Decimal) and price.as_tuple().exponent == -2 for price in prices)
