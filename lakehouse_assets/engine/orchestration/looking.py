"""What there is to do for a source: slices that bronze lacks, and tables that are behind. Reads logs, no rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse_assets.engine.flow import below
from lakehouse_assets.engine.history import segments
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.engine.history.recovery import ledger_of
from lakehouse_assets.engine.orchestration import holding
from lakehouse_assets.engine.sources.source import Source
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.writing.engine import standing_ledger
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from lakehouse_assets.engine.kinds.source import SourceTable


@dataclass(frozen=True)
class Work:
    """What there is to do: slices for bronze, or none when only later layers are behind."""

    slices: tuple[Slice, ...]
    state: str
    """Digest of the ledgers of the tables that live on this source alone, and of the code.

    As long as it stays the same, a failure would repeat.
    """
    is_behind: bool = False
    """Whether a table has not taken in yet what the tables above it have."""


def look(
    settings: Settings,
    source: SourceTable,
    tables: Sequence[Table],
    *,
    held: Collection[str] = (),
    rebuilding: bool = False,
    busy: Collection[SourceTable] = (),
    origin: Source | None = None,
    lake: Lake | None = None,
) -> Work | None:
    """The work there is; None when every table has caught up with the source, or is `held`.

    Days that somebody rebuilds just now are left to that run; what lives on a `busy` source as well, to the run of that
    one. `origin`: the source, where the caller asks it for more; `lake`: what to go by, where it is looked at already.
    """
    lake = lake or Lake(settings)
    ledger = standing_ledger(lake, source)
    ledgers = {source.key: ledger} | {table.key: ledger_of(lake, table) for table in _known(below(source, tables))}
    left_to_others = {table.key for table in below(source, tables) if {*table.sources} & {*busy}}
    waiting = [table for table in below(source, tables) if table.key not in {*held, *left_to_others}]
    behind = any(table.is_behind(lake, ledgers) for table in waiting if not (rebuilding and _is_level(table, ledgers)))
    slices: tuple[Slice, ...] = ()
    try:
        slices = () if source.key in held else (origin or source.reader(settings)).plan(ledger)
    except UnavailableError:
        if not behind:
            raise
    alone = {table.key for table in (source, *below(source, tables)) if table.sources == (source,)}
    own = {key: each for key, each in ledgers.items() if key in alone}
    return Work(slices, _digest(own), behind) if slices or behind else None


def _known(tables: Sequence[Table]) -> dict[Table, None]:
    """Tables, and all that they live on."""
    return dict.fromkeys(each for table in tables for each in (*table.upstreams, table))


def _is_level(table: Table, ledgers: Mapping[str, Ledger]) -> bool:
    """Whether its upstreams hold nothing beyond it: then only what is rebuilt could be missing."""
    above = (ledgers[each.key].position for each in table.upstreams if each.key in ledgers)
    return all(each.is_within(ledgers[table.key].position) for each in above)


def _digest(ledgers: dict[str, Ledger]) -> str:
    said = {key: [segments.shortened(ledger.position), ledger.stated_version] for key, ledger in ledgers.items()}
    text = json.dumps(said, sort_keys=True) + holding.CODE_VERSION
    return hashlib.sha256(text.encode()).hexdigest()[:16]
