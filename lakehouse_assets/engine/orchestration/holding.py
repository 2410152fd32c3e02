"""Which tables wait, and why: the holds that stand, who records one, and the wait after a run that died."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pyspark.errors import PySparkException

from lakehouse_assets.engine.history import holds, segments
from lakehouse_assets.engine.history.holds import Hold
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.project import code_version
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing.publication import RefusedError
from lakehouse_assets.errors import BrokenContractError, LakehouseError, LossError, PlanError, UnavailableError
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import RunRecord

CODE_TAG = ".dagster/lakehouse_code"
"""The version of the code that a run was asked for with."""
CLOCKS_APART_SECONDS = 60.0
BY_SOMEBODY = frozenset({"acceptance", "rebuild", "replay", "widened", "columns"})
"""Statements of commits that release what waits for the table; of the table itself an increment does as well."""
_BY_ITSELF = BY_SOMEBODY | {"increment"}


def standing(
    settings: Settings, tables: Sequence[Table], recorded: Mapping[str, Hold] | None = None
) -> dict[str, Hold]:
    """The holds of these tables that are in force, by key; of those `recorded`, where they are known.

    Raises:
        UnavailableError: the store does not answer.
    """
    recorded = holds.read(settings) if recorded is None else recorded
    found = [(table, recorded[table.key]) for table in tables if table.key in recorded]
    return {table.key: each for table, each in found if stands(settings, table, each)}


def stands(settings: Settings, table: Table, hold: Hold) -> bool:
    """Whether a recorded hold of the table is still in force."""
    if hold.code != CODE_VERSION:
        return False
    if hold.temporary:
        return hold.age_seconds < wait_seconds(settings, hold.tries)
    lake = Lake(settings)
    return not any(_is_touched(lake, key, hold.seen.get(key, -1), kinds) for key, kinds in _releasing(table).items())


def _is_touched(lake: Lake, key: str, since: int, kinds: frozenset[str]) -> bool:
    """Whether a commit after a version says one of these kinds."""
    for commit in lake.commits(key):
        if commit.version <= since:
            return False
        if commit.statement is not None and commit.statement.kind in kinds:
            return True
    return False


def _releasing(table: Table) -> dict[str, frozenset[str]]:
    """Which commits of which tables release a hold of this one."""
    above = {each.key: BY_SOMEBODY for each in table.upstreams}
    return {table.key: _BY_ITSELF} | above | dict.fromkeys(table.looked_up, _BY_ITSELF)


def wait_seconds(settings: Settings, tries: int) -> float:
    """How long to wait after so many failures."""
    return min(settings.retry_base_seconds * 2.0 ** (min(tries, 64) - 1), settings.retry_cap_seconds)


def shown(settings: Settings, hold: Hold) -> str:
    """A hold in one line: since when, why, and what to do."""
    if hold.temporary:
        left = max(0.0, wait_seconds(settings, hold.tries) - hold.age_seconds)
        return f"{hold.table} waits, try {hold.tries} failed: {hold.reason} The next one in {left:.0f} s"
    return f"{hold.table} is held since {hold.since}: {hold.reason}"


def _always(_: Exception) -> bool:
    return True


@contextmanager
def recording(lake: Lake, table: Table, run_id: str, counts: Callable[[Exception], bool] = _always) -> Iterator[None]:
    """Plans or writes a batch of a table; what ends it, where it `counts`, is recorded as its hold, and raised on."""
    seen = {key: lake.version(key) for key in _releasing(table)}
    try:
        yield
    except Exception as error:
        if counts(error) and not _is_told_elsewhere(table, error):
            with contextlib.suppress(UnavailableError):
                record(lake.settings, table, run_id, error, seen)
        raise


def _is_told_elsewhere(table: Table, error: Exception) -> bool:
    """A lost race is planned anew at once; what a source has lost is told by each look at it."""
    return isinstance(error, PlanError) or (table in table.sources and isinstance(error, LossError))


def record(settings: Settings, table: Table, run_id: str, error: Exception, seen: Mapping[str, int]) -> Hold:
    """Records what ended a batch: for good where a contract is broken, for a while otherwise."""
    kind = type(error).__name__
    before = holds.read(settings, table.key).get(table.key)
    again = before is not None and (before.error, before.code) == (kind, CODE_VERSION)
    found = Hold(
        table=table.key,
        reason=reason(error, run_id),
        error=kind,
        code=CODE_VERSION,
        run_id=run_id,
        since=before.since if before and again else datetime.now(UTC).isoformat(timespec="seconds"),
        tries=before.tries + 1 if before and again else 1,
        temporary=not isinstance(error, BrokenContractError),
        rules=tuple(sorted(error.audit.broken_rules)) if isinstance(error, RefusedError) else (),
        seen=dict(seen),
        position=tuple(segments.shortened(Lake(settings).ledger(table.key).position)),
    )
    holds.write(settings, found)
    return found


def reason(error: Exception, run_id: str) -> str:
    """The message of an error of ours; of another one its name alone, because it may quote a row."""
    if isinstance(error, LakehouseError):
        return str(error)
    condition = error.getCondition() if isinstance(error, PySparkException) else None
    return f"{condition or type(error).__name__}; run {run_id[:8]} has the whole message."


def hold(settings: Settings, tried: Sequence[RunRecord], now: datetime) -> str | None:
    """Why not to start a run yet; None to go on. `tried` are the failed runs from this very state, newest first.

    A run that ended in the future was on a machine with another clock: it says nothing of how long to wait.
    """
    if not tried:
        return None
    last = tried[0]
    wait = wait_seconds(settings, len(tried))
    left = (last.end_time or last.update_timestamp.timestamp()) + wait - now.timestamp()
    if left <= 0 or left > wait + CLOCKS_APART_SECONDS:
        return None
    return f"try {len(tried)} failed (run {last.dagster_run.run_id[:8]}); the next one in {left:.0f} s"


CODE_VERSION = code_version()
"""Of everything that a run imports: a hold does not outlive it."""
