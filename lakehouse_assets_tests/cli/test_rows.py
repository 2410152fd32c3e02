"""Rows as `lakehouse show` prints them: for eyes at any width, and for programs without loss."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from rich.console import Console

from lakehouse_assets.cli import reading, rows
from lakehouse_assets.errors import LakehouseError

HEADERS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))
QUARANTINED = pa.table(
    {
        "topic_id": ["04HcDUqfRR+30JGbp7ltUg"] * 2,
        "offset": [7, 8],
        "value": ['{"Amount": "zwölf", "Note": "[red]"}'.encode(), b"\xff\x00"],
        "headers": pa.array([[{"key": "trace", "value": b"a\x1b[2J"}], None], HEADERS),
        "reasons": [["Amount: not a decimal(18,2)", "Method: isin(['card', 'cash'])"], ["value: not a JSON object"]],
        "fields": pa.array([[("Amount", "zwölf"), ("Note", "[red]")], []], pa.map_(pa.string(), pa.string())),
        "paid": [Decimal("2.50"), None],
        "event_date": [date(2026, 1, 1), None],
        "set_aside_at": [datetime(2026, 1, 1, 12, tzinfo=UTC), None],
    }
)


def printed(found: pa.Table, width: int) -> str:
    console = Console(width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(rows.shown("silver/x_quarantine", found, width))
    return captured.get()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_wide_row_is_a_block_with_every_value_whole(width):
    """One line a column, raw bytes as text or hex, nothing that steers the terminal."""
    said = printed(QUARANTINED, width)
    lines = [line.rstrip() for line in said.splitlines()]

    assert max(map(len, lines)) <= width
    assert [line for line in lines if line.startswith("row ")] == ["row 1", "row 2"]
    assert 'value        {"Amount": "zwölf", "Note": "[red]"}' in lines
    assert "value        0xff00" in lines
    assert "reasons      value: not a JSON object" in lines
    assert r"headers      key=trace, value=a\x1b[2J" in lines
    assert "fields       Amount zwölf, Note [red]" in lines
    assert "\x1b" not in said


def test_a_narrow_row_is_a_line_of_a_table():
    said = printed(QUARANTINED.select(["offset", "paid"]), 80)
    assert [line.split()[1::2] for line in said.splitlines() if "│" in line] == [["7", "2.50"], ["8", "│"]]


def test_json_and_csv_are_read_back_by_other_programs():
    """Exact decimals, null apart from empty text in JSON, maps as objects."""
    one, two = [json.loads(line) for line in rows.as_json(QUARANTINED).splitlines()]
    header, *lines = csv.reader(io.StringIO(rows.as_csv(QUARANTINED)))

    assert (one["paid"], two["paid"], one["event_date"]) == ("2.50", None, "2026-01-01")
    assert one["fields"] == {"Amount": "zwölf", "Note": "[red]"}
    assert one["headers"] == [{"key": "trace", "value": "a\x1b[2J"}]
    assert two["value"] == "0xff00"
    assert json.loads(one["value"])["Amount"] == "zwölf"
    assert header == QUARANTINED.column_names
    assert json.loads(lines[0][header.index("reasons")]) == one["reasons"]
    assert lines[1][header.index("paid")] == ""


def test_columns_are_chosen_by_name_and_an_unknown_one_is_answered_with_those_there_are():
    assert reading.chosen("t", "paid, offset", QUARANTINED.column_names) == ["paid", "offset"]
    with pytest.raises(LakehouseError, match=r"no column 'price'.*topic_id, offset"):
        reading.chosen("t", "price", QUARANTINED.column_names)
