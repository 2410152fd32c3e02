"""Backfills asked for on the command line: what they would touch, their start through Dagster, and how far they are.

What the UI offers to be backfilled begins where `beginnings` says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lakehouse_assets.engine.grids import Grid, Partition, ordered
from lakehouse_assets.engine.history.lake import Lake, Size
from lakehouse_assets.engine.history.versions import Stale, changed_at, stale
from lakehouse_assets.engine.orchestration import webserver
from lakehouse_assets.engine.table import Table
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.settings import Settings

ALL, STALE = "all", "stale"
_NOTHING = Size(0, 0, 0)
_LAUNCH = """mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename
  ... on LaunchBackfillSuccess { backfillId }
  ... on Error { message }
} }"""
_PROGRESS = """query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill { status runs(limit: 100) { runId status } error { message } }
} }"""


@dataclass(frozen=True)
class Preview:
    """What a backfill of these days would do."""

    table: Table
    days: tuple[Partition, ...]
    runs: tuple[tuple[Partition, Partition], ...]
    """First and last day of each run: one for each unbroken range."""
    read: Size
    """What the days hold in the layer below; nothing for bronze, which rereads Kafka."""
    replaced: Size
    """What the days hold in the table now."""


@dataclass(frozen=True)
class Progress:
    """A backfill in flight: Dagster's status and that of each run by run id."""

    status: str
    runs: Mapping[str, str]
    error: str = ""

    @property
    def ended(self) -> bool:
        """Whether Dagster does nothing more for it."""
        return self.status.startswith("COMPLETED") or self.status in ("FAILED", "CANCELED")

    @property
    def shown(self) -> str:
        """In words."""
        running = [f"run {run[:8]} {status.lower()}" for run, status in self.runs.items() if status != "SUCCESS"]
        return ", ".join(running) or self.status.lower().replace("_", " ")

    @property
    def succeeded(self) -> bool:
        """Whether every day was rebuilt."""
        return self.status == "COMPLETED_SUCCESS"


def preview(lake: Lake, table: Table, days: Collection[Partition]) -> Preview:
    """What the backfill would touch, from the tables' logs alone."""
    wanted = tuple(ordered(days))
    read = [
        size
        for each in table.lives_on
        for part, size in lake.sizes(each.table.key).items()
        if {*each.touched(table.grid, part, wanted)} & {*wanted}
    ]
    replaced = _sum([lake.sizes(table.key)], wanted)
    return Preview(table, wanted, ranges(table.grid, wanted), _summed(read), replaced)


def _sum(tables: Iterable[Mapping[Partition, Size]], days: Sequence[Partition]) -> Size:
    return _summed([sizes.get(day, _NOTHING) for sizes in tables for day in days])


def _summed(found: Sequence[Size]) -> Size:
    return Size(sum(s.rows for s in found), sum(s.bytes for s in found), sum(s.files for s in found))


def ranges(grid: Grid, days: Sequence[Partition]) -> tuple[tuple[Partition, Partition], ...]:
    """Sorted partitions as unbroken ranges (first, last)."""
    found: list[tuple[Partition, Partition]] = []
    for day in days:
        if found and grid.next(found[-1][1]) == day:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return tuple(found)


def held_by(lake: Lake, tables: Sequence[Table]) -> list[dict[Partition, Size]]:
    """What the tables of a backfill hold by day, the first one first, then what those hold that they are made from."""
    above = {up.key: None for each in tables for up in each.upstreams}
    keys = dict.fromkeys(each.key for each in tables) | above
    return [lake.sizes(key) for key in keys]


def bridged(
    grid: Grid, days: Sequence[Partition], held: Sequence[Mapping[Partition, Size]], most_rows: int
) -> tuple[Partition, ...]:
    """The days, and those between them that cost less to rebuild along than one more run for what follows.

    A gap is closed where each table holds rows on every day of it, `most_rows` at most in the first table: an empty day
    would be shown as materialized, one that only some hold would be changed by its rebuild.
    """
    found = list(days[:1])
    for day in days[1:]:
        gap = [*grid.between(found[-1], day)][1:-1]
        filled = all(sizes.get(each, _NOTHING).rows for each in gap for sizes in held)
        if gap and filled and _sum(held[:1], gap).rows <= most_rows:
            found += gap
        found.append(day)
    return tuple(found)


def parse_days(text: str, lake: Lake, table: Table) -> tuple[Partition, ...]:
    """The days that a text names: `2017-03-01`, `2017-03-01..2017-03-30`, several by comma, `all` or `stale`.

    Raises:
        LakehouseError: the text is none of these.
    """
    if text == ALL:
        return tuple(ordered(known_days(lake, table)))
    if text == STALE:
        return stale_days(lake, table).days
    days: set[Partition] = set()
    for part in text.split(","):
        days.update(_range(table.grid, part.strip()))
    return tuple(ordered(days))


def stale_days(lake: Lake, table: Table) -> Stale:
    """The days of a table that today's code did not compute, and those of which nobody knows any more."""
    newest = {key: changed_at(lake.commits(key)) for key in (each.key for each in table.references)}
    return stale(lake.commits(table.key), lake.days(table.key), table.code_version, table.whole_commits, newest)


def known_days(lake: Lake, table: Table) -> frozenset[Partition]:
    """The days that a table holds, and those that it would be computed of from what it lives on."""
    above = [each for each in table.lives_on if not each.is_read_whole]
    of_above = (
        part for each in above for day in lake.days(each.table.key) for part in each.touched(table.grid, day, ())
    )
    return lake.days(table.key).union(of_above)


def _range(grid: Grid, text: str) -> list[Partition]:
    first, dots, last = text.partition("..")
    try:
        return [*grid.between(grid.parse(first), grid.parse(last if dots else first))]
    except ValueError as error:
        now = datetime.now(UTC)
        today, before = grid.at(now), grid.at(now - timedelta(days=90))
        forms = f"{today}, {before}..{today}, several of them by comma, " if grid.columns else ""
        raise LakehouseError(
            f"cannot read {text!r} as {grid.unit}s", where=f"{grid.unit}s", do=f"Give {forms}`all` or `stale`"
        ) from error


def rebuilt(lake: Lake, table: Table, run_ids: Collection[str]) -> frozenset[Partition]:
    """Days of a table that these runs have committed."""
    days: set[Partition] = set()
    for commit in lake.commits(table.key):
        if commit.statement and commit.statement.kind == "rebuild" and commit.statement.run_id in run_ids:
            days.update(commit.statement.days)
    return frozenset(days)


def planned(lake: Lake, tables: Sequence[Table], days: Sequence[Partition]) -> dict[Table, tuple[Partition, ...]]:
    """Partitions of the first table, and those of the others, which live on it, that are computed from them."""
    found: dict[Table, tuple[Partition, ...]] = {tables[0]: tuple(days)}
    for table in tables[1:]:
        every = ordered(lake.days(table.key))
        above = [each for each in table.lives_on if each.table in found]
        touched = {part for each in above for day in found[each.table] for part in each.touched(table.grid, day, every)}
        found[table] = tuple(ordered(touched))
    return found


def launch(settings: Settings, wanted: Mapping[Table, Sequence[Partition]]) -> str:
    """Starts the backfill in the running Dagster; its id.

    Raises:
        UnavailableError: Dagster does not answer.
        LakehouseError: Dagster refuses it; says why.
    """
    params = {"partitionsByAssets": [_asked(table, days) for table, days in wanted.items() if days]}
    said = webserver.ask(settings.dagster_url, _LAUNCH, {"params": params})["launchPartitionBackfill"]
    if "backfillId" not in said:
        raise LakehouseError(
            f"Dagster refuses the backfill: {said.get('message', said['__typename'])}",
            where=", ".join(table.key for table in wanted),
            do="Give partitions from the month of the table's first rows to the end of the calendar",
        )
    return str(said["backfillId"])


def _asked(table: Table, days: Sequence[Partition]) -> dict[str, Any]:
    """A table in Dagster's words: the ranges of its partitions, or the whole of it where it is not parted."""
    path = {"assetKey": {"path": table.key.split("/")}}
    if table.grid.key(days[0]) is None:
        return path
    runs = [{"start": str(first), "end": str(last)} for first, last in ranges(table.grid, days)]
    return path | {"partitions": {"ranges": runs}}


def progress(settings: Settings, backfill_id: str) -> Progress:
    """How far a backfill is.

    Raises:
        UnavailableError: Dagster does not answer.
    """
    said = webserver.ask(settings.dagster_url, _PROGRESS, {"id": backfill_id})["partitionBackfillOrError"]
    runs = {run["runId"]: run["status"] for run in said.get("runs") or ()}
    return Progress(said.get("status", "UNKNOWN"), runs, (said.get("error") or {}).get("message", ""))
