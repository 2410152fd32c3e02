"""A table of answers, gold: recomputed for each partition whose sources changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pyspark.sql.functions as F
from pandera.pyspark import DataFrameModel
from pyspark.sql import Column, DataFrame, SparkSession

from lakehouse_assets.engine import checks, definitions
from lakehouse_assets.engine.checks import Check
from lakehouse_assets.engine.contracts import Contract, compile_model, without_quarantine
from lakehouse_assets.engine.grids import DAILY, Grid, Partition
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.history.versions import ANSWERS
from lakehouse_assets.engine.kinds import selecting
from lakehouse_assets.engine.table import Table, Transform
from lakehouse_assets.engine.upstreams import Upstream, upstreams
from lakehouse_assets.engine.writing import answers
from lakehouse_assets.engine.writing.engine import Batch, Engine
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.engine.writing.rebuilds import Rebuild
from lakehouse_assets.engine.writing.rows import made_up
from lakehouse_assets.engine.writing.verdicts import judged
from lakehouse_assets.settings import Settings


@dataclass(frozen=True)
class AnswerTable(Table):
    """Gold: an answer for each partition, recomputed where its sources changed."""

    source: Table | Upstream | Sequence[Table | Upstream]
    """What it answers from: a table, or several, in the order in which the transform takes them."""
    schema: type[DataFrameModel]
    transform: Transform | None = None
    """A frame of each source, with all that some partitions need, to those partitions' answers."""
    sql: str = ""
    """In the place of a transform: one SELECT over the names of the sources (`silver_sales_orders`)."""
    plot: str = ""
    """The column that a materialization plots, summed by day; none is plotted without."""
    grain: tuple[str, ...] = ()
    """Columns that identify an answer, besides its partition; none for one row a partition."""
    grid: Grid = field(default=DAILY, kw_only=True)
    """How it is parted."""

    def __post_init__(self) -> None:
        """Refuses what could not hold, with a ContractError."""
        super().__post_init__()
        selecting.check(self.transform, self.sql, self.key)
        definitions.check_answers(self.contract, self.key)

    @cached_property
    def contract(self) -> Contract:
        """The compiled schema; a broken rule that names no severity fails.

        Raises:
            ContractError: a check cannot be enforced, or is to set answers aside: they have no record to come back to.
        """
        return without_quarantine(compile_model(self.schema, self.key, default="fail"), self.key)

    @cached_property
    def code_version(self) -> str:
        """Changes when the table's file or contract does."""
        return selecting.version_of(self.transform, self.sql, self.contract)

    @cached_property
    def function(self) -> Transform:
        """What makes its rows from frames of what it lives on."""
        return selecting.function_of(self.transform, self.sql, self.lives_on)

    @cached_property
    def lives_on(self) -> tuple[Upstream, ...]:
        """Its sources."""
        return upstreams(self.source)

    @property
    def read_as_of(self) -> tuple[Table, ...]:
        """All of them."""
        return self.upstreams

    def increment(self, engine: Engine, batch: Batch) -> Publication | None:
        """The partitions that changed above it since its position."""
        return answers.recompute(engine, self)

    def is_behind(self, lake: Lake, ledgers: Mapping[str, Ledger]) -> bool:
        """Whether its sources have met further on, or partitions that it answered from were computed anew."""
        return answers.is_behind(lake, self, ledgers)

    def rebuild(self, engine: Engine, days: Sequence[Partition], tries: Sequence[str] = ()) -> Rebuild:
        """The partitions recomputed from its sources as they were at its own position."""
        return answers.redo(engine, self, days, tries)

    def rehearsed(self, spark: SparkSession, settings: Settings) -> DataFrame:
        """Answers with their verdicts."""
        return judged(self, [made_up(spark, each.table.readable) for each in self.lives_on])

    @property
    def whole_commits(self) -> frozenset[str]:
        """An increment computes whole days, too."""
        return ANSWERS

    @property
    def full_grain(self) -> tuple[str, ...]:
        """The grain with the partition."""
        return (*self.grain, *self.grid.columns)

    @property
    def grain_rule(self) -> str:
        """The grain as a rule, e.g. `one row per ProductNo and event_date`."""
        return f"one row per {' and '.join(self.full_grain)}"

    @property
    def checks(self) -> tuple[Check, ...]:
        """The grain, and each rule."""
        once = self.grain_rule
        whole = Check(checks.check_name(once), frozenset({once}), f"There is {once}", "fail")
        return (whole, *checks.of_rules(self.contract))

    @property
    def fatal_rules(self) -> frozenset[str]:
        """Those of severity `fail`, and the grain."""
        return super().fatal_rules | {self.grain_rule}

    def told(self) -> Column:
        """The grain's values."""
        shown = self.contract.shown()
        return F.concat_ws(", ", *[F.concat(F.lit(f"{name} "), shown[name]) for name in self.full_grain])

    def rules_said(self) -> Iterator[str]:
        """The contract."""
        yield f"**Rules**: {checks.rules_said(self.contract, 'fail', 'a breach publishes nothing')}"

    @property
    def measure(self) -> str:
        """The declared one."""
        return self.plot

    def derived(self, inputs: Mapping[str, DataFrame], settings: Settings) -> DataFrame:
        """The transform's own columns."""
        return self.function(*(inputs[each.table.key] for each in self.lives_on))
