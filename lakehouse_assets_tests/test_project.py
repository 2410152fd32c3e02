"""Whose tables these are: the nearest project, the one that is named, or this repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse_assets.errors import SettingsError
from lakehouse_assets.project import Project, current, find, own
from lakehouse_assets.settings import state_folder
from lakehouse_assets_tests import PROJECT

LAKE = '[tool.lakehouse]\npackage = "my_lake"\n'
OTHER = "[tool.ruff]\nline-length = 120\n"


def write(folder: Path, text: str = LAKE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(text)
    return folder


@pytest.fixture
def lake(tmp_path, monkeypatch) -> Path:
    """A project, without what the environment says."""
    monkeypatch.delenv("LAKEHOUSE_PROJECT", raising=False)
    monkeypatch.delenv("LAKEHOUSE_HOME", raising=False)
    return write(tmp_path / "lake")


def test_the_nearest_project_is_found_from_any_folder_of_it(lake):
    """A pyproject.toml on the way that is none of ours is passed by."""
    deep = write(lake / "my_lake" / "bronze", OTHER)
    inner = write(lake / "inner", '[tool.lakehouse]\npackage = "other"\n')

    assert find(deep) == find(lake) == Project(lake.resolve(), "my_lake")
    assert find(inner) == Project(inner.resolve(), "other")
    assert find(lake.parent) is None


def test_the_state_lies_in_the_project_and_a_setting_wins(lake, monkeypatch, tmp_path):
    monkeypatch.chdir(lake)
    assert state_folder() == lake.resolve() / ".lakehouse"
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "elsewhere"))
    assert state_folder() == (tmp_path / "elsewhere").resolve()


def test_a_project_that_is_named_wins_over_the_folder(lake, monkeypatch, tmp_path):
    monkeypatch.chdir(write(tmp_path / "b", '[tool.lakehouse]\npackage = "b"\n'))
    assert current().package == "b"
    monkeypatch.setenv("LAKEHOUSE_PROJECT", str(lake))
    assert current().package == "my_lake"
    monkeypatch.setenv("LAKEHOUSE_PROJECT", str(lake / "my_lake"))
    with pytest.raises(SettingsError, match=r"LAKEHOUSE_PROJECT=.*is no project.*\[tool.lakehouse\]"):
        current()


def test_without_a_project_it_is_this_repository(lake, monkeypatch):
    monkeypatch.chdir(lake.parent)
    assert current() == own() == Project(PROJECT, "lakehouse_assets", "lakehouse_assets_tests")


def test_an_installed_package_without_a_project_keeps_its_state_in_the_working_directory(lake, monkeypatch):
    """Never in site-packages; also where the environment lies within somebody's project, whose file says otherwise."""
    monkeypatch.setattr("lakehouse_assets.project._ENGINE", lake / "lakehouse_assets")
    monkeypatch.chdir(lake.parent)
    assert current() == Project(lake.parent.resolve(), "lakehouse_assets")


def test_the_tests_are_where_pytest_looks_for_them(tmp_path):
    for said, folder in (
        ('testpaths = ["checks", "more"]', "checks"),
        ('testpaths = "unit it"', "unit"),
        ("", "tests"),
    ):
        found = find(write(tmp_path, f"{LAKE}[tool.pytest.ini_options]\n{said}\n"))
        assert found is not None
        assert found.tests == folder


@pytest.mark.parametrize("package", ["my_lake", "src/my_lake"])
def test_a_package_is_imported_from_the_root_or_its_src(lake, package):
    assert Project(lake, "my_lake").imports_from is None
    (lake / package).mkdir(parents=True)
    assert Project(lake, "my_lake").imports_from == (lake / package).parent


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tool.lakehouse", r"pyproject.toml: cannot be read.*Mend this file"),
        ("[tool.lakehouse]\npackage = 3\n", "names no package: 3"),
        ('[tool.lakehouse]\npackage = "my-lake"\n', "names no package: 'my-lake'"),
        ('[tool.lakehouse]\npackages = "my_lake"\n', "names no package: None"),
    ],
)
def test_a_file_that_says_nothing_clear_is_refused_in_words(tmp_path, text, says):
    with pytest.raises(SettingsError, match=says):
        find(write(tmp_path, text))


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAKEHOUSE_")}
    environment["PYTHONPATH"] = str(PROJECT)
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_layers_may_be_missing_and_a_package_must_be_there(lake):
    """No table at all is a project that begins."""
    build = "import my_lake; from lakehouse_assets.building import build_definitions; d = build_definitions(my_lake);"
    count = "print(len(d.resolve_asset_graph().get_all_asset_keys()), len(d.sensors))"
    registry = "from lakehouse_assets.engine.project import registry; print(registry())"

    assert "there is no package my_lake" in run(lake, registry).stderr
    (lake / "my_lake").mkdir()
    (lake / "my_lake" / "__init__.py").touch()
    assert run(lake, registry).stdout.split() == ["Registry(tables=(),", "views=())"]
    done = run(lake, build + count)
    assert done.stdout.split() == ["0", "3"], done.stderr


def test_a_file_that_is_no_python_is_named_with_its_line(lake):
    """Not by a traceback through the importing machinery."""
    registry = "from lakehouse_assets.engine.project import registry; registry()"
    (lake / "my_lake" / "gold").mkdir(parents=True)
    for folder in ("", "gold"):
        (lake / "my_lake" / folder / "__init__.py").touch()
    (lake / "my_lake" / "gold" / "sales.py").write_text("table = 1\ndef oops(:\n")

    said = run(lake, registry).stderr

    assert f"{lake / 'my_lake' / 'gold' / 'sales.py'} line 2: is no Python: " in said


def test_definitions_of_another_project_than_the_process_works_for_are_refused(lake):
    """State folder and code version would be another's."""
    (lake / "my_lake").mkdir()
    done = run(lake, "import lakehouse_assets.definitions")
    assert "definitions of lakehouse_assets, but this process works for my_lake" in done.stderr
    assert "LAKEHOUSE_PROJECT" in done.stderr


def test_the_code_version_is_of_the_projects_files_too(lake):
    """A table's new code releases what is held; so does the engine's, which is the same for both."""
    say = "from lakehouse_assets.engine.orchestration.holding import CODE_VERSION; print(CODE_VERSION)"
    (lake / "my_lake" / "gold").mkdir(parents=True)
    (lake / "my_lake" / "gold" / "a.py").write_text("table = 1\n")
    before = run(lake, say).stdout
    (lake / "my_lake" / "gold" / "a.sql").write_text("SELECT 1\n")
    after = run(lake, say).stdout
    (lake / "tests").mkdir()
    (lake / "tests" / "test_a.py").touch()

    assert len({before, after, run(lake.parent, say).stdout}) == 3
    assert run(lake, say).stdout == after
