"""The catalog: what is known of every table, on the assets and as a page of docs."""

from __future__ import annotations

import re

import pytest

from lakehouse_assets.cli.reading import CATALOG
from lakehouse_assets.definitions import TABLES, VIEWS, defs
from lakehouse_assets.engine.display.catalog import anchor, catalog, page

EVERY = (*TABLES, *VIEWS)


def test_the_committed_page_is_up_to_date():
    """Run `lakehouse catalog --write` after a change of a table."""
    assert CATALOG.read_text() == catalog(EVERY)


@pytest.mark.parametrize("table", EVERY, ids=lambda table: table.key)
def test_a_page_tells_everything_about_a_table(table):
    text = page(table)

    for fact in ("Grain", "Source", "Owner", "Freshness", "Rules"):
        assert re.search(rf"- \*\*{fact}\*\*: \S", text), fact
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (yes|no) \| (.+) \|$", text, re.MULTILINE)
    assert len(rows) == text.count("\n| `")
    told = {name for name, *_, meaning in rows if meaning.endswith("(personal)")}
    assert told == marked(table)


def marked(table) -> set[str]:
    """The model's own marks."""
    model = getattr(table, "schema", None)
    columns = model.to_schema().columns.items() if model else ()
    return {name for name, column in columns if (column.metadata or {}).get("personal")}


def test_the_index_links_to_every_page():
    text = catalog(EVERY)

    for table in EVERY:
        assert f"(#{anchor(table)})" in text
        assert f"\n## {table.key}\n" in text


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.key)
def test_the_asset_says_it_too(table):
    """Its contract and freshness in Dagster are the catalog's; its description is plain text, as lists show it."""
    node = defs.resolve_asset_graph().get(table.asset_key)

    assert node.metadata["contract"].value in page(table)
    assert node.description.startswith(table.description)
    assert not {*"`*|"} & {*node.description}
    spec = next(spec for spec in defs.resolve_all_asset_specs() if spec.key == table.asset_key)
    promised = (
        spec.freshness_policy.fail_window.to_timedelta().total_seconds() / 3600 if spec.freshness_policy else None
    )
    assert promised == table.freshness_hours
