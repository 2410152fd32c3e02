"""CSV read strictly: every row with its byte offset, or one reason for the whole file."""

from __future__ import annotations

import csv
import gzip
import io
import json
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.bronze.sales_products import table as products
from lakehouse_assets.engine.sources.csv_format import Csv
from lakehouse_assets.engine.sources.csv_rows import parse
from lakehouse_assets.engine.sources.csv_text import FaultError, unpacked
from lakehouse_assets.errors import ContractError
from lakehouse_assets_tests.engine.sources.hostile_files import hostile

REQUIRED = ("No", "Name")
CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
ASCII_CELLS = st.text(st.characters(max_codepoint=127, exclude_characters="\x00"), max_size=12)
NUMBERS = st.integers(0, 3)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
FORMS = st.builds(
    Csv,
    delimiter=st.sampled_from([",", ";", "\t", "|", " ", "\x1f"]),
    quote=st.sampled_from(['"', "'"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16", "utf-16-be", "utf-32", "shift_jis"]),
    header=st.sampled_from([None, ("No", "Name", "More")]),
)


def cells_of(parsed) -> list[tuple[str, ...]]:
    assert parsed.fault is None, parsed.fault
    return [tuple(json.loads(row.value).values()) for row in parsed.rows]


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

    assert cells_of(parsed) == rows
    assert [row.offset for row in parsed.rows] == offsets


def written(rows: list[tuple[str, ...]], form: Csv, end: str, *, cut: bool, empty: int) -> tuple[bytes, list[int]]:
    """A file in a form, and where each row begins; made by hand, without any CSV writer."""
    lines = [row if form.header else (*row,) for row in rows]
    named = [] if form.header else [("No", "Name", "More")]
    encoding, begin = ("utf-8", b"\xef\xbb\xbf") if form.encoding == "utf-8-sig" else (form.encoding, b"")
    if encoding in ("utf-16", "utf-32"):
        begin, encoding = "\ufeff".encode(f"{encoding}-le"), f"{encoding}-le"
    body, offsets = begin, []
    for number, row in enumerate([*named, *lines]):
        offsets += [len(body) if number or encoding != "utf-8" else 0] if number >= len(named) else []
        quoted = [form.quote + cell.replace(form.quote, form.quote * 2) + form.quote for cell in row]
        body += form.delimiter.join(quoted).encode(encoding) + end.encode(encoding)
    trailing = len(end.encode(encoding))
    body = body[:-trailing] if cut and (named or lines) else body + end.encode(encoding) * empty
    return body, offsets


@given(
    st.lists(st.tuples(ASCII_CELLS, ASCII_CELLS, ASCII_CELLS), max_size=5),
    FORMS,
    ENDS,
    st.booleans(),
    st.integers(0, 3),
)
def test_each_declared_form_is_read_as_it_was_written(rows, form, end, cut, empty):
    """Delimiter, quote, encoding, mark, names, any line end; with or without the last one, or empty lines after it."""
    if form.encoding == "shift_jis":
        rows = [tuple(cell.replace("\\", "").replace("~", "") for cell in row) for row in rows]
    body, offsets = written(rows, form, end, cut=cut, empty=empty)

    parsed = parse(body, REQUIRED, form)

    assert cells_of(parsed) == rows
    assert [row.offset for row in parsed.rows] == offsets
    assert all(0 <= offset < len(body) for offset in offsets)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "line 1: the file is empty"),
        (b"\n\n", "line 1: the file is empty"),
        (b"No,Name\n1,a\n2\n", "line 3: 1 cell, the header has 2; none for column 'Name'"),
        (b"No,Name\n1,a\n2", "line 3: 1 cell, the header has 2; none for column 'Name', and no line end: was the"),
        (b"No,Name\n1,a,b\n", "line 2: 3 cells, the header has 2; too many after column 'Name'"),
        (b"No,Name\n1,a\n\n2,b\n", "line 3: an empty line between rows; only at the end it means nothing"),
        (b"\nNo,Name\n1,a\n", "line 1: no column 'No', 'Name'; line 1 is empty"),
        (b"No,Title\n1,a\n", "line 1: no column 'Name'; the header has 'No', 'Title'"),
        (b"No,name\n1,a\n", "line 1: no column 'Name'; it is called 'name': names must be equal"),
        (b"No, Name\n1,a\n", "line 1: no column 'Name'; it is called ' Name'"),
        (b"No,Name,Name\n1,a,b\n", "line 1: column 'Name' comes twice"),
        (b"No,Name,NAME\n1,a,b\n", "line 1: column 'NAME' comes twice, before as 'Name'"),
        (b"No,Name,\n1,a,b\n", "line 1: column 3 has no name"),
        (b"No,Name,Size \n1,a,b\n", "line 1: column 'Size ' has spaces around its name"),
        (b"No,Name,a\x07b\n1,a,b\n", r"line 1: the name of column 3, 'a\x07b', has a character that cannot be shown"),
        (b"No,Name," + b"n" * 300 + b"\n", "line 1: the name of column 3, '" + "n" * 98 + "…, has 300 characters"),
        (b"No,Name\n1,a\n2,\xff\n", "line 3, byte 3 (0xff): not UTF-8"),
        (b"No,Name\n1,a\0\n", "line 2: a NUL character"),
        ("No,Name\n".encode("utf-16"), "line 1, byte 1 (0xff): not UTF-8; it begins like UTF-16"),
        (gzip.compress(b"No,Name\n", mtime=0), "line 1, byte 2 (0x8b): not UTF-8; it begins like gzip"),
        (b'No,Name\n1,"a\n2,b\n', "line 2: a quote that nothing closes"),
        (b'No,Name\n1,"a"b\n', "line 2: ',' expected after '\"'"),
    ],
)
def test_a_file_that_cannot_be_trusted_gives_no_row_and_one_reason(body, fault):
    """The reason names the line, and the column where it is one."""
    parsed = parse(body, REQUIRED)

    assert parsed.rows == ()
    assert parsed.fault is not None
    assert parsed.fault.startswith(fault)


def test_what_is_strict_by_option():
    """A sender whose files may be cut off declares it."""
    strict = Csv(last_line_end="required")
    for body, fault in [(b"No,Name\n1,a\n2,b", "line 3: no line end after"), (b"No,Name", "line 1: no line end")]:
        assert parse(body, REQUIRED, strict).fault.startswith(fault)
        assert parse(body, REQUIRED).fault is None
    assert parse(b"No,Name\n1,a\n\n", REQUIRED, strict).fault is None
    assert parse(b"\xef\xbb\xbfNo,Name\n", REQUIRED, Csv(encoding="cp1252")).fault.startswith("line 1: begins with the")


def test_a_row_of_one_empty_cell_is_written_with_quotes():
    """In a file of one column an empty line says nothing either: at the end it is ignored, elsewhere refused."""
    assert cells_of(parse(b'No\n1\n""\n\n', ["No"])) == [("1",), ("",)]
    assert parse(b"No\n1\n\n2\n", ["No"]).fault.startswith("line 3: an empty line")


def test_quotes_may_be_ordinary_and_an_escape_declared():
    """As databases and logs write."""
    assert cells_of(parse(b'No|Name\n1|5" pipe\n', REQUIRED, Csv(delimiter="|", quote=None))) == [("1", '5" pipe')]
    assert cells_of(parse(b"No,Name\n1,a\\,b\n", REQUIRED, Csv(escape="\\"))) == [("1", "a,b")]


def test_a_byte_order_mark_and_further_columns_are_taken():
    """What spreadsheets write, and what a source adds later."""
    parsed = parse(b"\xef\xbb\xbfNo,Name,Size\n1,a,9\n", REQUIRED)

    assert parsed.fault is None
    assert [json.loads(row.value) for row in parsed.rows] == [{"No": "1", "Name": "a", "Size": "9"}]
    assert parsed.rows[0].offset == 16


def test_a_header_alone_is_a_file_without_rows():
    """An empty list of products is valid."""
    assert parse(b"No,Name\n", REQUIRED).fault is None


@pytest.mark.parametrize(
    "body",
    [
        b",".join(b"c%d" % number for number in range(30_000)),
        b",".join([b"x"] * 200_000),
        b"No,Name\n" + b"x," * 300_000,
        b"No,Name\n" + b'"' * 600_001,
        b"\r" * 500_000,
        b"No,Name\n" + b"\x01" * 300_000 + b"\n",
        b"\x01" * 300_000,
    ],
    ids=["lost line ends", "one name", "one row", "quotes", "empty lines", "control characters", "control header"],
)
def test_a_reason_is_short_and_found_in_time_that_grows_with_the_file(body):
    """Whatever the file is; every character of the reason can be shown."""
    started = time.process_time()
    fault = parse(body, REQUIRED).fault
    assert time.process_time() - started < 1.0
    assert fault is not None
    assert len(fault) <= 300
    assert fault.isprintable()


def test_a_huge_cell_is_a_cell():
    """Its size is bounded by the file's."""
    assert cells_of(parse(b"No,Name\n1," + b"x" * 1_000_000 + b"\n", REQUIRED)) == [("1", "x" * 1_000_000)]


def test_many_rows_under_long_names_are_refused_before_they_fill_the_memory():
    """Each row repeats the names."""
    names = ["No", "Name", *(f"{number:0250}" for number in range(100))]
    body = (",".join(names) + "\n" + ("," * 101 + "\n") * 1_000).encode()
    assert parse(body, REQUIRED, most_bytes=1_000_000).fault.startswith("its rows, each with the columns' names, take")


def test_gzip_is_unpacked_whole_and_never_more_than_allowed():
    """Members one after another, as pigz writes; a bomb, a cut and a damaged file are refused."""
    text = b"No,Name\n" + b"1,a\n" * 1_000
    assert unpacked(gzip.compress(text[:100]) + gzip.compress(text[100:]) + b"\0" * 9, len(text)) == text
    bomb = gzip.compress(b"\0" * 50_000_000)
    cases = [
        (bomb, "holds more than 1000000 bytes when unpacked"),
        (gzip.compress(text)[:-3], "cut off"),
        (text, "cannot be unpacked by gzip"),
        (gzip.compress(text) + b"more", "cannot be unpacked by gzip"),
    ]
    for body, fault in cases:
        started = time.process_time()
        with pytest.raises(FaultError, match=fault):
            unpacked(body, 1_000_000)
        assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"delimiter": ""}, "delimiter=''"),
        ({"delimiter": ";;"}, "Give one character"),
        ({"delimiter": "\n"}, "no line end"),
        ({"delimiter": None}, "delimiter=None"),
        ({"quote": ","}, "not all different"),
        ({"escape": '"'}, "not all different"),
        ({"encoding": "utf8x"}, "encoding='utf8x'"),
        ({"encoding": "rot13"}, "e.g. 'utf-8' or 'cp1252'"),
        ({"encoding": "utf-7"}, "encoding='utf-7'"),
        ({"encoding": "cp037"}, "encoding='cp037'"),
        ({"encoding": "iso2022_jp"}, "encoding='iso2022_jp'"),
        ({"header": ("a", "A")}, "column 'A' comes twice, before as 'a'"),
        ({"header": ()}, "header: no column"),
        ({"compression": "zip"}, "Give one of 'by name', 'gzip', 'none'"),
        ({"last_line_end": "maybe"}, "Give one of 'optional', 'required'"),
    ],
)
def test_a_form_that_cannot_work_is_refused_when_it_is_declared(options, named):
    """With what is allowed."""
    with pytest.raises(ContractError) as raised:
        Csv(**options)
    assert named in str(raised.value)


def test_a_table_of_files_is_checked_when_it_is_declared():
    """Prefix and required columns; the default form leaves the code version as it was before there were forms."""
    for wrong, named in [
        ({"prefix": "landing/sales"}, "does not end with a slash"),
        ({"prefix": "/landing/"}, "begins with a slash"),
        ({"prefix": "a//b/"}, "two in a row"),
        ({"prefix": "bronze/sales/"}, "lies where tables do"),
        ({"required": "ProductNo"}, "a text, not a tuple"),
        ({"required": ("a", "A")}, "comes twice"),
        ({"format": Csv(header=("x", "y"))}, "the declared header has no"),
    ]:
        with pytest.raises(ContractError, match=named):
            replace(products, **wrong)
    assert replace(products, format=Csv()).code_version == products.code_version
    assert replace(products, format=Csv(delimiter=";")).code_version != products.code_version


@pytest.mark.parametrize("seed", range(6))
def test_hostile_files_are_refused_for_what_is_wrong_with_them(seed):
    """200 generated files of 14 kinds, without a store; the generator says which words the reason must have."""
    for each in hostile(seed, 200):
        try:
            body = unpacked(each.body, 2**20) if each.name.endswith(".gz") else each.body
            fault = parse(body, products.required).fault or ""
        except FaultError as error:
            fault = str(error)
        assert each.says in fault, each.name
        assert len(fault) <= 300
        assert fault.isprintable()
