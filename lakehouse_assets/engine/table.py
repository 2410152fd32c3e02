"""What the engine asks of every table, of whichever kind. The answers are in `engine/kinds/`, one file for each kind.

Nothing outside that room asks a table what kind it is: what is true of some kinds only has an answer here that says
nothing, and the kind says otherwise. `days` are partitions of the table's own grid, whatever it is; the other words are
explained in docs/how_it_works.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql.types import StructType

from lakehouse_assets.engine.contracts import Contract
from lakehouse_assets.engine.grids import DAILY, Grid, Partition
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.history.versions import REBUILDS
from lakehouse_assets.engine.named import Named
from lakehouse_assets.engine.sources.planning import Acceptance
from lakehouse_assets.engine.upstreams import Upstream
from lakehouse_assets.engine.writing.deduplication import COORDINATE
from lakehouse_assets.errors import LakehouseError

if TYPE_CHECKING:
    from dagster import AssetDep, AssetKey
    from pyspark.sql import Column, DataFrame, SparkSession

    from lakehouse_assets.engine.checks import Check
    from lakehouse_assets.engine.history.lake import Lake
    from lakehouse_assets.engine.history.ledger import Ledger
    from lakehouse_assets.engine.kinds.quarantine import Quarantine
    from lakehouse_assets.engine.kinds.source import SourceTable
    from lakehouse_assets.engine.writing.engine import Batch, Engine
    from lakehouse_assets.engine.writing.publication import Publication
    from lakehouse_assets.engine.writing.rebuilds import Rebuild
    from lakehouse_assets.settings import Settings


@dataclass(frozen=True)
class Table(Named, ABC):
    """What every table is asked."""

    @property
    @abstractmethod
    def code_version(self) -> str:
        """Changes when the code or the contract that makes the table's rows does."""

    # What it lives on.

    @property
    def lives_on(self) -> tuple[Upstream, ...]:
        """The tables that its rows are made from, and how partitions of theirs mean partitions of its own."""
        return ()

    @property
    def upstreams(self) -> tuple[Table, ...]:
        """The tables whose changes make its rows."""
        return tuple(each.table for each in self.lives_on if not each.looked_up)

    @property
    def references(self) -> tuple[Table, ...]:
        """The tables that its code looks values up in."""
        return tuple(each.table for each in self.lives_on if each.looked_up)

    @property
    def sources(self) -> tuple[SourceTable, ...]:
        """The source tables that its rows come from, through whichever tables; of a source table itself."""
        return tuple(dict.fromkeys(source for each in self.upstreams for source in each.sources))

    @property
    def made_from(self) -> tuple[str, ...]:
        """What its rows are made from, in words: keys of tables, or a source."""
        return tuple(each.table.key for each in self.lives_on)

    @property
    def asset_deps(self) -> tuple[AssetDep | AssetKey, ...]:
        """The assets above it in Dagster's graph."""
        return tuple(each.dep(self.grid) for each in self.lives_on)

    @property
    def read_as_of(self) -> tuple[Table, ...]:
        """Upstreams of which a rebuild reads the version of the table's own position, which a vacuum must keep."""
        return ()

    @property
    def looked_up(self) -> tuple[str, ...]:
        """Keys of tables that its code or its rules look values up in."""
        ruled = self.contract.looked_up if self.contract else ()
        return tuple(dict.fromkeys([*(each.key for each in self.references), *ruled]))

    @property
    def set_aside(self) -> Quarantine | None:
        """Its quarantine as a table; None where no row of it is set aside."""
        return None

    # What an increment and a rebuild mean.

    def increment(self, engine: Engine, batch: Batch) -> Publication | None:
        """What is new above it, as one publication; `batch` is what a sensor froze of the source.

        Raises:
            BrokenContractError: nothing can be published.
        """
        raise self._refused("takes no increments")

    def is_behind(self, lake: Lake, ledgers: Mapping[str, Ledger]) -> bool:
        """Whether an increment would find something; `ledgers`, by key, are its own and those of its upstreams."""
        own = ledgers[self.key].position
        return any(not ledgers[each.key].position.is_within(own) for each in self.upstreams)

    def rebuild(self, engine: Engine, days: Sequence[Partition], tries: Sequence[str] = ()) -> Rebuild:
        """Some days anew, no further than its own position; `tries` are earlier runs of this one.

        Raises:
            BrokenContractError: nothing can be published.
        """
        raise self._refused("is not rebuilt")

    def replay(self, engine: Engine, days: Sequence[Partition]) -> Rebuild:
        """What it set aside on some days, tried once more; what passes now joins it."""
        raise self._refused("has nothing that can be replayed: rebuild it instead")

    def recovered(self, lake: Lake) -> Position:
        """Its position by its rows, where the history no longer says it."""
        return Position()

    def acceptance(self, settings: Settings, ledger: Ledger) -> Acceptance:
        """What somebody's word that all is known means for it."""
        return Acceptance(topic_id="", resume={})

    @property
    def whole_commits(self) -> frozenset[str]:
        """Kinds of commits that compute a whole day of it; any other adds to the day."""
        return REBUILDS

    # How it is laid out.

    @property
    def grid(self) -> Grid:
        """How it is parted in time."""
        return DAILY

    @property
    def append_only(self) -> bool:
        """Whether no row of it is ever changed."""
        return False

    @property
    def full_grain(self) -> tuple[str, ...]:
        """Columns that identify a row."""
        return ()

    @property
    def quarantined_by_day(self) -> bool:
        """Whether every row of its quarantine has a partition inside the calendar."""
        return False

    @property
    def coordinate(self) -> tuple[str, ...]:
        """The columns that tell its rows' records apart, or their lines."""
        return COORDINATE

    def coordinates(self, rows: str, where: str) -> str:
        """SQL: the coordinates that `rows` of it stand for."""
        return f"SELECT {', '.join(f'`{name}`' for name in self.coordinate)} FROM {rows} WHERE {where}"

    @property
    def same_record(self) -> str:
        """SQL: whether the record of a quarantined row `q` is the one of coordinate `h`."""
        return " AND ".join(f"q.`{name}` = h.`{name}`" for name in self.coordinate)

    # What it promises.

    @property
    def contract(self) -> Contract | None:
        """Its model, compiled; None where rows are kept as they came."""
        return None

    @property
    def contract_version(self) -> str:
        """The contract's version, as a commit says it; empty without one."""
        return self.contract.version if self.contract else ""

    @property
    def columns(self) -> StructType:
        """Its columns as it lies in the lake, each with its meaning as `comment`."""
        return self.contract.fields if self.contract else StructType()

    @property
    def readable(self) -> StructType:
        """The columns that a table made from it may read."""
        return self.columns

    def published_schema(self, spark: SparkSession) -> StructType:
        """The columns with which it is created, from an analysis of its code alone."""
        return self.columns

    @property
    def checks(self) -> tuple[Check, ...]:
        """What is checked of it, in the order of its contract."""
        return ()

    @property
    def fatal_rules(self) -> frozenset[str]:
        """The rules that let nothing pass when they are broken."""
        return self.contract.of_severity("fail") if self.contract else frozenset()

    @property
    def is_frozen(self) -> bool:
        """Whether a field that comes or goes stops the table."""
        return False

    def told(self) -> Column:
        """string: what names a row that breaks a rule."""
        raise self._refused("breaks no rules")

    # What people see of it.

    @property
    def grain_said(self) -> str:
        """The columns that identify a row, in words."""
        return f"one row per {', '.join(f'`{name}`' for name in self.full_grain)}"

    @property
    def freshness_said(self) -> str:
        """How long it may stay without a change."""
        return f"a change every {self.freshness_hours:g} hours" if self.freshness_hours else "none promised"

    @property
    def fed_said(self) -> str:
        """How rows come into it."""
        return f"Filled by itself from {', '.join(self.made_from)}: by watch_sources, among the sensors"

    def rules_said(self) -> Iterator[str]:
        """Its rules, each as `name: what it says`, for a list."""
        return iter(())

    @property
    def measure(self) -> str:
        """The column that a materialization plots; empty for none."""
        return ""

    def inputs(self) -> Mapping[str, StructType]:
        """By asset, as `layer/domain/table`: the columns that its code reads."""
        return {each.table.key: each.table.readable for each in self.lives_on}

    def decoded(self, rows: DataFrame, explode: str = "") -> DataFrame:
        """Its rows as what is made from them gets them; of an array that is named each element as a row."""
        return rows

    def rehearsed(self, spark: SparkSession, settings: Settings) -> DataFrame | None:
        """What its code makes of a made-up row of each table above, to be thrown away; None where none of it is ours.

        So the server has compiled what a first batch needs before there is one.
        """
        return None

    def derived(self, inputs: Mapping[str, DataFrame], settings: Settings) -> DataFrame | None:
        """Its columns from frames of its inputs, lazily; None where no code makes them."""
        return None

    def names(self) -> Iterator[tuple[str, str]]:
        """What nobody else may be called: (`the asset`, `the name` and the like, the name)."""
        yield "the asset", self.asset_key.to_user_string()
        yield "the name", self.name
        if self.set_aside is not None:
            yield "the asset", self.quarantine

    def _refused(self, what: str) -> LakehouseError:
        return LakehouseError(f"this table {what}", where=self.key, do="Give another table")


Transform = Callable[..., "DataFrame"]
"""A table's function: a frame of each table that it lives on, in their order, to its own rows."""
