"""A run's one step: batch after batch of a source through all of its tables, until nothing is left or its time is up.

A table that refuses a batch holds itself, and what lives on it finds nothing new; the others go on. A broker or a store
that does not answer is waited for, and the batch is planned anew. Anything else that goes wrong ends the run with its
batch: the next one begins with a session of its own. A run in which a table failed or refused ends as failed.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from dagster import AssetCheckEvaluation, Failure, MetadataValue, OpExecutionContext

from lakehouse_assets.engine import outages
from lakehouse_assets.engine.flow import levels, sources
from lakehouse_assets.engine.history import holds
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.orchestration import checks, hold_checks, holding, in_flight, pipeline_log
from lakehouse_assets.engine.orchestration.io_manager import DeltaIOManager
from lakehouse_assets.engine.orchestration.looking import Work, look
from lakehouse_assets.engine.orchestration.news import Done, News
from lakehouse_assets.engine.orchestration.siblings import Siblings
from lakehouse_assets.engine.table import Table
from lakehouse_assets.engine.upkeep.tidying import Tidying
from lakehouse_assets.engine.writing.engine import Batch, Engine, Handed
from lakehouse_assets.engine.writing.publication import Publication, RefusedError, in_turn
from lakehouse_assets.errors import BrokenContractError, UnavailableError

if TYPE_CHECKING:
    from lakehouse_assets.engine.history.holds import Hold
    from lakehouse_assets.engine.kinds.source import SourceTable
    from lakehouse_assets.settings import Settings

LEAST_RECORDS = 1_000
"""Of a batch after a run that failed, where there are as many."""
TROUBLED_SECONDS = 5.0
"""So long a run that must end tells of what it has done: the reconciler tells the rest while the next one works."""
Outcome = Done | None | Exception
"""What became of a table's batch; None where there was nothing for it."""


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
    batches: int = 0
    """So many has it worked through."""
    recorded: Mapping[str, Hold] = field(default_factory=dict)
    """The holds as of the last look."""
    away: bool = False
    """Whether the source or the store was away for too long."""
    follows_a_failure: bool = False
    """Whether an earlier run from here has failed: then its work comes first, and what is new in small pieces."""
    outages: Counter[str] = field(default_factory=Counter)
    """By table: how many it has met since its last commit."""

    def __post_init__(self) -> None:
        self.siblings = Siblings(self.engine)
        self.tidying = Tidying(Lake(self.engine.settings))
        self.news = News(self.context, self.engine, self.engine.settings.news_interval_seconds)
        self.levels = ((self.source,), *levels(self.source, self.tables))
        self.chain = tuple(table for level in self.levels for table in level)

    def run(self) -> Iterator[AssetCheckEvaluation]:
        """Works through what there is; yields verdicts.

        Raises:
            Exception: the first that was no refusal, else the first refusal, once everything else is done.
        """
        until = time.monotonic() + self.engine.settings.run_budget_seconds
        try:
            while time.monotonic() < until and not self._must_end:
                if (work := self._next()) is not None:
                    yield from self.news.due()
                    yield from self._batch(work)
                    if not self.outages:
                        self.follows_a_failure = self.follows_a_failure and self._is_interrupted(work)
                        self.batches += 1
                elif self.news.left:
                    yield from self.news.at_leisure()
                else:
                    break
        except BaseException:  # cancelled, most often: what is committed is told, its verdicts are not
            self.news.log()
            raise
        finally:
            self.tidying.end()
            self.siblings.end()
        yield from self.news.last(TROUBLED_SECONDS if self._must_end else math.inf)
        if self.failed:
            raise self._failure()

    @property
    def _must_end(self) -> bool:
        """What is no refusal may be of the session, or of a service."""
        return self.away or any(not isinstance(each, BrokenContractError) for each in self.failed.values())

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
        until = time.monotonic() + self.engine.settings.outage_seconds
        while True:
            try:
                self._rest()
                return self._look()
            except UnavailableError as error:
                if error.is_absence or time.monotonic() >= until:
                    self.away = True
                    self.context.log.warning(f"The run ends here, the next one goes on: {error}")
                    return None
            time.sleep(outages.AGAIN_SECONDS)

    def _rest(self) -> None:
        """Lets records gather, as long as the settings say; clocks that differ cost no more than that."""
        interval = self.engine.settings.commit_interval_seconds
        newest = next(self.engine.lake.commits(self.source.key), None) if interval else None
        if newest is not None:
            left = newest.timestamp_ms / 1000 + interval - time.time()
            time.sleep(min(max(left, 0.0), interval))

    def _look(self) -> Work | None:
        """Days that somebody rebuilds just now are left to that run."""
        self.engine.lake.forward()
        instance, settings = self.context.instance, self._settings
        self.recorded = holds.read(settings)
        return look(
            settings,
            self.source,
            self.tables,
            held=holding.standing(settings, self.chain, self.recorded),
            rebuilding=in_flight.is_rebuilt(instance, [each.asset_key for each in self.chain]),
            busy=[each for each in sources(self.chain) if each != self.source and in_flight.increments(instance, each)],
            lake=self.engine.lake,
        )

    @property
    def _settings(self) -> Settings:
        """With small batches where larger ones may not get through."""
        settings = self.engine.settings
        most = min(settings.max_records_per_batch, max(settings.few_records, LEAST_RECORDS))
        return settings.model_copy(update={"max_records_per_batch": most}) if self.follows_a_failure else settings

    def _batch(self, work: Work) -> Iterator[AssetCheckEvaluation]:
        """One batch through every table: those whose upstream failed find nothing new; as far as services answer."""
        settings = self.engine.settings
        slices = () if self._is_interrupted(work) else work.slices
        batch, recorded = Batch(slices, datetime.now(UTC)), self.recorded
        few = self.source.reader(settings).records(slices) <= settings.few_records
        for level in self.levels:
            ready = [table for table in level if not self._is_held(table, recorded.get(table.key))]
            tasks = [partial(self._tried, table=table, batch=batch) for table in ready]
            for table, outcome in zip(ready, self.siblings.each(tasks, together=few), strict=True):
                yield from self._told(table, outcome, recorded.get(table.key))
            if any(table.key in self.outages for table in ready):
                time.sleep(outages.AGAIN_SECONDS)
                break
        self.engine.handed.clear()

    def _is_interrupted(self, work: Work) -> bool:
        """Whether tables are behind because a run died: they come first, once."""
        return self.follows_a_failure and work.is_behind and not self.batches

    def _is_held(self, table: Table, recorded: Hold | None) -> bool:
        if recorded is None or not holding.stands(self.engine.settings, table, recorded):
            return False
        self.context.log.warning(holding.shown(self.engine.settings, recorded))
        return True

    def _tried(self, engine: Engine, table: Table, batch: Batch) -> Outcome:
        """Also in a thread of its own: it touches nothing but the table."""
        try:
            return self._committed(engine, table, batch)
        except Exception as error:
            return error

    def _committed(self, engine: Engine, table: Table, batch: Batch) -> Done | None:
        began = time.monotonic()
        with holding.recording(engine.lake, table, engine.run_id, lambda error: not self._is_waited_out(table, error)):
            publication = in_turn(engine.lake, table, lambda: table.increment(engine, batch))
            committed = None if publication is None else self.door.commit(engine.spark, engine.lake, publication)
        return None if committed is None else Done(*committed, time.monotonic() - began)

    def _told(self, table: Table, outcome: Outcome, recorded: Hold | None) -> Iterator[AssetCheckEvaluation]:
        if isinstance(outcome, Exception):
            if self._is_waited_out(table, outcome):
                self.outages[table.key] += 1
                self.context.log.warning(f"{table.key} is planned anew once it answers: {outcome}")
            else:
                yield from self._refused(table, outcome)
            return
        self.outages.pop(table.key, None)
        if outcome is not None:
            self._hand_on(outcome.publication)
            self.engine.lake.forward(table.key, table.quarantine)
            self.tidying.committed(table.key)
            self.news.add(outcome)
        if recorded is not None:
            holds.clear(self.engine.settings, table.key)
            yield from hold_checks.verdicts(table, self.tables, None)

    def _is_waited_out(self, table: Table, error: Exception) -> bool:
        return outages.is_outage(error) and self.outages[table.key] < outages.MOST_IN_A_ROW

    def _hand_on(self, publication: Publication) -> None:
        """Records of the source, all of them new, need not be read again by what is made from them."""
        if publication.table == self.source and publication.is_all_new:
            self.engine.handed[self.source.key] = Handed(publication.slices, publication.rows)

    def _refused(self, table: Table, error: Exception) -> Iterator[AssetCheckEvaluation]:
        settings, engine = self.engine.settings, self.engine
        self.failed.setdefault(table.key, error)
        pipeline_log.failed(settings, engine.run_id, table.key, error)
        self.context.log.error(f"{table.key}: {error}")
        self.news.refused(table.key)
        if isinstance(error, RefusedError):
            yield from checks.evaluations(table, error.audit, do=error.do)
        yield from hold_checks.verdicts(table, self.tables, holds.read(settings, table.key).get(table.key))
