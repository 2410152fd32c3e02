"""The texts of first drafts of gold: what `lakehouse new table` writes. Each is complete and runs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from keyword import iskeyword
from string import Template
from typing import Final

from lakehouse_assets.cli.drafts import CONSTANTS, dates_import, model_column, module_of, names, python
from lakehouse_assets.cli.fields import TYPES, Column
from lakehouse_assets.engine.grids import UNPARTED, Grid
from lakehouse_assets.engine.table import Table
from lakehouse_assets.errors import LakehouseError

_FIRST, _LATER = datetime(2026, 1, 1, 10, tzinfo=UTC), datetime(2026, 3, 1, 10, tzinfo=UTC)
"""Two times in no common partition."""
_WITHIN: Final = {"hour": {"hour", "day", "week", "month"}, "day": {"day", "week", "month"}}
"""What can be answered from partitions of a grid, besides its own."""
_SAID: Final = "Grain: one row per UTC {}. Source: {}. Owner: {}-analytics."
_GOLD: Final = Template('''\
"""$title by $unit.

$said
"""

from __future__ import annotations

${functions}import pyspark.sql.types as T
from pandera.pyspark import DataFrameModel, Field
$frame
${imports}

class $model(DataFrameModel):
    """One $unit."""

$columns


$rows

table = AnswerTable(
    key="$key",
    owner="team:$domain-analytics",
    description="$title by $unit.",
    source=$given,
    schema=$model,
    $made,
$grid)
''')

_GOLD_TEST: Final = Template('''\
"""$title by $unit."""

from __future__ import annotations

${dates}import pytest

from lakehouse_assets.gold.$module import table
from lakehouse_assets.testing import check_answers


@pytest.mark.services
def test_each_${unit}_has_one_answer(spark):
    """Rows of another $unit do not count."""
    source = {
$source
    }
    rows = [
$rows
    ]
    check_answers(table, spark, source=source, rows=rows)
''')


def gold(key: str, sources: Sequence[Table], grid: Grid, is_sql: bool) -> str:
    """Answers over some tables, by a function or a SELECT: how many rows each has of a partition."""
    called, counts, called_all = _called(sources), _counts(sources), names(key) | {"unit": grid.unit}
    keys = ", ".join(f"`{each.key}`" for each in sources)
    part = Column(grid.column, TYPES["text" if grid.unit == "hour" else "date"])
    columns = [model_column(part, f"UTC {grid.unit}"), *(_count(name) for name in counts)]
    aliases = [f"{each}.table" for each in _aliases(sources)]
    return _GOLD.substitute(
        called_all,
        said=textwrap.fill(_SAID.format(grid.unit, keys, called_all["domain"]), 120),
        functions="" if is_sql else "import pyspark.sql.functions as F\n",
        frame="" if is_sql else "from pyspark.sql import DataFrame\n",
        imports="\n".join(_imports(sources, grid)) + "\n",
        columns="\n".join(columns),
        rows=_sql(sources, counts, grid) if is_sql else _transform(sources, called, counts, grid),
        given=aliases[0] if len(aliases) == 1 else f"({', '.join(aliases)})",
        made="sql=SQL" if is_sql else "transform=transform",
        grid="" if grid.unit == "day" else f"    grid={CONSTANTS[grid.unit]},\n",
    )


def gold_test(key: str, sources: Sequence[Table], grid: Grid) -> str:
    """The test of a gold draft: two rows of the first table, and one of each table at another time."""
    times = [(_FIRST, _FIRST, _LATER), *[(_LATER,)] * (len(sources) - 1)]
    held = [_lines(each, moments) for each, moments in zip(sources, times, strict=True)]
    rows = [_expected(grid, moment, _counts(sources)) for moment in (_FIRST, _LATER)]
    text = {"source": "\n".join(held), "rows": "\n".join(rows)}
    dates = dates_import("".join(text.values()))
    return _GOLD_TEST.substitute(names(key) | {"unit": grid.unit, "dates": dates} | text)


def check_answered(key: str, sources: Sequence[Table], grid: Grid) -> None:
    """Lets partitions pass that can be answered from those of the sources.

    Raises:
        LakehouseError: a source has none, or longer ones; says what can be done.
    """
    for each in sources:
        if each.grid == UNPARTED:
            raise LakehouseError(
                f"{each.key} is not parted: it says what is so now, and nothing of a {grid.unit}",
                where=key,
                do="Draft it over the events alone, then add Upstream(TABLE, looked_up=True) to its source",
            )
        if grid.unit not in _WITHIN.get(each.grid.unit, {each.grid.unit}):
            raise LakehouseError(
                f"no {grid.unit} can be told from the {each.grid.unit}s of {each.key}",
                where=key,
                do=f"Give --grid {each.grid.unit}, or a table with shorter partitions",
            )


def _called(sources: Sequence[Table]) -> list[str]:
    """Each source in a word: of its key the last one, or all of them where two have the same."""
    short = [each.key.split("/")[-1] for each in sources]
    is_plain = len({*short}) == len(short) and not any(map(iskeyword, short))
    return short if is_plain else [each.name for each in sources]


def _counts(sources: Sequence[Table]) -> list[str]:
    return _called(sources) if sources[1:] else ["lines"]


def _count(name: str) -> str:
    return f'    {name}: T.LongType = Field(ge=0, description="Rows")'


def _aliases(sources: Sequence[Table]) -> list[str]:
    return [each.name for each in sources] if sources[1:] else [sources[0].layer]


def _imports(sources: Sequence[Table], grid: Grid) -> list[str]:
    made = [f"from lakehouse_assets.engine.grids import {CONSTANTS[grid.unit]}"] if grid.unit != "day" else []
    made.append("from lakehouse_assets.engine.kinds import AnswerTable")
    pairs = zip(sources, _aliases(sources), strict=True)
    below = [f"from lakehouse_assets.{each.layer} import {module_of(each.key)} as {alias}" for each, alias in pairs]
    return [*made, *sorted(below)]


def _transform(sources: Sequence[Table], called: Sequence[str], counts: Sequence[str], grid: Grid) -> str:
    frames = ", ".join(f"{name}: DataFrame" for name in called)
    head = f"def transform({frames}) -> DataFrame:\n"
    said = f'    """All rows of some {grid.unit}s to the answers of those {grid.unit}s."""'
    lines = [line for each in zip(sources, called, counts, strict=True) for line in _counted(*each, grid)]
    if not called[1:]:
        return "\n".join([head + said, *lines[:-1], lines[-1].replace(f"of_{called[0]} =", "return"), ""])
    joined = [f"of_{called[0]}", *["joined"] * (len(called) - 2)]
    joins = [
        f'    joined = {left}.join(of_{name}, on="{grid.column}", how="full_outer")'
        for left, name in zip(joined, called[1:], strict=True)
    ]
    return "\n".join([head + said, *lines, *joins, "    return joined.na.fill(0)", ""])


def _counted(source: Table, name: str, count: str, grid: Grid) -> list[str]:
    by = f'"{grid.column}"' if source.grid == grid else f'{grid.unit}.alias("{grid.column}")'
    dated = [] if source.grid == grid else [f"    {grid.unit} = {_partition(source.grid, grid)}"]
    return [*dated, f'    of_{name} = {name}.groupBy({by}).agg(F.count("*").alias("{count}"))']


def _partition(source: Grid, grid: Grid) -> str:
    day = 'F.substring("event_hour", 1, 10)' if source.unit == "hour" else f'"{source.column}"'
    return f"F.to_date({day})" if grid.unit == "day" else f'F.to_date(F.date_trunc("{grid.unit}", {day}))'


def _sql(sources: Sequence[Table], counts: Sequence[str], grid: Grid) -> str:
    """One for each row of its table, 0 for the others, summed."""
    parts = []
    for source, mine in zip(sources, counts, strict=True):
        ones = ", ".join(f"{int(name == mine)} AS {name}" for name in counts)
        parts.append(f"  SELECT {_sql_partition(source.grid, grid)}{grid.column}, {ones}\n  FROM {source.name}")
    sums = ", ".join(f"sum({name}) AS {name}" for name in counts)
    union = "\n  UNION ALL\n".join(parts)
    return f'SQL = """\nSELECT {grid.column}, {sums}\nFROM (\n{union}\n)\nGROUP BY {grid.column}\n"""\n'


def _sql_partition(source: Grid, grid: Grid) -> str:
    if source == grid:
        return ""
    day = "substring(event_hour, 1, 10)" if source.unit == "hour" else source.column
    return f"to_date({day}) AS " if grid.unit == "day" else f"to_date(date_trunc('{grid.unit}', {day})) AS "


def _lines(source: Table, moments: Sequence[datetime]) -> str:
    rows = [f'{{"{source.grid.column}": {python(source.grid.at(moment))}}},' for moment in moments]
    return "\n            ".join([f'        "{source.key}": [', *rows]) + "\n        ],"


def _expected(grid: Grid, moment: datetime, counts: Sequence[str]) -> str:
    numbers = [1 if moment == _LATER else 2 * int(name == counts[0]) for name in counts]
    said = ", ".join(f'"{name}": {number}' for name, number in zip(counts, numbers, strict=True))
    return f'        {{"{grid.column}": {python(grid.at(moment))}, {said}}},'
