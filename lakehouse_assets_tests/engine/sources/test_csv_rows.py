"""CSV read strictly: every row with its byte offset, or one reason for the whole file."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.engine.sources.csv_rows import parse

REQUIRED = ("No", "Name")
CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8), ends=st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_wrote_is_read_back_at_the_offsets_of_its_lines(rows, ends):
    """Quotes, commas, line ends and any characters inside of cells survive; the oracle is what was written."""
    text, offsets = io.StringIO(), []
    writer = csv.writer(text, lineterminator=ends, quoting=csv.QUOTE_ALL)
    writer.writerow(["No", "Name", "More"])
    for row in rows:
        offsets.append(len(text.getvalue().encode()))
        writer.writerow(row)

    parsed = parse(text.getvalue().encode(), REQUIRED)

    assert parsed.fault is None
    assert [tuple(json.loads(row.value).values()) for row in parsed.rows] == rows
    assert [row.offset for row in parsed.rows] == offsets


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "line 1: the file is empty"),
        (b"No,Name\n1,a\n2\n", "line 3: 1 cell, the header has 2; none for column 'Name'"),
        (b"No,Name\n1,a,b\n", "line 2: 3 cells, the header has 2; too many after column 'Name'"),
        (b"No,Name\n1,a\n\n2,b\n", "line 3: 0 cells"),
        (b"No,Title\n1,a\n", "line 1: no column 'Name'; the header has 'No', 'Title'"),
        (b"No,name\n1,a\n", "line 1: no column 'Name'"),
        (b"No,Name,Name\n1,a,b\n", "line 1: column 'Name' comes 2 times"),
        (b"No,Name\n1,a\n2,\xff\n", "line 3, byte 3 (0xff): not UTF-8"),
        (b"No,Name\n1,a\n2,b", "line 3: no line end after the last row"),
        (b"No,Name\n1,a\n2", "line 3: no line end after the last row"),
        (b"No,Name", "line 1: no line end"),
        ("No,Name\n".encode("utf-16"), "line 1, byte 1 (0xff): not UTF-8"),
        (b'No,Name\n1,"a\n2,b\n', "line 2: unexpected end of data"),
        (b'No,Name\n1,"a"b\n', "line 2: ',' expected after '\"'"),
    ],
)
def test_a_file_that_cannot_be_trusted_gives_no_row_and_one_reason(body, fault):
    """The reason names the line, and the column where it is one."""
    parsed = parse(body, REQUIRED)

    assert parsed.rows == ()
    assert parsed.fault is not None
    assert parsed.fault.startswith(fault)


def test_a_byte_order_mark_and_further_columns_are_taken():
    """What spreadsheets write, and what a source adds later."""
    parsed = parse(b"\xef\xbb\xbfNo,Name,Size\n1,a,9\n", REQUIRED)

    assert parsed.fault is None
    assert [json.loads(row.value) for row in parsed.rows] == [{"No": "1", "Name": "a", "Size": "9"}]
    assert parsed.rows[0].offset == 16


def test_a_header_alone_is_a_file_without_rows():
    """An empty list of products is valid."""
    assert parse(b"No,Name\n", REQUIRED).fault is None
