"""The texts of first drafts of bronze and silver: what `lakehouse new table` writes. Each is complete and runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from json import dumps
from keyword import iskeyword
from string import Template
from typing import Final

from lakehouse_assets.cli.fields import Column, time_of
from lakehouse_assets.engine.grids import GRIDS, UNPARTED, Grid, Partition

GRID_OF: Final = {grid.unit: grid for grid in GRIDS if grid != UNPARTED}
CONSTANTS: Final = {"hour": "HOURLY", "day": "DAILY", "week": "WEEKLY", "month": "MONTHLY"}
_HAPPENED: Final = datetime(2026, 1, 1, 10, tzinfo=UTC)
_SENT: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""The timestamp of the records of a test (`testing.py`): the event's time where no field says one."""
_TAKEN: Final = frozenset(
    {"T", "F", "Field", "DataFrame", "DataFrameModel", "EventTable", "DimensionTable", "AnswerTable", "View", "SQL"}
)

_KAFKA: Final = Template('''\
"""$title as landed.

Grain: one row per Kafka record. Source: topic `$origin`. Owner: $domain-data.
"""

from __future__ import annotations

$imports

${event_time}table = KafkaTable(
    key="$key",
    owner="team:$domain-data",
    description="$title as landed from Kafka: one row per record.",
    topic="$origin",
    event_time=event_time,
$grid)
''')

_DROP: Final = Template('''\
"""$title as dropped.

Grain: one row per line of a dropped file. Source: CSV files below `$origin`. Owner: $domain-data.
"""

from __future__ import annotations

$imports

${event_time}table = DropTable(
    key="$key",
    owner="team:$domain-data",
    description="$title as dropped: one row per line of a CSV file.",
    prefix="$origin",
    required=($required),
${given_time}${grid})
''')

_EVENT_TIME: Final = Template('''\

def event_time() -> Column:
    """The event's own time, $said."""
    return $expression


''')

_BRONZE_TEST: Final = Template('''\
"""$title as $come."""

from __future__ import annotations

${imports}import pytest

from lakehouse_assets.bronze.$module import table
from lakehouse_assets.testing import bronze_rows


@pytest.mark.services
def test_a_record_falls_on_the_${unit}_of_its_time(spark):
    """Its own, where a field says it, or when it was sent."""
    [row] = bronze_rows(table, spark, [{$sent}]).collect()
    assert row["$column"] == $partition
''')

_SILVER: Final = Template('''\
"""$title, $once.

Grain: $grain_said. Source: `$source`. Owner: $domain-data.
"""

from __future__ import annotations

import pyspark.sql.types as T
from pandera.pyspark import DataFrameModel, Field
from pyspark.sql import DataFrame

from lakehouse_assets.bronze import $source_module as bronze
from lakehouse_assets.engine.kinds import $kind
from lakehouse_assets.engine.payload import parse_json

PAYLOAD = {
$payload
}


class $model(DataFrameModel):
    """One row of $key."""

$columns


def transform(records: DataFrame) -> DataFrame:
    """Bronze records to typed rows."""
    return parse_json(records, PAYLOAD)


table = $kind(
    key="$key",
    owner="team:$domain-data",
    description="$title, $grain_said.",
    source=bronze.table,
    schema=$model,
    grain=("$grain",),
    transform=transform,
$keep)
''')

_SILVER_TEST: Final = Template('''\
"""$title, $once."""

from __future__ import annotations

${imports}import pytest

from lakehouse_assets.silver.$module import table
from lakehouse_assets.testing import check_events

GOOD = {
$sent
}


@pytest.mark.services
def test_good_records_are_typed_and_bad_ones_are_set_aside(spark):
    """A repeated record is one row; one without its $grain is set aside."""
    nameless = {name: value for name, value in GOOD.items() if name != "$grain"}
    row = {
$held
    }
    check_events(table, spark, records=[GOOD, GOOD, nameless], rows=[row], broken=[["$grain: absent"]])
''')


def kafka(key: str, topic: str, fields: Sequence[Column], grid: Grid) -> str:
    """A table of a topic's records."""
    column, reader = "from pyspark.sql import Column", "from lakehouse_assets.engine.payload import json_timestamp"
    imports = [column, "", *_grid_import(grid), "from lakehouse_assets.engine.kinds import KafkaTable", reader]
    if not time_of(fields):
        imports = ["import pyspark.sql.functions as F", *imports[:-1]]
    return _KAFKA.substitute(
        names(key),
        origin=topic,
        imports="\n".join(imports),
        event_time=_event_time(time_of(fields)),
        grid=_grid_line(grid),
    )


def drop(key: str, prefix: str, fields: Sequence[Column], grid: Grid) -> str:
    """A table of the lines of dropped files."""
    kinds = "from lakehouse_assets.engine.kinds import DropTable"
    reader = "from lakehouse_assets.engine.payload import json_timestamp"
    time = time_of(fields)
    imports = [*_grid_import(grid), kinds]
    if time:
        imports = ["from pyspark.sql import Column", "", *imports, reader]
    return _DROP.substitute(
        names(key),
        origin=prefix,
        imports="\n".join(imports),
        event_time=_event_time(time) if time else "",
        given_time="    event_time=event_time,\n" if time else "",
        required=", ".join(f'"{each.name}"' for each in fields) + ("," if len(fields) == 1 else ""),
        grid=_grid_line(grid),
    )


def bronze_test(key: str, fields: Sequence[Column], grid: Grid, is_of_files: bool) -> str:
    """The test of a bronze draft."""
    time = next((each for each in fields if each.is_time), None)
    held = python(grid.at(_HAPPENED if time else _SENT))
    return _BRONZE_TEST.substitute(
        names(key),
        come="dropped" if is_of_files else "landed",
        imports=dates_import(held),
        unit=grid.unit,
        column=grid.column,
        sent=f'"{time.name}": {time.dtype.sent}' if time else "",
        partition=held,
    )


def silver(key: str, source: str, fields: Sequence[Column], grid: Grid, is_of_files: bool) -> str:
    """A table of events (of files the newest line wins), or a dimension where the grid has no partitions."""
    return _SILVER.substitute(
        _silver_names(key, fields, grid),
        source=source,
        source_module=module_of(source),
        payload="\n".join(f'    "{each.name}": {each.dtype.given},' for each in fields),
        columns="\n".join(model_column(each, each.name) for each in fields),
        keep='    keep="last",\n' if is_of_files and grid != UNPARTED else "",
    )


def silver_test(key: str, fields: Sequence[Column], grid: Grid, is_dated: bool) -> str:
    """The test of a silver draft; `is_dated`: its partition follows from these fields."""
    held = {each.name: each.dtype.held for each in fields if each.dtype.held}
    if is_dated:
        moment = _HAPPENED if time_of(fields) else _SENT
        held |= {name: python(grid.at(moment)) for name in grid.columns}
    return _SILVER_TEST.substitute(
        _silver_names(key, fields, grid),
        imports=dates_import("".join(held.values())),
        sent="\n".join(f'    "{each.name}": {each.dtype.sent},' for each in fields),
        held="\n".join(f'        "{name}": {value},' for name, value in held.items()),
    )


def model_column(column: Column, said: str, nullable: bool = False) -> str:
    """A line of a model."""
    ignored = "  # type: ignore[valid-type]" if column.dtype.is_decimal else ""
    null = "nullable=True, " if nullable else ""
    return f'    {column.name}: {column.dtype.spark} = Field({null}description="{said}"){ignored}'


def dates_import(text: str) -> str:
    """What a text with dates begins with."""
    return "from datetime import date\n\n" if "date(" in text else ""


def python(partition: Partition) -> str:
    """A partition in a draft's text."""
    if isinstance(partition, date):
        return f"date({partition.year}, {partition.month}, {partition.day})"
    return dumps(partition)


def names(key: str) -> dict[str, str]:
    """What every draft is called."""
    _, domain, name = key.split("/")
    words = name.split("_")
    return {
        "key": key,
        "domain": domain,
        "module": module_of(key),
        "title": " ".join(words).strip().capitalize(),
        "model": _class("".join(word.capitalize() for word in words)),
    }


def module_of(key: str) -> str:
    """The name of a table's file."""
    return "_".join(key.split("/")[1:])


def _silver_names(key: str, fields: Sequence[Column], grid: Grid) -> dict[str, str]:
    grain, is_dimension = fields[0].name, grid == UNPARTED
    said = f"one row per {grain}" if is_dimension else f"one row per {grain} and {grid.unit}"
    once = "typed, as the newest record says" if is_dimension else "typed and deduplicated"
    kind = "DimensionTable" if is_dimension else "EventTable"
    return names(key) | {"grain": grain, "grain_said": said, "once": once, "kind": kind}


def _event_time(field: str) -> str:
    said = f"`{field}` in the payload" if field else "or when it was sent, where its fields say none"
    return _EVENT_TIME.substitute(said=said, expression=f'json_timestamp("{field}")' if field else 'F.col("timestamp")')


def _grid_import(grid: Grid) -> list[str]:
    return [] if grid.unit == "day" else [f"from lakehouse_assets.engine.grids import {CONSTANTS[grid.unit]}"]


def _grid_line(grid: Grid) -> str:
    return "" if grid.unit == "day" else f"    grid={CONSTANTS[grid.unit]},\n"


def _class(name: str) -> str:
    """A class's name; a few words are Python's own, or imported in the same file."""
    return f"{name}Row" if iskeyword(name) or name in _TAKEN or not name else name
