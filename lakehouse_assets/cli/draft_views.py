"""The texts of first drafts of serve: what `lakehouse new table` writes. Each is complete and runs."""

from __future__ import annotations

from string import Template
from typing import Final

import pyspark.sql.types as T

from lakehouse_assets.cli.drafts import dates_import, model_column, module_of, names
from lakehouse_assets.cli.fields import TYPES, Column, Type, decimal
from lakehouse_assets.engine.table import Table

_KINDS: Final[dict[type[T.DataType], Type]] = {
    T.StringType: TYPES["text"],
    T.IntegerType: TYPES["int"],
    T.LongType: TYPES["long"],
    T.DoubleType: TYPES["double"],
    T.BooleanType: TYPES["bool"],
    T.DateType: TYPES["date"],
    T.TimestampType: TYPES["timestamp"],
}

_VIEW: Final = Template('''\
"""$title, combined when it is read.

Grain: $grain_said. Source: `$source`. Owner: $domain-analytics.
"""

from __future__ import annotations

import pyspark.sql.types as T
from pandera.pyspark import DataFrameModel, Field

from lakehouse_assets.engine.kinds import View
from lakehouse_assets.$layer import $source_module as $layer


class $model(DataFrameModel):
    """One row of the view."""

$columns


SQL = """
SELECT $selected
FROM $source_name
"""

table = View(
    key="$key",
    owner="team:$domain-analytics",
    description="$title.",
    over=($layer.table,),
    schema=$model,
    grain=($grain),
    sql=SQL,
)
''')

_VIEW_TEST: Final = Template('''\
"""$title, combined when it is read."""

from __future__ import annotations

${dates}from lakehouse_assets.serve.$module import table
from lakehouse_assets.testing import check_view


def test_each_row_is_there_once():
    """As the table below has it."""
    row = {
$row
    }
    check_view(table, over=[row], rows=[row])
''')


def view(key: str, source: Table) -> str:
    """A view of a table's columns."""
    columns = _columns_of(source)
    return _VIEW.substitute(
        names(key),
        grain_said=source.grain_said.replace("`", ""),
        grain=", ".join(f'"{name}"' for name in source.full_grain) + ("," if len(source.full_grain) == 1 else ""),
        source=source.key,
        source_module=module_of(source.key),
        source_name=source.name,
        layer=source.layer,
        selected=",\n       ".join(each.name for each, _ in columns),
        columns="\n".join(model_column(each, f"As in {source.key}", null) for each, null in columns),
    )


def view_test(key: str, source: Table) -> str:
    """The test of a draft of a view."""
    held = {each.name: each.dtype.held for each, null in _columns_of(source) if each.dtype.held and not null}
    row = "\n".join(f'        "{name}": {value},' for name, value in held.items())
    return _VIEW_TEST.substitute(names(key), dates=dates_import(row), row=row)


def _columns_of(source: Table) -> list[tuple[Column, bool]]:
    """Its columns of a usual type, and whether each may be null."""
    wanted = [*(source.contract.fields if source.contract else ()), *source.grid.fields]
    fields = {field.name: field for field in wanted}
    typed = [
        (Column(name, found), field.nullable) for name, field in fields.items() if (found := _type(field.dataType))
    ]
    missing = {*source.full_grain} - {each.name for each, _ in typed}
    assert not missing, f"{source.key} has no usual type in {missing}"
    return typed


def _type(dtype: T.DataType) -> Type | None:
    return decimal(dtype.precision, dtype.scale) if isinstance(dtype, T.DecimalType) else _KINDS.get(type(dtype))
