"""Markdown tables: no value can break out of its cell."""

from __future__ import annotations

from lakehouse_assets.engine.display import markdown


def test_a_table_has_a_header_and_numbers_stand_to_the_right():
    """As the UI's Markdown expects it."""
    assert markdown.table(("day", "rows"), [("Monday", 1)], right=["rows"]) == (
        "| day | rows |\n| --- | ---: |\n| Monday | 1 |"
    )


def test_a_value_stays_in_its_cell_and_is_no_markup():
    """Neither a bar nor a new line ends it, neither a tag nor a link nor emphasis comes alive."""
    [_, _, line] = markdown.table(("x",), [["a|b\n<img src=x> [l](http://h) *e* `c` \\"]]).splitlines()

    assert line == "| a\\|b \\<img src=x\\> \\[l\\](http://h) \\*e\\* \\`c\\` \\\\ |"
