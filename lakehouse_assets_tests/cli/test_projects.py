"""`lakehouse new project`: what is written is whole, and what cannot be a project is refused in words."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lakehouse_assets.cli import app, import_order, new, projects
from lakehouse_assets.demo import run as demo
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.project import Project, find

GIT = {"url": "https://host.example/a.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
DRAFT = '''\
"""A table."""

from __future__ import annotations

from datetime import date

import pyspark.sql.types as T
import numpy
import pyspark.sql.functions as F
from pandera.pyspark import Field

from lakehouse_assets.bronze import shop_orders as bronze
from lakehouse_assets.engine.kinds import EventTable

print("from lakehouse_assets.gold import a")
'''
ORDERED = '''\
"""A table."""

from __future__ import annotations

from datetime import date

import numpy
import pyspark.sql.functions as F
import pyspark.sql.types as T
from lakehouse_assets.engine.kinds import EventTable
from pandera.pyspark import Field

from my_lake.bronze import shop_orders as bronze

print("from lakehouse_assets.gold import a")
'''


def ruff(folder: Path) -> str:
    """What ruff would change; nothing where all is in order."""
    said = ""
    for verb in (["check", "--select", "E,F,W,I,UP"], ["format", "--check", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *verb, "--no-cache", "--line-length", "120", "."]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        said += "" if done.returncode == 0 else done.stdout + done.stderr
    return said


@pytest.fixture
def made(tmp_path, monkeypatch) -> Path:
    """A project, written by the command."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["new", "project", "my_lake"])
    assert done.exit_code == 0, done.output
    assert "lakehouse topics send shop.orders --create < orders.jsonl" in done.output
    return tmp_path


def test_a_project_is_whole_and_in_order(made):
    """A table and its test in each layer, settings that our finder, Dagster and dg read, nothing left open."""
    texts = {str(path.relative_to(made)): path.read_text() for path in made.rglob("*") if path.is_file()}
    assert [name for name, text in texts.items() if "$" in text or "template" in text] == []
    for name in (name for name in texts if name.endswith(".py")):
        ast.parse(texts[name])
    for layer, table in (
        ("bronze", "orders"),
        ("silver", "orders"),
        ("gold", "product_days"),
        ("serve", "product_totals"),
    ):
        assert f'key="{layer}/shop/{table}"' in texts[f"my_lake/{layer}/shop_{table}.py"]
        assert "\ndef test_" in texts[f"tests/{layer}/test_shop_{table}.py"]
    said = tomllib.loads(texts["pyproject.toml"])
    assert said["project"]["dependencies"] == ["lakehouse-assets[embedded]"]
    assert said["tool"]["dagster"]["module_name"] == "my_lake.definitions"
    assert said["tool"]["dg"]["project"]["root_module"] == "my_lake"
    assert ".lakehouse/" in texts[".gitignore"].splitlines()
    assert find(made / "tests") == Project(made.resolve(), "my_lake")
    assert ruff(made) == ""


def test_a_new_table_is_written_where_the_project_has_its_own(made, monkeypatch):
    """From any folder of it, with imports of its package, in order."""
    monkeypatch.chdir(made / "my_lake" / "gold")
    done = CliRunner().invoke(app, ["new", "table", "bronze/shop/visits", "--topic", "shop.visits"])
    assert done.exit_code == 0, done.output

    silver = (made / "my_lake" / "silver" / "shop_visits.py").read_text()
    assert "from my_lake.bronze import shop_visits as bronze" in silver
    assert "from my_lake.silver.shop_visits import table" in (made / "tests/silver/test_shop_visits.py").read_text()
    assert ruff(made) == ""


def test_a_first_table_of_a_layer_makes_the_layer(tmp_path):
    """A folder that is there is left as it is."""
    (tmp_path / "my_lake" / "gold").mkdir(parents=True)
    new.write(tmp_path, {"my_lake/gold/a_b.py": "x = 1\n", "my_lake/serve/a_b.py": "x = 1\n"})
    assert ast.parse((tmp_path / "my_lake" / "serve" / "__init__.py").read_text()).body
    assert [each.name for each in (tmp_path / "my_lake" / "gold").iterdir()] == ["a_b.py"]


def test_imports_are_in_the_sections_of_the_package_that_they_are_in():
    """Python's own, what is installed, the project's; the rest of the text is left alone."""
    assert import_order.of_package(DRAFT, "my_lake") == ORDERED


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("my-lake", "no name of a package"),
        ("3lakes", "no name of a package"),
        ("My_Lake", "no name of a package"),
        ("lake_", "no name of a package"),
        ("a.b", "no name of a package"),
        ("class", "word of Python's own"),
        ("json", "standard library"),
        ("tests", "tests lie in a folder"),
        ("lakehouse_assets", "is installed here"),
        ("dagster", "is installed here"),
    ],
)
def test_a_name_that_cannot_be_is_refused_in_words(tmp_path, name, says):
    with pytest.raises(LakehouseError, match=f"{says}.*lakehouse new project my_lake"):
        projects.check(name, tmp_path)


@pytest.mark.parametrize("name", ["notes.txt", "my_lake/", ".gitignore"])
def test_a_folder_that_is_not_empty_is_refused_and_nothing_is_written(tmp_path, monkeypatch, name):
    """What begins with a dot may be there, but no file that would be written over."""
    (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).write_text("mine")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["new", "project", "my_lake"])
    assert isinstance(done.exception, LakehouseError)
    assert name.rstrip("/") in str(done.exception)
    assert [each.name for each in tmp_path.iterdir()] == [name.rstrip("/")]


def test_an_environment_and_a_repository_may_be_there(tmp_path):
    for name in (".venv", ".git"):
        (tmp_path / name).mkdir()
    projects.check("my_lake", tmp_path)


@pytest.mark.parametrize(
    ("installed", "given"),
    [
        (None, {}),
        ({"url": "file:///a%20b", "dir_info": {"editable": True}}, {"path": "/a b", "editable": True}),
        ({"url": "file:///a", "dir_info": {}}, {"path": "/a"}),
        ({"url": "file:///a/x.whl", "archive_info": {}}, {"path": "/a/x.whl"}),
        ({"url": "https://host.example/x.whl", "archive_info": {}}, {"url": "https://host.example/x.whl"}),
        (GIT, {"git": GIT["url"], "rev": "abc"}),
        (GIT | {"subdirectory": "b"}, {"git": GIT["url"], "rev": "abc", "subdirectory": "b"}),
    ],
)
def test_the_project_says_where_this_package_came_from(monkeypatch, installed, given):
    """As PEP 610 tells it and uv takes it; an index needs no word."""
    assert projects.source(installed) == given
    monkeypatch.setattr(projects, "_installed", lambda: installed)
    said = tomllib.loads(projects.texts("my_lake")["pyproject.toml"])
    assert said["tool"].get("uv", {}).get("sources", {}).get("lakehouse-assets", {}) == given


def test_the_demo_is_not_of_somebody_elses_project(made):
    """It would wait for tables that Dagster does not have there."""
    with pytest.raises(LakehouseError, match=r"not of my_lake.*lakehouse topics send"):
        demo.run(demo.Options())
