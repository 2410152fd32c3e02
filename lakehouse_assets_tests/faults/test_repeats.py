"""What a manifest says of records that are in the topic twice."""

from __future__ import annotations

import pytest

from lakehouse_assets_tests.faults.repeats import labelled


def entry(label: str) -> dict[str, str]:
    return {"label": label, "event_date": "2017-01-01"}


def test_without_repeats_the_manifest_stays_as_it_is():
    book = {(0, 0): entry("good"), (0, 1): entry("malformed")}

    assert labelled({(0, 0): b"a", (0, 1): b"b", (0, 2): b"nobody's"}, book) == book


@pytest.mark.parametrize("label", ["good", "cancellation", "late"])
@pytest.mark.parametrize("reported", [[0], [1], [0, 1]])
def test_the_first_of_two_is_published_whichever_was_reported(label, reported):
    book = {(0, at): entry(label) for at in reported}

    assert labelled({(0, 0): b"a", (0, 1): b"a"}, book) == {(0, 0): entry(label), (0, 1): entry("duplicate")}


def test_a_repeat_after_one_that_was_meant_is_one_more_duplicate():
    book = {(0, 0): entry("good"), (0, 1): entry("duplicate")}

    told = labelled({(0, 0): b"a", (0, 1): b"a", (0, 2): b"a"}, book)

    assert [told[0, at]["label"] for at in range(3)] == ["good", "duplicate", "duplicate"]


def test_of_one_of_which_only_the_duplicate_was_reported_the_first_is_published():
    told = labelled({(0, 0): b"a", (0, 1): b"a"}, {(0, 1): entry("duplicate")})

    assert [told[0, at]["label"] for at in range(2)] == ["good", "duplicate"]


@pytest.mark.parametrize("label", ["malformed", "superseded", "absurd_timestamp"])
def test_what_is_not_published_has_the_same_fate_each_time(label):
    assert labelled({(0, 0): b"a", (0, 1): b"a"}, {(0, 1): entry(label)}) == dict.fromkeys(
        [(0, 0), (0, 1)], entry(label)
    )
