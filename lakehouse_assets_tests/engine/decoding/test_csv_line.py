"""CSV lines: each cell is of its type exactly, or named; Python's own reader says what the cells are."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from decimal import Decimal

import pyspark.sql.types as T
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse_assets.engine.decoding import CsvLine, Epoch
from lakehouse_assets.engine.decoding.csv_cells import LINES, NOT_A_LINE, QUOTES
from lakehouse_assets.engine.decoding.documents import NOT_UTF8
from lakehouse_assets.errors import ContractError
from lakehouse_assets_tests.engine.decoding.decoded import decoded, event_times, reasons

pytestmark = pytest.mark.services

TEXTS = CsvLine({"a": T.StringType(), "b": T.StringType(), "c": T.StringType()})
TYPED = CsvLine(
    {
        "offset": T.LongType(),
        "paid": T.DecimalType(5, 2),
        "ratio": T.DoubleType(),
        "flag": T.BooleanType(),
        "day": T.DateType(),
        "at": T.TimestampType(),
        "ms": Epoch("millis"),
    },
    delimiter=";",
    columns={"offset": "till_offset"},
)


def test_cells_are_of_their_type_exactly(spark):
    """An empty cell is null and readable; nothing is rounded, trimmed or guessed."""
    good, empty, wrong = decoded(
        spark,
        TYPED,
        [
            b"-7;999.990;1e3;TRUE;2026-02-28;2026-02-28T10:00:00+01:00;1700000000000.5",
            b";;;;;;",
            "7.0;1000;1e999;yes;2026-02-30;10:00;\u202e1".encode(),
        ],
    )

    names = ["till_offset", "paid", "ratio", "flag", "day", "at", "ms"]
    assert [good[name] for name in names] == [
        *(-7, Decimal("999.99"), 1000.0, True, date(2026, 2, 28)),
        *(datetime(2026, 2, 28, 9), datetime(2023, 11, 14, 22, 13, 20, 500)),
    ]
    assert [[row[name] for name in names] for row in (empty, wrong)] == [[None] * 7] * 2
    assert [good["unreadable"], empty["unreadable"]] == [[], []]
    assert reasons(wrong) == {
        "offset: not a bigint": "7.0",
        "paid: not a decimal(5,2)": "1000",
        "ratio: not a double": "1e999",
        "flag: not a boolean": "yes",
        "day: not a date": "2026-02-30",
        "at: not a timestamp": "10:00",
        "ms: not a timestamp in epoch millis": r"\u202E1",
    }


FAULTS = {
    b"a,b": ("value: not 3 cells", "2"),
    b"a,b,c,d": ("value: not 3 cells", "4"),
    b"": ("value: not 3 cells", "1"),
    None: (NOT_A_LINE, None),
    b'a,"b,c': (QUOTES, None),
    b'a,b"b,c"': (QUOTES, None),
    b'a,"b"x,c': (QUOTES, None),
    b'a,x"b",c': (QUOTES, None),
    b'a,""",c': (QUOTES, None),
    b"a,b,c\nd,e,f": (LINES, None),
    b"a,b,c\n\n": (LINES, None),
    b"a,b,\xff": (NOT_UTF8, "line 1, byte 5"),
}
LINES_READ = {
    b'"a,1","b""2""","c\n3"\r\n': ("a,1", 'b"2"', "c\n3"),
    b"a,,c\n": ("a", None, "c"),
    b'"",,"""': None,
    b'"","""",': ("", '"', None),
    b"\xef\xbb\xbfa,b,c": ("a", "b", "c"),
    b"a, b ,\tc": ("a", " b ", "\tc"),
}


def test_what_is_no_line_of_so_many_cells_says_why(spark):
    for row, (reason, came) in zip(decoded(spark, TEXTS, [*FAULTS]), FAULTS.values(), strict=True):
        assert reasons(row) == {reason: came}
        assert [row[name] for name in "abc"] == [None] * 3


def test_quotes_hold_delimiters_line_ends_and_quotes(spark):
    for row, cells in zip(decoded(spark, TEXTS, [*LINES_READ]), LINES_READ.values(), strict=True):
        assert [row[name] for name in "abc"] == [*(cells or (None,) * 3)]
        assert bool(row["unreadable"]) == (cells is None)


CELLS = st.lists(
    st.text(st.sampled_from('ab",;\r\n \t|é🥛\\0') | st.characters(codec="utf-8", exclude_characters="\0"), max_size=6),
    min_size=3,
    max_size=3,
)


@settings(max_examples=8)
@given(rows=st.lists(CELLS, min_size=20, max_size=40), delimiter=st.sampled_from(",;|\t§"))
def test_what_python_writes_is_read(interpreted, rows, delimiter):
    """All cells are in quotes: then none is null."""
    lines = [_written(cells, delimiter) for cells in rows]

    found = decoded(interpreted, CsvLine(TEXTS.fields, delimiter=delimiter), [line.encode() for line in lines])

    assert [([row[name] for name in "abc"], row["unreadable"]) for row in found] == [(cells, []) for cells in rows]


def _written(cells: list[str], delimiter: str) -> str:
    into = io.StringIO()
    csv.writer(into, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerow(cells)
    return into.getvalue()


@settings(max_examples=8)
@given(lines=st.lists(st.text(st.sampled_from('ab,"\n'), max_size=12), min_size=30, max_size=60))
def test_python_reads_the_same_cells_or_there_is_a_reason(interpreted, lines):
    """A line that Python's strict reader refuses, or takes for another number of cells or lines, is set aside."""
    for line, row in zip(lines, decoded(interpreted, TEXTS, [line.encode() for line in lines]), strict=True):
        if not row["unreadable"]:
            [cells] = csv.reader(io.StringIO(line, newline=""), strict=True)
            assert [row[name] or "" for name in "abc"] == cells
        elif row["unreadable"] != [QUOTES]:
            assert _cells(line) != 3


def _cells(line: str) -> int | None:
    """Of the one line that it is; None where it is not."""
    try:
        found = [*csv.reader(io.StringIO(line, newline=""), strict=True)]
    except csv.Error:
        return None
    return len(found[0]) if len(found) == 1 else None


def test_the_event_time_is_that_of_the_cell(spark):
    lines = [b"1;;;;;2026-02-28T10:00:00Z;", b"1;;;;;later;", b"1;2", None, b"1;;;;2026-02-01;;5"]

    assert event_times(spark, TYPED, lines, "at") == [datetime(2026, 2, 28, 10), None, None, None, None]
    assert event_times(spark, TYPED, lines, "ms")[-1] == datetime(1970, 1, 1, 0, 0, 0, 5000)
    assert event_times(spark, TYPED, lines, "day")[-1] == datetime(2026, 2, 1)


@pytest.mark.parametrize(
    ("fields", "delimiter", "named"),
    [
        ({"a": T.ArrayType(T.StringType())}, ",", "a"),
        ({"a": T.StringType()}, '"', '"'),
        ({"a": T.StringType()}, "ab", "ab"),
        ({}, ",", "0 cells"),
        ({"offset": T.StringType()}, ",", "offset"),
    ],
)
def test_what_cannot_be_read_is_refused_when_it_is_declared(fields, delimiter, named):
    with pytest.raises(ContractError, match=named):
        CsvLine(fields, delimiter=delimiter)


def test_only_a_declared_time_is_an_event_time():
    for path in (("paid",), ("nothing",), ("at", "x")):
        with pytest.raises(ContractError, match=path[0]):
            TYPED.event_time(*path)
