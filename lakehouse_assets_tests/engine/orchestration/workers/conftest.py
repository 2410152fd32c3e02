"""One yard for each test."""

from __future__ import annotations

import pytest

from lakehouse_assets_tests.engine.orchestration.workers.yard import yard


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("LAKEHOUSE_PROJECT", raising=False)
    with yard(tmp_path) as made:
        yield made
