"""Code versions: which days hold rows that today's code did not compute."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from lakehouse_assets.engine.history.ledger import Commit, Kind, Statement
from lakehouse_assets.engine.history.versions import code_version, stale_days

MARCH_1, MARCH_2, MARCH_3, MARCH_4 = (date(2017, 3, day) for day in (1, 2, 3, 4))


def commit(version: int, code: str, *days: date, kind: Kind = "increment") -> Commit:
    return Commit(version, 0, "MERGE", Statement(kind, "run", days, code=code))


def test_a_day_is_stale_until_a_rebuild_with_the_new_code():
    """An increment with the new code adds to old rows; only a rebuild replaces them."""
    history = [
        commit(5, "new", MARCH_2, kind="rebuild"),
        commit(4, "new", MARCH_1, MARCH_4),
        commit(3, "old", MARCH_1, MARCH_2),
        commit(2, "old", MARCH_3),
    ]

    assert stale_days(history, [MARCH_1, MARCH_2, MARCH_3, MARCH_4], "new") == (MARCH_1, MARCH_3)
    assert stale_days(history, [MARCH_4], "new") == ()


def test_a_day_whose_commits_the_history_has_lost_is_stale():
    """Nobody knows what computed it, and that is said."""
    assert stale_days([commit(9, "new", MARCH_1)], [MARCH_1, MARCH_2], "new") == (MARCH_2,)


def test_code_changes_the_version_and_comments_do_not(tmp_path: Path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))

    def version_of(name: str, source: str) -> str:
        (tmp_path / f"{name}.py").write_text(source)
        return code_version(__import__(name).transform, "contract")

    first = version_of("first_table", "def transform(rows):\n    return rows\n")
    assert version_of("same_table", "# why\ndef transform(rows):\n\n    return (rows)\n") == first
    assert version_of("other_table", "def transform(rows):\n    return rows.limit(1)\n") != first
    assert code_version(__import__("first_table").transform, "another contract") != first
