"""The texts of first drafts: what `lakehouse new table` writes. Each is complete and runs; its columns are examples."""

from __future__ import annotations

from keyword import iskeyword
from string import Template
from typing import Final

_BRONZE: Final = Template('''\
"""$title as landed.

Grain: one row per Kafka record. Source: topic `$topic`. Owner: $domain-data.
"""

from __future__ import annotations

from pyspark.sql import Column

from lakehouse_assets.engine.kinds import KafkaTable
from lakehouse_assets.engine.payload import json_timestamp


def event_time() -> Column:
    """The event's own time, `Time` in the payload."""
    return json_timestamp("Time")


table = KafkaTable(
    key="$key",
    owner="team:$domain-data",
    description="$title as landed from Kafka: one row per record.",
    topic="$topic",
    event_time=event_time,
)
''')

_SILVER: Final = Template('''\
"""$title, typed and deduplicated.

Grain: one row per Id and day. Source: `$source`. Owner: $domain-data.
"""

from __future__ import annotations

import pyspark.sql.types as T
from pandera.pyspark import DataFrameModel, Field
from pyspark.sql import DataFrame

from lakehouse_assets.bronze import $source_module as bronze
from lakehouse_assets.engine.kinds import EventTable
from lakehouse_assets.engine.payload import parse_json

PAYLOAD = {
    "Id": T.StringType(),
    "Time": T.TimestampType(),
}


class $model(DataFrameModel):
    """One row of $key."""

    Id: T.StringType = Field(description="What it is known by")
    event_time: T.TimestampType = Field(description="When it happened, UTC")


def transform(records: DataFrame) -> DataFrame:
    """Bronze records to typed rows."""
    return parse_json(records, PAYLOAD, columns={"Time": "event_time"})


table = EventTable(
    key="$key",
    owner="team:$domain-data",
    description="$title, one row per Id and day.",
    source=bronze.table,
    schema=$model,
    grain=("Id",),
    transform=transform,
)
''')

_SILVER_TEST: Final = Template('''\
"""$title, typed and deduplicated."""

from __future__ import annotations

from datetime import date

import pytest

from lakehouse_assets.silver.$module import table
from lakehouse_assets.testing import check_events


@pytest.mark.services
def test_good_records_are_typed_and_bad_ones_are_set_aside(spark):
    """A repeated record is one row; one without an Id is set aside."""
    good, nameless = {"Id": "1", "Time": "2026-01-01T10:00:00Z"}, {"Time": "2026-01-01T10:00:00Z"}
    check_events(
        table,
        spark,
        records=[good, good, nameless],
        rows=[{"Id": "1", "event_date": date(2026, 1, 1)}],
        broken=[["Id: absent"]],
    )
''')

_GOLD: Final = Template('''\
"""$title by day.

Grain: one row per UTC day. Source: `$source`. Owner: $domain-analytics.
"""

from __future__ import annotations

import pyspark.sql.functions as F
import pyspark.sql.types as T
from pandera.pyspark import DataFrameModel, Field
from pyspark.sql import DataFrame

from lakehouse_assets.engine.kinds import AnswerTable
from lakehouse_assets.silver import $source_module as silver


class $model(DataFrameModel):
    """One day."""

    event_date: T.DateType = Field(description="UTC day")
    lines: T.LongType = Field(ge=0, description="Rows")


def transform(events: DataFrame) -> DataFrame:
    """All rows of some days to those days' answers."""
    return events.groupBy("event_date").agg(F.count("*").alias("lines"))


table = AnswerTable(
    key="$key",
    owner="team:$domain-analytics",
    description="$title by day.",
    source=silver.table,
    schema=$model,
    transform=transform,
)
''')

_GOLD_TEST: Final = Template('''\
"""$title by day."""

from __future__ import annotations

from datetime import date

import pytest

from lakehouse_assets.gold.$module import table
from lakehouse_assets.testing import check_answers


@pytest.mark.services
def test_each_day_has_one_answer(spark):
    """Rows of other days do not count."""
    day, next_day = date(2026, 1, 1), date(2026, 1, 2)
    check_answers(
        table,
        spark,
        source=[{"event_date": day}, {"event_date": day}, {"event_date": next_day}],
        rows=[{"event_date": day, "lines": 2}, {"event_date": next_day, "lines": 1}],
    )
''')


def bronze(key: str, topic: str) -> str:
    """A Kafka table."""
    return _BRONZE.substitute(_names(key), topic=topic)


def silver(key: str, source: str) -> str:
    """A silver table over a bronze one."""
    return _SILVER.substitute(_names(key), source=source, source_module=_module(source))


def silver_test(key: str) -> str:
    """The test of a silver draft."""
    return _SILVER_TEST.substitute(_names(key))


def gold(key: str, source: str) -> str:
    """A gold table over a silver one."""
    return _GOLD.substitute(_names(key), source=source, source_module=_module(source))


def gold_test(key: str) -> str:
    """The test of a gold draft."""
    return _GOLD_TEST.substitute(_names(key))


def _names(key: str) -> dict[str, str]:
    _, domain, name = key.split("/")
    words = name.split("_")
    return {
        "key": key,
        "domain": domain,
        "module": _module(key),
        "title": " ".join(words).capitalize(),
        "model": _class("".join(word.capitalize() for word in words)),
    }


def _class(name: str) -> str:
    """A class's name; a few words are Python's own."""
    return f"{name}Row" if iskeyword(name) or not name else name


def _module(key: str) -> str:
    return "_".join(key.split("/")[1:])
