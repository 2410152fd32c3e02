"""Code versions: which days hold rows that today's code did not compute."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from lakehouse_assets.engine.history.ledger import Commit, Kind, Statement
from lakehouse_assets.engine.history.versions import ANSWERS, Stale, code_version, stale

MARCH_1, MARCH_2, MARCH_3, MARCH_4 = (date(2017, 3, day) for day in (1, 2, 3, 4))


def commit(version: int, code: str, *days: date, kind: Kind = "increment") -> Commit:
    return Commit(version, 0, "MERGE", Statement(kind, "run", days, code=code))


def created() -> Commit:
    return Commit(0, 0, "CREATE TABLE", None)


def test_a_day_is_stale_until_a_rebuild_with_the_new_code():
    """An increment with the new code adds to old rows; only a rebuild replaces them."""
    history = [
        commit(5, "new", MARCH_2, kind="rebuild"),
        commit(4, "new", MARCH_1, MARCH_4),
        commit(3, "old", MARCH_1, MARCH_2),
        commit(2, "old", MARCH_3),
        created(),
    ]

    assert stale(history, [MARCH_1, MARCH_2, MARCH_3, MARCH_4], "new") == Stale(other=frozenset({MARCH_1, MARCH_3}))
    assert stale(history, [MARCH_4], "new").days == ()


def test_a_day_whose_commits_the_history_has_lost_is_stale():
    """Nobody knows what computed it, and that is said: also where a newer increment has added to it."""
    history = [commit(10, "new", MARCH_3, kind="rebuild"), commit(9, "new", MARCH_1), commit(8, "old", MARCH_4)]
    days = [MARCH_1, MARCH_2, MARCH_3, MARCH_4]

    assert stale(history, days, "new") == Stale(frozenset({MARCH_4}), frozenset({MARCH_1, MARCH_2}))
    assert stale([*history, created()], days, "new") == Stale(frozenset({MARCH_4}), frozenset({MARCH_2}))


def test_an_increment_of_answers_computes_the_whole_day():
    """So it is not stale, whatever computed it before, or nobody knows."""
    history = [commit(9, "new", MARCH_1), commit(8, "old", MARCH_1, MARCH_2)]

    assert stale(history, [MARCH_1, MARCH_2], "new", ANSWERS).days == (MARCH_2,)


def test_a_rebuild_that_a_restore_took_back_computed_nothing():
    """The rows are those of the old code again."""
    restored = Commit(3, 0, "RESTORE", None, restored_to=1)
    history = [restored, commit(2, "new", MARCH_1, kind="rebuild"), commit(1, "old", MARCH_1), created()]

    assert stale(history, [MARCH_1], "new") == Stale(other=frozenset({MARCH_1}))


def test_code_changes_the_version_and_comments_do_not(tmp_path: Path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))

    def version_of(name: str, source: str) -> str:
        (tmp_path / f"{name}.py").write_text(source)
        return code_version(__import__(name).transform, "contract")

    first = version_of("first_table", "def transform(rows):\n    return rows\n")
    assert version_of("same_table", "# why\ndef transform(rows):\n\n    return (rows)\n") == first
    assert version_of("other_table", "def transform(rows):\n    return rows.limit(1)\n") != first
    assert code_version(__import__("first_table").transform, "another contract") != first
