"""The run's own writer: each commit compares with the plan and is the very next version, or there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, TableFeatures, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.engine.history.ledger import Statement
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.writing import arrow_writer, conflicts, grounds, meeting_rows, protocol, publication
from lakehouse_assets.engine.writing.arrow_writer import ArrowWriter
from lakehouse_assets.engine.writing.delta import Target, Transaction
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.errors import LossError, SupersededError
from lakehouse_assets.gold.sales_daily_revenue import table as gold
from lakehouse_assets.settings import Settings, load
from lakehouse_assets_tests.engine.local_lake import LocalLake

MARCH_1, MARCH_2, MARCH_3 = (date(2017, 3, day) for day in (1, 2, 3))
KEY = gold.key


@dataclass(frozen=True)
class Frame:
    """What Spark would hand over."""

    table: pa.Table

    def toArrow(self) -> pa.Table:  # noqa: N802
        return self.table


def days(*found: date, lines: int = 1) -> Frame:
    dates, counts = pa.array(found, pa.date32()), pa.array([lines] * len(found), pa.int32())
    return Frame(pa.table({"lines": counts, "event_date": dates}))


@pytest.fixture
def lake(tmp_path) -> LocalLake:
    """A table of two days, planned from version 0."""
    lake = LocalLake(Settings(), tmp_path)
    said = Statement("increment", "first", position=Position({"t": {0: ((0, 1),)}})).to_json()
    properties = CommitProperties(custom_metadata={"userMetadata": said})
    write_deltalake(
        lake.uri(KEY), days(MARCH_1, MARCH_2).table, partition_by=["event_date"], commit_properties=properties
    )
    return lake


def planned(lake: LocalLake, run_id: str = "mine", kind: str = "increment") -> Publication:
    before = lake.ledger(KEY)
    position = Position({"t": {0: ((0, 2),)}}) if kind == "increment" else None
    said = Statement(kind, run_id, (MARCH_1,), position=position, planned_from=before.version)
    return Publication(gold, "replace", days(MARCH_1, lines=7), said, before)  # type: ignore[arg-type]


def writer(lake: LocalLake, plan: Publication) -> ArrowWriter:
    return ArrowWriter(Target(None, lake, KEY), partial(grounds.require_ground, lake, plan))  # type: ignore[arg-type]


def write(lake: LocalLake, plan: Publication) -> None:
    conflicts.past_compaction(
        lambda: publication._write(writer(lake, plan), plan), lambda: grounds.is_next(lake, plan), KEY
    )


def lines(lake: LocalLake) -> dict[date, int]:
    return {row["event_date"]: row["lines"] for row in DeltaTable(lake.uri(KEY)).to_pyarrow_table().to_pylist()}


def test_rows_and_statement_are_one_commit_and_other_days_stay(lake):
    """With the transaction, which a second try finds done."""
    plan = planned(lake)
    write(lake, plan)
    write(lake, plan)

    newest = next(lake.commits(KEY))
    assert (newest.version, newest.statement) == (1, plan.statement)
    assert lake.transaction_version(KEY, KEY) == plan.transaction.version
    assert lines(lake) == {MARCH_1: 7, MARCH_2: 1}


def test_a_row_outside_of_the_days_to_be_replaced_is_refused(lake):
    """Promise 8: nothing falls back to overwriting more than was asked for."""
    plan = replace(planned(lake), rows=days(MARCH_1, MARCH_2, lines=7))

    with pytest.raises(DeltaError, match="failed validation"):
        write(lake, plan)

    assert (lake.version(KEY), lines(lake)) == (0, {MARCH_1: 1, MARCH_2: 1})


def restored(lake: LocalLake) -> None:
    said(lake, "settled")
    DeltaTable(lake.uri(KEY)).restore(0)


def rebuilt(lake: LocalLake) -> None:
    """Also where the log no longer knows its transaction."""
    said(lake, "rebuild", "another")


def said(lake: LocalLake, kind: str, run_id: str = "somebody") -> None:
    """A commit of another writer."""
    statement = Statement(kind, run_id).to_json()  # type: ignore[arg-type]
    properties = CommitProperties(custom_metadata={"userMetadata": statement})
    write_deltalake(lake.uri(KEY), days().table, mode="append", commit_properties=properties)


@pytest.mark.parametrize(("meanwhile", "raises"), [(restored, LossError), (rebuilt, SupersededError)])
def test_what_came_since_the_plan_is_looked_at_in_the_snapshot_that_is_committed_from(lake, meanwhile, raises):
    """A RESTORE, or another plan's rows."""
    plan = planned(lake)
    meanwhile(lake)
    before = lines(lake)

    with pytest.raises(raises):
        write(lake, plan)

    assert lines(lake) == before


def test_a_rival_that_many_commits_of_maintenance_hide_is_found(lake):
    """The history is read in pieces; what comes between two of them counts as well."""
    plan = planned(lake)
    rebuilt(lake)
    for _ in range(12):
        said(lake, "settled")

    with pytest.raises(SupersededError):
        write(lake, plan)


def beside(lake: LocalLake, monkeypatch, *commits: Callable[[LocalLake], Any]) -> None:
    """Has another writer commit between the look and the commit of each try."""
    waiting, real = [*commits], arrow_writer.write_deltalake

    def late(*args, **kwargs):
        if waiting:
            waiting.pop(0)(lake)
        real(*args, **kwargs)

    monkeypatch.setattr(arrow_writer, "write_deltalake", late)


def test_a_commit_that_came_a_moment_before_is_never_written_over(lake, monkeypatch):
    """The batch is written again, from the table as it then is."""
    plan = planned(lake)
    beside(lake, monkeypatch, *[partial(said, kind="settled")] * 2)

    write(lake, plan)

    assert [each.statement.run_id for each in lake.commits(KEY)] == ["mine", "somebody", "somebody", "first"]
    assert lines(lake) == {MARCH_1: 7, MARCH_2: 1}


def test_a_rival_that_came_a_moment_before_wins(lake, monkeypatch):
    """Of two plans made from one ledger one is written."""
    plan = planned(lake)
    beside(lake, monkeypatch, rebuilt)

    with pytest.raises(SupersededError):
        write(lake, plan)

    assert [each.statement.run_id for each in lake.commits(KEY)] == ["another", "first"]


def test_what_a_table_does_not_allow_is_no_lost_race(tmp_path):
    """It would be tried again and again, and told as another commit that came between."""
    rows, where = days(MARCH_1).table, str(tmp_path / "kept")
    write_deltalake(where, rows, configuration={"delta.appendOnly": "true"})
    with pytest.raises(CommitFailedError) as refused:
        write_deltalake(where, rows, mode="overwrite")
    assert not conflicts.is_conflict(refused.value)


def test_a_commit_whose_answer_was_lost_is_not_made_twice(lake, monkeypatch):
    """The store has it, and the next try finds the transaction done."""
    plan, real = planned(lake), arrow_writer.write_deltalake

    def unanswered(*args, **kwargs):
        real(*args, **kwargs)
        monkeypatch.setattr(arrow_writer, "write_deltalake", real)
        raise CommitFailedError("the answer was lost")

    monkeypatch.setattr(arrow_writer, "write_deltalake", unanswered)
    monkeypatch.setattr(grounds, "is_next", lambda *_: True)
    write(lake, plan)

    assert [each.version for each in lake.commits(KEY)] == [1, 0]
    assert grounds.confirm(lake, plan).version == 1


@pytest.mark.parametrize("feature", [TableFeatures.DeletionVectors, TableFeatures.AppendOnly])
def test_only_tables_of_the_allow_list_are_written(lake, feature):
    """Everything else is left to Spark."""
    DeltaTable(lake.uri(KEY)).alter.add_feature(feature, allow_protocol_versions_increase=True)

    assert protocol.takes(lake.open(KEY)) is (feature is TableFeatures.AppendOnly)


def test_columns_are_brought_into_the_tables_order_and_types_and_strange_ones_are_refused(lake):
    """Null where the rows have none."""
    table = lake.open(KEY)
    rows = pa.table({"EVENT_DATE": pa.array([MARCH_1], pa.date32())})

    fitted = arrow_writer._fitted(rows, table)
    assert fitted.column_names == ["lines", "event_date"]
    assert fitted.to_pylist() == [{"lines": None, "event_date": MARCH_1}]
    strange = rows.append_column("strange", pa.array([1]))
    plan = replace(planned(lake), rows=Frame(strange))
    with pytest.raises(DeltaError, match="number of fields"):
        write(lake, plan)
    assert lake.version(KEY) == 0


def test_a_commit_that_only_says_something_is_made_once(lake):
    """No row changes; the same transaction again makes no second commit."""
    statement, before = Statement("increment", "mine"), lines(lake)
    for _ in range(2):
        writer(lake, planned(lake)).state(statement, Transaction("t", 1))

    assert (lake.version(KEY), lines(lake), next(lake.commits(KEY)).statement) == (1, before, statement)


def test_a_date_that_python_cannot_hold_meets_like_any_other(tmp_path):
    """In the year 12100, where it is part of a grain."""
    far = pa.array([3_700_000, 3_700_001], pa.int32()).cast(pa.date32())
    rows = pa.table({"due": far, "event_date": pa.array([MARCH_1, MARCH_2])})
    write_deltalake(tmp_path, rows, partition_by=["event_date"])

    lake = LocalLake(load(home=tmp_path), tmp_path.parent)
    found = meeting_rows.met(lake, tmp_path.name, DeltaTable(tmp_path), rows.slice(1), ("due", "event_date"), "TRUE")

    assert found.held.equals(rows.slice(1))


SALES = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["P'1", "P2"]), st.sampled_from([MARCH_1, MARCH_2, MARCH_3])),
    unique=True,
    max_size=18,
)
BY_DAY, OVER_DAYS = ("number", "product", "event_date"), ("number", "product")


def sales(found: list[tuple[int, str, date]], amount: int) -> pa.Table:
    numbers, products, dates = zip(*found, strict=True) if found else ((), (), ())
    return pa.table(
        {
            "number": pa.array(numbers, pa.int64()),
            "product": pa.array(products, pa.string()),
            "amount": pa.array([amount] * len(found), pa.int32()),
            "event_date": pa.array(dates, pa.date32()),
        }
    )


@given(held=SALES, batch=SALES, grain=st.sampled_from([BY_DAY, OVER_DAYS]), parted=st.booleans())
def test_a_merge_is_what_a_dictionary_says_and_reads_only_partitions_where_rows_meet(held, batch, grain, parted):
    """Also where a row moves to another partition, and where none of them meet."""
    at = [("number", "product", "event_date").index(name) for name in grain]
    by_grain = lambda found: {tuple(row[each] for each in at): row for row in found}  # noqa: E731
    before, new = by_grain(held), by_grain(batch)
    with TemporaryDirectory() as folder:
        by = ["event_date"] if parted else None
        for row in before.values():
            write_deltalake(folder, sales([row], 1), mode="append", partition_by=by)
        if not before:
            write_deltalake(folder, sales([], 1), partition_by=by)
        table, rows = DeltaTable(folder), sales([*new.values()], 2)
        lake = LocalLake(load(home=Path(folder)), Path(folder).parent)
        meeting = meeting_rows.met(lake, Path(folder).name, table, rows, grain, "TRUE").held
        scanned = 0
        if meeting.num_rows:
            arrow_writer._merge(table, rows, meeting, grain, "TRUE", CommitProperties())
            scanned = table.history(1)[0]["operationMetrics"]["num_target_files_scanned"]
        else:
            arrow_writer._append(table, rows, CommitProperties())

        found = DeltaTable(folder).to_pyarrow_table().to_pylist()
    wanted = {row: 1 for key, row in before.items() if key not in new} | dict.fromkeys(new.values(), 2)
    assert {(row["number"], row["product"], row["event_date"]): row["amount"] for row in found} == wanted
    assert len(found) == len(wanted)
    met = {row[2] for key, row in before.items() if key in new}
    assert scanned <= (sum(row[2] in met for row in before.values()) if parted else len(before))
