"""Adding a table is one file and its test: the README's recipe and the drafts, carried out in a copy of the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse_assets.cli import new
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.settings import PROJECT

KAFKA_TABLE_LINES = 120
GOLD_TABLE_LINES = 80
"""Most lines that a recipe may take, files and tests together, as ruff formats them."""
COPIED = ("lakehouse_assets", "lakehouse_assets_tests", "pyproject.toml")
DRAFTS = (
    ("bronze/shop/web_visits", "--topic", "shop-visits.v1"),
    ("gold/shop/daily_visits", "--from", "silver/shop/web_visits"),
)
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
} | {"sensors": [sensor.name for sensor in defs.sensors]}))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project with the recipe's files and the drafts."""
    folder = tmp_path_factory.mktemp("project")
    for name in COPIED:
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, folder / name)
    for path, text in recipe().items():
        assert not (folder / path).exists()
        (folder / path).write_text(text)
    for arguments in DRAFTS:
        run(folder, "-c", "from lakehouse_assets.cli import main; main()", "new", "table", *arguments)
    return folder


def recipe() -> dict[str, str]:
    """The README's code blocks that begin with a path: the file's text by path."""
    section = (PROJECT / "README.md").read_text().split("\n## Adding a table\n")[1].split("\n## ")[0]
    return dict(re.findall(r"```python\n# (\S+)\n(.*?)```", section, re.DOTALL))


def run(folder: Path, *arguments: str, **environment: str) -> str:
    """A Python of its own in the copy; fails with its output."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "LAKEHOUSE_HOME": str(folder / "home")} | environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def added(folder: Path) -> list[str]:
    """Files of the copy that the project does not have; asserts that all others are unchanged."""
    found = [path for name in COPIED[:2] for path in (folder / name).rglob("*.py")]
    paths = {path: str(path.relative_to(folder)) for path in found}
    mine = [name for path, name in paths.items() if not (PROJECT / name).exists()]
    assert all(path.read_text() == (PROJECT / name).read_text() for path, name in paths.items() if name not in mine)
    return sorted(mine)


def test_new_files_are_all_it_takes(project: Path):
    """The graph holds the new assets with their columns and upstream, and a sensor watches each new topic."""
    graph = json.loads(run(project, "-c", DESCRIBE).splitlines()[-1])

    for bronze, silver, gold, topic in (
        ("bronze/sales/payments", "silver/sales/payments", "gold/sales/daily_payments", "sales/payments"),
        ("bronze/shop/web_visits", "silver/shop/web_visits", "gold/shop/daily_visits", "shop_visits_v1__hd"),
    ):
        assert graph[gold]["upstream"] == [silver]
        assert graph[silver]["upstream"] == [bronze]
        assert graph[bronze]["upstream"] == [f"kafka/{topic}"]
        assert f"watch_{topic.replace('/', '_')}" in graph["sensors"]
    assert graph["gold/sales/daily_payments"]["columns"] == ["event_date", "Method", "amount", "payments"]
    assert {"PaymentNo", "paid_at", "Amount", "Method"} <= set(graph["silver/sales/payments"]["columns"])
    assert len(added(project)) == 5 + 5


def test_the_files_are_in_the_projects_style_and_few_lines(project: Path):
    """The formatter changes none of the new files, and a table stays a page."""
    for check in (("format", "--check"), ("check",)):
        run(project, "-m", "ruff", *check, "--no-cache", *added(project))
    lines = {path: len(text.splitlines()) for path, text in recipe().items()}
    gold = sum(count for path, count in lines.items() if "/gold/" in path)
    kafka = sum(lines.values()) - gold
    print(f"lines to add a Kafka table (bronze, silver, test): {kafka}; a gold table (file, test): {gold}")  # noqa: T201
    assert kafka <= KAFKA_TABLE_LINES
    assert gold <= GOLD_TABLE_LINES


@pytest.mark.services
def test_the_recipes_own_tests_pass(project: Path, stack):
    """They run as a reader would run them, against the session's Spark."""
    tests = [path for path in added(project) if "/test_" in path]

    said = run(
        project, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, LAKEHOUSE_TESTS_HOME=str(stack.settings.home)
    )

    assert re.search(rf"\b{len(tests)} passed", said), said


@pytest.mark.parametrize(
    ("key", "topic", "source"),
    [
        ("gold/sales", "", "silver/sales/transactions"),
        ("Gold/Sales/X", "", "silver/sales/transactions"),
        ("gold/sales/x", "", ""),
        ("gold/sales/x", "", "bronze/sales/transactions"),
        ("gold/sales/x", "a.topic", "silver/sales/transactions"),
        ("bronze/sales/x", "", ""),
        ("bronze/sales/x", "no topic", ""),
    ],
)
def test_what_makes_no_table_is_refused(key, topic, source):
    with pytest.raises(LakehouseError):
        new.drafted(key, topic, source)


def test_a_draft_never_overwrites_a_file(tmp_path):
    """Not even one of several is written then."""
    texts = new.drafted("bronze/a/b", "t", "")
    *others, last = texts
    (tmp_path / last).parent.mkdir(parents=True)
    (tmp_path / last).write_text("mine")

    with pytest.raises(LakehouseError, match="exists already"):
        new.write(tmp_path, texts)

    assert (tmp_path / last).read_text() == "mine"
    assert not any((tmp_path / path).exists() for path in others)
