"""A Dagster instance on disk with small assets that are checked, and rounds of the alerts over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    DagsterInstance,
    MetadataValue,
    Nothing,
    Out,
    Output,
    TableRecord,
    job,
    op,
)

from lakehouse_assets.engine.alerts import rounds
from lakehouse_assets.engine.alerts.outbox import Outbox
from lakehouse_assets.engine.alerts.rounds import Told
from lakehouse_assets.engine.kinds import Table
from lakehouse_assets.gold.sales_daily_revenue import table as gold
from lakehouse_assets.settings import Settings
from lakehouse_assets.silver.sales_transactions import table as silver

TABLES = (silver, gold)
RULE = "Price_not_null"


@dataclass
class Bench:
    """One state folder."""

    instance: DagsterInstance
    settings: Settings
    tables: tuple[Table, ...] = TABLES

    @property
    def outbox(self) -> Outbox:
        return rounds.outbox_of(self.settings)

    def route(self, text: str) -> None:
        (self.settings.home / "alerts.toml").write_text(text)

    def set(self, **settings) -> None:
        self.settings = self.settings.model_copy(update=settings)

    def round(self) -> Told:
        return rounds.round_of(self.instance, self.settings, self.tables)

    def judge(
        self,
        *passed: bool,
        days: tuple[str | None, ...] = (None,),
        warn: bool = False,
        table=silver,
        rules=(RULE,),
    ) -> str:
        """A real run whose only step logs these verdicts, each for each of the days and rules; its id."""
        return judge(self.instance, passed, days, warn, table, rules)

    def run(
        self,
        fails: bool,
        name: str = "ingest_sales_transactions",
        tags: dict | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> str:
        """A real run that fails or not; its id."""

        @op(name=silver.name)
        def work():
            meanwhile()
            if fails:
                raise OSError("customer 4711 cannot be read")

        @job(name=name)
        def ingest():
            work()

        return ingest.execute_in_process(instance=self.instance, raise_on_error=False, tags=tags).run_id


def judge(instance, passed, days=(None,), warn=False, table=silver, rules=(RULE,)) -> str:
    """A real run that yields verdicts, each on each of the rules."""

    @op(out=Out(Nothing))
    def work():
        for each in passed:
            for day, rule in product(days, rules):
                yield verdict(each, day, warn, table, rule)
        yield Output(None)

    @job
    def judging():
        work()

    return judging.execute_in_process(instance=instance).run_id


def verdict(passed: bool, day: str | None, warn: bool, table, rule: str) -> AssetCheckEvaluation:
    samples = [TableRecord({"coordinate": f"0:{n}", "CustomerNo": "***", "Price": "null"}) for n in range(9)]
    return AssetCheckEvaluation(
        asset_key=table.asset_key,
        check_name=rule,
        passed=passed,
        partition=day,
        severity=AssetCheckSeverity.WARN if warn else AssetCheckSeverity.ERROR,
        metadata={
            "rows": 1200,
            "rows_breaking": 0 if passed else 30,
            "share": 0.0 if passed else 0.025,
            "samples": MetadataValue.table(samples),
        },
    )
