"""Adding a table is one file and its test: docs/tables.md and drafts, carried out in a copy of the project."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lakehouse_assets.cli import new
from lakehouse_assets.cli.orders import Order
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets_tests import PROJECT
from lakehouse_assets_tests.copies import COPIED, DOCUMENT, Copy, documented, files
from lakehouse_assets_tests.documents import DRAFTS

KAFKA_TABLE_LINES = 140
GOLD_TABLE_LINES = 80
"""Most lines that a recipe may take, files and tests together, as ruff formats them."""
SHOWN_IN_FULL = 2
"""So many of the document's drafts come first; their tables are the recipe's own."""
OTHER_DRAFTS = (
    "lakehouse new table bronze/shop/web_visits --topic shop-visits.v1",
    "lakehouse new table gold/shop/daily_visits --from silver/shop/web_visits",
    'lakehouse new table bronze/shop/plain --topic shop.plain --grid week --fields "No: text"',
    'lakehouse new table bronze/shop/prices --drop landing/shop/prices/ --grid month --fields "No: text, At: date"',
    "lakehouse new table bronze/shop/kinds --topic shop.kinds --fields"
    ' "n: int, m: long, d: double, is_b: bool, day: date, s: decimal(3,3), t: text"',
)
SALES = "silver/sales/transactions"
UPSTREAM = {
    "bronze/sales/methods": {"landing/sales/methods"},
    "silver/sales/methods": {"bronze/sales/methods"},
    "silver/sales/visitors": {"bronze/sales/visits"},
    "silver/sales/movements": {"bronze/sales/payments", "bronze/sales/refunds"},
    "silver/sales/order_lines": {"bronze/sales/orders"},
    "gold/sales/activity": {"silver/sales/refunds", "silver/sales/visits"},
    "gold/sales/weekly_activity": {"silver/sales/refunds", "silver/sales/visits"},
    "gold/sales/labelled_payments": {"silver/sales/payments", "silver/sales/methods"},
    "gold/sales/monthly_payments": {"gold/sales/daily_payments"},
    "gold/sales/week_to_date": {"gold/sales/daily_payments"},
    "serve/sales/refund_months": {"gold/sales/monthly_refunds"},
    "serve/sales/method_totals": {"gold/sales/daily_payments"},
}
DESCRIBE = """
import json
from lakehouse_assets.definitions import defs
graph = defs.resolve_asset_graph()
schema = lambda key: (graph.get(key).metadata or {}).get("dagster/column_schema")
print(json.dumps({
    key.to_user_string(): {
        "upstream": [parent.to_user_string() for parent in graph.get(key).parent_keys],
        "columns": [column.name for column in schema(key).columns] if schema(key) else [],
    } for key in graph.get_all_asset_keys()
} | {"watched": [each.job_name for sensor in defs.sensors for each in sensor.targets]}))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project with the document's files and the drafts."""
    folder = tmp_path_factory.mktemp("project")
    copy = Copy.of_project(folder, LAKEHOUSE_HOME=str(folder / "home"))
    copy.put(recipe())
    for command in [*DRAFTS[SHOWN_IN_FULL:], *OTHER_DRAFTS]:
        copy.draft(command)
    copy.put({path: text for path, text in documented().items() if path not in recipe()})
    return folder


def recipe() -> dict[str, str]:
    """The files of the recipe from a topic to gold: their text by path."""
    return files(DOCUMENT.read_text().split("\n## ")[1])


def run(folder: Path, *arguments: str, **environment: str) -> str:
    """A Python of its own in the copy; fails with its output."""
    own = {"PYTHONPATH": str(folder), "LAKEHOUSE_HOME": str(folder / "home")}
    return Copy(folder, own | environment).run(*arguments)


def added(folder: Path) -> list[str]:
    """Files of the copy that the project does not have; asserts that all others are unchanged."""
    found = [path for name in COPIED[:2] for path in (folder / name).rglob("*.py")]
    paths = {path: str(path.relative_to(folder)) for path in found}
    mine = [name for path, name in paths.items() if not (PROJECT / name).exists()]
    assert all(path.read_text() == (PROJECT / name).read_text() for path, name in paths.items() if name not in mine)
    return sorted(mine)


def test_new_files_are_all_it_takes(project: Path):
    """The graph holds the new assets with their columns and upstream, and the sensor watches each new topic."""
    graph = json.loads(run(project, "-c", DESCRIBE).splitlines()[-1])

    for bronze, silver, gold, topic in (
        ("bronze/sales/payments", "silver/sales/payments", "gold/sales/daily_payments", "sales/payments"),
        ("bronze/shop/web_visits", "silver/shop/web_visits", "gold/shop/daily_visits", "shop_visits_v1__hd"),
    ):
        assert graph[gold]["upstream"] == [silver]
        assert graph[silver]["upstream"] == [bronze]
        assert graph[bronze]["upstream"] == [f"kafka/{topic}"]
        assert f"ingest_{topic.replace('/', '_')}" in graph["watched"]
    assert graph["gold/sales/daily_payments"]["columns"] == ["event_date", "Method", "amount", "payments"]
    assert {"PaymentNo", "paid_at", "Amount", "Method"} <= set(graph["silver/sales/payments"]["columns"])
    for table, upstream in UPSTREAM.items():
        assert {*graph[table]["upstream"]} == upstream
    assert [column for column in graph["gold/sales/weekly_activity"]["columns"]] == ["event_week", "refunds", "visits"]
    assert graph["serve/sales/refund_months"]["columns"] == ["event_month", "lines"]
    assert "event_hour" in graph["silver/sales/visits"]["columns"]
    assert {"event_date", "event_hour"} & {*graph["silver/sales/visitors"]["columns"]} == set()


def test_dagster_takes_all_of_it_as_one_code_location(project: Path):
    """Every job, with tables over several sources among them: what the code server does when it starts."""
    run(
        project, "-c", "from lakehouse_assets.definitions import defs; defs.get_repository_def().load_all_definitions()"
    )


def test_the_files_are_in_the_projects_style_and_few_lines(project: Path):
    """The formatter changes none of the new files, and a table stays a page."""
    for check in (("format", "--check"), ("check",)):
        run(project, "-m", "ruff", *check, "--no-cache", *added(project))
    lines = {path: len(text.splitlines()) for path, text in recipe().items()}
    gold = sum(count for path, count in lines.items() if "/gold/" in path)
    kafka = sum(lines.values()) - gold
    assert len(lines) == 6
    print(f"lines to add a Kafka table (bronze, silver, test): {kafka}; a gold table (file, test): {gold}")  # noqa: T201
    assert kafka <= KAFKA_TABLE_LINES
    assert gold <= GOLD_TABLE_LINES


@pytest.mark.services
def test_the_recipes_own_tests_pass(project: Path, stack):
    """They run as a reader would run them, against the session's Spark."""
    tests = [path for path in added(project) if "/test_" in path]
    assert len(tests) >= len(documented()) / 2

    said = run(
        project, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, LAKEHOUSE_TESTS_HOME=str(stack.settings.home)
    )

    assert re.search(rf"\b{len(tests)} passed", said), said


@pytest.mark.parametrize(
    ("order", "says"),
    [
        (Order("gold/sales", sources=(SALES,)), "no table's key"),
        (Order("Gold/Sales/X", sources=(SALES,)), "no table's key"),
        (Order("gold/sales/x"), "--from is missing.*--from silver/DOMAIN/TABLE"),
        (Order("gold/sales/x", sources=("bronze/sales/transactions",)), "no silver or gold table.*--from silver/"),
        (Order("gold/sales/x", sources=("silver/sales/nothing",)), "no table silver/sales/nothing.*catalog"),
        (Order("gold/sales/x", topic="a.topic", sources=(SALES,)), "takes no --topic"),
        (Order("gold/sales/x", sources=(SALES, SALES)), "named twice"),
        (Order("gold/sales/x", sources=(SALES,), grid="hour"), "no hour can be told from the days.*--grid day"),
        (Order("gold/sales/x", sources=(SALES,), grid="year"), "--grid year is none of hour, day"),
        (Order("bronze/sales/x"), "--topic or --drop"),
        (Order("bronze/sales/x", topic="t", drop="d/"), "--topic or --drop"),
        (Order("bronze/sales/x", topic="no topic"), "topic 'no topic'"),
        (Order("bronze/sales/x", drop="no_slash"), "does not end with a slash"),
        (Order("bronze/sales/x", drop="d/", fields="No: text, n: int"), "a CSV file holds texts.*try_cast"),
        (Order("silver/sales/x", sources=("bronze/sales/products",), fields="n: int"), "a CSV file holds texts"),
        (Order("silver/sales/x", sources=("bronze/sales/transactions",), kind="thing"), "neither of events, dimension"),
        (Order("serve/sales/x", sources=(SALES, "gold/sales/daily_revenue")), "has one --from; docs/tables.md"),
        (Order("bronze/sales/x", topic="t", fields="No"), "no field with its type.*decimal"),
        (Order("bronze/sales/x", topic="t", fields="No: decimal(39,2)"), "no field with its type"),
        (Order("bronze/sales/x", topic="t", fields="offset: int"), "the engine has one of that name.*columns="),
        (Order("bronze/sales/x", topic="t", fields="a.b: int"), "no name in Python"),
        (Order("bronze/sales/x", topic="t", fields="validate: int"), "a model has something else"),
        (Order("bronze/sales/x", topic="t", fields="No: text, no: text"), "twice"),
    ],
)
def test_what_makes_no_table_is_refused_and_says_what_does(order: Order, says: str):
    with pytest.raises(LakehouseError, match=says):
        new.drafted(order)


def test_a_draft_never_overwrites_a_file(tmp_path):
    """Not even one of several is written then."""
    texts = new.drafted(Order("bronze/a/b", topic="t"))
    *others, last = texts
    (tmp_path / last).parent.mkdir(parents=True)
    (tmp_path / last).write_text("mine")

    with pytest.raises(LakehouseError, match="exists already"):
        new.write(tmp_path, texts)

    assert (tmp_path / last).read_text() == "mine"
    assert not any((tmp_path / path).exists() for path in others)
