"""A run's one step: batch after batch of a source through all of its tables, until nothing is left or its time is up.

A table that refuses a batch holds itself, and what lives on it finds nothing new; the others go on. Anything else that
goes wrong ends the run with its batch: the next one begins with a session of its own. A run in which a table failed or
refused ends as failed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dagster import AssetCheckEvaluation, Failure, MetadataValue, OpExecutionContext

from lakehouse_assets.engine.flow import below, sources
from lakehouse_assets.engine.history import holds
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.orchestration import checks, hold_checks, holding, in_flight, pipeline_log
from lakehouse_assets.engine.orchestration.io_manager import DeltaIOManager
from lakehouse_assets.engine.orchestration.looking import Work, look
from lakehouse_assets.engine.orchestration.news import Done, News
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.upkeep.tidying import Tidying
from lakehouse_assets.engine.writing.engine import Batch, Engine
from lakehouse_assets.engine.writing.publication import RefusedError, in_turn
from lakehouse_assets.errors import BrokenContractError, UnavailableError

if TYPE_CHECKING:
    from lakehouse_assets.engine.history.holds import Hold
    from lakehouse_assets.engine.kinds.source import SourceTable


@dataclass
class Drain:
    """The work of one run."""

    context: OpExecutionContext
    engine: Engine
    door: DeltaIOManager
    source: SourceTable
    tables: tuple[Table, ...]
    """All of the project."""
    failed: dict[str, Exception] = field(default_factory=dict)
    """By table."""

    def __post_init__(self) -> None:
        self.tidying = Tidying(Lake(self.engine.settings))
        self.news = News(self.context, self.engine, self.engine.settings.news_interval_seconds)
        self.chain = (self.source, *below(self.source, self.tables))

    def run(self) -> Iterator[AssetCheckEvaluation]:
        """Works through what there is; yields verdicts.

        Raises:
            Exception: the first that was no refusal, else the first refusal, once everything else is done.
        """
        until = time.monotonic() + self.engine.settings.run_budget_seconds
        try:
            while not self._must_end and (work := self._next()) is not None:
                yield from self._batch(work)
                yield from self.news.due()
                if time.monotonic() >= until:
                    break
        except BaseException:  # cancelled, most often: what is committed is told, its verdicts are not
            self.news.log()
            raise
        finally:
            self.tidying.end()
        yield from self.news.last()
        if self.failed:
            raise self._failure()

    @property
    def _must_end(self) -> bool:
        """What is no refusal may be of the session, or of a service."""
        return any(not isinstance(each, BrokenContractError) for each in self.failed.values())

    def _failure(self) -> Exception:
        """Names each table that did not merely refuse a batch for a rule: of that one its checks tell."""
        told = {key: each for key, each in self.failed.items() if not isinstance(each, RefusedError)}
        if not told:
            return next(iter(self.failed.values()))
        run_id = self.engine.run_id
        said = {key: MetadataValue.text(holding.reason(each, run_id)) for key, each in told.items()}
        failure = Failure(f"{', '.join(told)}: see the log", metadata=said, allow_retries=False)
        failure.__cause__ = next(iter(told.values()))
        return failure

    def _next(self) -> Work | None:
        """What there is for tables that are not held; nothing while the source or the store is away."""
        try:
            return self._look()
        except UnavailableError as error:
            self.context.log.warning(f"The run ends here, the next one goes on: {error}")
            return None

    def _look(self) -> Work | None:
        """Days that somebody rebuilds just now are left to that run."""
        self.engine.lake.forward()
        instance, settings = self.context.instance, self.engine.settings
        return look(
            settings,
            self.source,
            self.tables,
            held=holding.standing(settings, self.chain),
            rebuilding=in_flight.is_rebuilt(instance, [each.asset_key for each in self.chain]),
            busy=[each for each in sources(self.chain) if each != self.source and in_flight.increments(instance, each)],
            lake=self.engine.lake,
        )

    def _batch(self, work: Work) -> Iterator[AssetCheckEvaluation]:
        """One batch through every table: those whose upstream failed find nothing new."""
        batch, recorded = Batch(work.slices, datetime.now(UTC)), holds.read(self.engine.settings)
        for table in self.chain:
            yield from self._taken(table, batch, recorded.get(table.key))

    def _taken(self, table: Table, batch: Batch, recorded: Hold | None) -> Iterator[AssetCheckEvaluation]:
        settings = self.engine.settings
        if recorded is not None and holding.stands(settings, table, recorded):
            self.context.log.warning(holding.shown(settings, recorded))
            return
        try:
            self._commit(table, batch)
        except Exception as error:
            yield from self._refused(table, error)
            return
        if recorded is not None:
            holds.clear(settings, table.key)
            yield from hold_checks.verdicts(table, self.tables, None)

    def _commit(self, table: Table, batch: Batch) -> None:
        engine, began = self.engine, time.monotonic()
        with holding.recording(engine.lake, table, engine.run_id):
            publication = in_turn(engine.lake, table, lambda: table.increment(engine, batch))
            committed = None if publication is None else self.door.commit(engine.lake, publication)
        if committed is not None:
            engine.lake.forward(table.key, table.quarantine)
            self.tidying.committed(table.key)
            self.news.add(Done(*committed, time.monotonic() - began))

    def _refused(self, table: Table, error: Exception) -> Iterator[AssetCheckEvaluation]:
        settings, engine = self.engine.settings, self.engine
        self.failed.setdefault(table.key, error)
        pipeline_log.failed(settings, engine.run_id, table.key, error)
        self.context.log.error(f"{table.key}: {error}")
        self.news.refused(table.key)
        if isinstance(error, RefusedError):
            yield from checks.evaluations(table, error.audit, do=error.do)
        yield from hold_checks.verdicts(table, self.tables, holds.read(settings, table.key).get(table.key))
