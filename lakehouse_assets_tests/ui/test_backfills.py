"""Backfills by hand, in the browser: of an hour, of a month, and of days that a moving sum depends on."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.engine.orchestration import webserver
from lakehouse_assets.settings import Settings, load
from lakehouse_assets_tests.faults.site import until
from lakehouse_assets_tests.test_own_project import lakehouse
from lakehouse_assets_tests.ui.browser import HOW_TO_GET, Ui, browsing, executable

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

FIRST = datetime(2026, 9, 20)
DAYS, VISITS = 45, 600
SECONDS = 600.0
SILVER, DAILY = "silver import shop_visits", "gold import shop_daily_pages"
TABLE = '''"""Pages by {unit}."""

from __future__ import annotations

from datetime import timedelta

import pyspark.sql.types as T
from pandera.pyspark import DataFrameModel, Field

from lakehouse_assets.engine.grids import {grid}
from lakehouse_assets.engine.kinds import AnswerTable, Upstream
from my_lake.{above} as above


class Pages(DataFrameModel):
    """What was read."""

    {column}: T.{dtype} = Field(description="When")
    pages: T.LongType = Field(ge=0, description="Pages read")


table = AnswerTable(
    key="gold/shop/{name}",
    owner="team:tests",
    description="Pages by {unit}.",
    source=Upstream(above.table, back=timedelta(days={back})),
    schema=Pages,
    sql="""{sql}""",
    grid={grid},
)
'''
BY_DAY = (
    "SELECT to_date(substr(event_hour, 1, 10)) AS event_date, sum(Pages) AS pages FROM silver_shop_visits GROUP BY 1"
)
BY_MONTH = "SELECT to_date(date_trunc('month', event_date)) AS event_month, sum(pages) AS pages FROM {} GROUP BY 1"
BY_WEEK = """
SELECT date_add(event_date, later) AS event_date, sum(pages) AS pages
FROM (SELECT event_date, pages, explode(sequence(0, 6)) AS later FROM gold_shop_daily_pages)
GROUP BY 1
"""


@dataclass(frozen=True)
class Gold:
    """A table of pages, and what it has to hold."""

    name: str
    unit: str
    grid: str
    column: str
    dtype: str
    above: str
    sql: str
    expected: Callable[[Counter[datetime]], Counter[Any]]
    back: int = 0

    @property
    def key(self) -> str:
        return f"gold/shop/{self.name}"

    @property
    def file(self) -> str:
        return TABLE.format(**{each: getattr(self, each) for each in self.__dataclass_fields__} | {"sql": self.sql})


def by(part: Callable[[datetime], Any]) -> Callable[[Counter[datetime]], Counter[Any]]:
    """Plain Python: pages by a part of their time."""

    def summed(pages: Counter[datetime]) -> Counter[Any]:
        found: Counter[Any] = Counter()
        for at, number in pages.items():
            found[part(at)] += number
        return found

    return summed


def of_seven_days(pages: Counter[datetime]) -> Counter[date]:
    """Plain Python: pages of each day and the six before it, where one of them has rows."""
    found: Counter[date] = Counter()
    for at, number in pages.items():
        for later in range(7):
            found[at.date() + timedelta(days=later)] += number
    return found


HOURS = Gold(
    "hourly_pages",
    "hour",
    "HOURLY",
    "event_hour",
    "StringType",
    SILVER,
    "SELECT event_hour, sum(Pages) AS pages FROM silver_shop_visits GROUP BY 1",
    by(lambda at: at.strftime("%Y-%m-%d-%H:00")),
)
DAILY_PAGES = Gold("daily_pages", "day", "DAILY", "event_date", "DateType", SILVER, BY_DAY, by(lambda at: at.date()))
MONTHS = Gold(
    "monthly_pages",
    "month",
    "MONTHLY",
    "event_month",
    "DateType",
    DAILY,
    BY_MONTH.format("gold_shop_daily_pages"),
    by(lambda at: at.date().replace(day=1)),
)
WEEKS = Gold("week_of_pages", "day", "DAILY", "event_date", "DateType", DAILY, BY_WEEK, of_seven_days, back=6)
GOLD = (HOURS, DAILY_PAGES, MONTHS, WEEKS)


@dataclass(frozen=True)
class Lake:
    """A project of one's own that is up, and what was sent to it."""

    folder: Path
    pages: Counter[datetime]

    @property
    def settings(self) -> Settings:
        return load(home=self.folder / ".lakehouse")

    def held(self, table: Gold) -> tuple[int, Counter[Any]]:
        """Version and rows, as delta-rs reads them."""
        from deltalake import DeltaTable

        from lakehouse_assets.access import s3

        found = DeltaTable(f"s3://{self.settings.bucket}/{table.key}", storage_options=s3.delta_rs(self.settings))
        rows = found.to_pyarrow_table().to_pylist()
        assert len({row[table.column] for row in rows}) == len(rows)
        return found.version(), Counter({row[table.column]: row["pages"] for row in rows})

    def is_right(self, table: Gold) -> bool:
        """Whether it holds what plain Python says; days without a page are none in Python."""
        try:
            return +self.held(table)[1] == +table.expected(self.pages)
        except Exception as error:
            if "TableNotFound" in type(error).__name__:
                return False
            raise


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Iterator[Lake]:
    """A project with tables of four grids, filled by its sensors."""
    folder, chance = tmp_path_factory.mktemp("lake"), random.Random(3)
    lakehouse(folder, "new project my_lake")
    fields = "VisitNo: text, At: timestamp, Pages: int"
    lakehouse(folder, f'new table bronze/shop/visits --topic shop.visits --grid hour --fields "{fields}"')
    for table in GOLD:
        (folder / f"my_lake/gold/shop_{table.name}.py").write_text(table.file)
    visits = [
        (FIRST + timedelta(minutes=chance.randrange(DAYS * 24 * 60)), chance.randint(1, 9)) for _ in range(VISITS)
    ]
    sent = [{"VisitNo": str(n), "At": f"{at.isoformat()}Z", "Pages": pages} for n, (at, pages) in enumerate(visits)]
    (folder / "visits.jsonl").write_text("\n".join(map(json.dumps, sent)))
    pages: Counter[datetime] = Counter()
    for at, number in visits:
        pages[at] += number
    try:
        lakehouse(folder, "up")
        lakehouse(folder, "topics send shop.visits --create < visits.jsonl")
        made = Lake(folder, pages)
        until(lambda: all(map(made.is_right, GOLD)), SECONDS, "gold to hold what was sent", poll_seconds=2)
        yield made
    finally:
        lakehouse(folder, "down")


@pytest.fixture(scope="module")
def pages_of(lake: Lake) -> Iterator[Ui]:
    if executable() is None:
        pytest.skip(HOW_TO_GET)
    with browsing(lake.settings.dagster_url) as ui:
        yield ui


def launch(ui: Ui, key: str, partitions: str) -> None:
    """As a person does it: the button, the partitions typed in, the other button."""
    page = ui.asset(key, "partitions", "Partitions")
    page.get_by_role("button", name="Materialize").first.click()
    box = page.get_by_role("dialog").locator("input[placeholder='No matching partitions'], input[type=text]").first
    box.fill(partitions)
    box.press("Enter")
    page.get_by_role("button", name="Launch").last.click()


def statuses(lake: Lake) -> list[str]:
    """Of all runs by hand: one partition is a run, several are a backfill of one."""
    query = """{ runsOrError(limit: 50) { ... on Runs { results { status tags { key } } } } }"""
    found = webserver.ask(lake.settings.dagster_url, query)["runsOrError"]["results"]
    return [each["status"] for each in found if "dagster/sensor_name" not in {tag["key"] for tag in each["tags"]}]


@pytest.mark.parametrize(
    ("table", "partitions"),
    [(HOURS, "hour"), (MONTHS, "2026-10-01"), (DAILY_PAGES, "[2026-10-05...2026-10-07]")],
    ids=["an hour", "a month", "days"],
)
def test_a_backfill_in_the_browser_gives_what_the_increments_gave(lake: Lake, pages_of: Ui, table: Gold, partitions):
    """Plain Python says what that is; what lives on the days follows by itself, the seven days after each too."""
    ui, by_hand = pages_of, len(statuses(lake))
    wanted = min(HOURS.expected(lake.pages)) if partitions == "hour" else partitions
    before = {each.key: lake.held(each)[0] for each in GOLD}

    launch(ui, table.key, wanted)
    until(lambda: lake.held(table)[0] > before[table.key], SECONDS, table.key, poll_seconds=2)
    until(lambda: statuses(lake)[0] == "SUCCESS", SECONDS, "the run by hand", poll_seconds=2)

    assert len(statuses(lake)) == by_hand + 1
    assert lake.is_right(table)
    if table == DAILY_PAGES:
        for above in (MONTHS, WEEKS):
            until(lambda each=above: lake.held(each)[0] > before[each.key], SECONDS, above.key, poll_seconds=2)
    assert all(map(lake.is_right, GOLD))
    ui.open(f"/assets/{table.key}?view=partitions", "Latest materialization")
    ui.shoot(Path(os.environ.get("LAKEHOUSE_TESTS_SHOTS", lake.folder)) / f"backfill_{table.name}.png")


def test_a_backfill_from_the_command_line_takes_mixed_grids_at_once(lake: Lake):
    """Hours, and the days, months and sums that live on them; a table that is not parted is rebuilt whole."""
    before = {each.key: lake.held(each)[0] for each in GOLD}
    hour = min(HOURS.expected(lake.pages))
    said = lakehouse(lake.folder, f"backfill silver/shop/visits {hour}")

    assert "completed success" in said
    for each in GOLD:
        until(lambda each=each: lake.held(each)[0] > before[each.key], SECONDS, each.key, poll_seconds=2)
    assert all(map(lake.is_right, GOLD))
