"""A yard: one for each test, or one whose single warm worker a module's tests share."""

from __future__ import annotations

import pytest

from lakehouse_assets_tests.engine.orchestration.workers.yard import yard


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("LAKEHOUSE_PROJECT", raising=False)
    with yard(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Runs wait for the one worker, however long that takes."""
    root = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_HOME", str(root / "state"))
        patch.delenv("LAKEHOUSE_PROJECT", raising=False)
        with yard(root) as made:
            made.start(wait_seconds=600)
            made.warm()
            yield made
