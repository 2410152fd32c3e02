"""Column lineage of a table: which columns of its source each of its columns is computed from.

Taken from the plan that Spark makes of the table's own transform over an empty source, so it can't drift from the
code; it needs no data. A fingerprint of the transform tells whether it has to be asked again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dagster import AssetKey, TableColumnDep, TableColumnLineage
from pyspark.sql import DataFrame, SparkSession

from lakehouse_assets.engine.display import analysed_plan
from lakehouse_assets.engine.display.analysed_plan import Origins, UnreadablePlan
from lakehouse_assets.engine.payload import UNREADABLE
from lakehouse_assets.engine.table import Table
from lakehouse_assets.settings import Settings

_SOURCE = "lineage_source"
_WIDTH = "spark.sql.debug.maxToStringFields"
_NO_LIMIT = "1000000"
_QUERY = "spark.connect.SQL.query"
_VIEW = re.compile(rb"_pyspark_connect_temp_view_[0-9a-f]{32}")
"""What Spark calls a frame in a SELECT: another name each time."""
_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"[^\"]*\"")
"""Of a query only its literals come into the plan as they are."""
_CONFUSING = re.compile(r"#\d|\n")
"""In a literal these could be taken for an attribute or for the plan's next line."""


@dataclass(frozen=True)
class Traced:
    """A table's transform over its empty source."""

    frame: DataFrame
    sources: Mapping[str, AssetKey]
    """Alias in the plan to the asset it stands for."""

    @property
    def fingerprint(self) -> str:
        """Changes when the transform or the source's columns do; costs no call to the server."""
        plan = _VIEW.sub(b"", _plan(self.frame).SerializeToString(deterministic=True))
        return hashlib.sha256(plan).hexdigest()[:16]


def trace(spark: SparkSession, settings: Settings, table: Table) -> Traced | None:
    """The table's code over its empty inputs, lazily; None where no code makes its columns."""
    inputs = table.inputs()
    frames = {key: spark.createDataFrame([], schema).alias(_alias(key)) for key, schema in inputs.items()}
    made = table.derived(frames, settings)
    return None if made is None else Traced(made, {_alias(key): AssetKey(key.split("/")) for key in inputs})


def _alias(key: str) -> str:
    return f"{_SOURCE}_{key.replace('/', '_')}"


def column_lineage(spark: SparkSession, table: Table, traced: Traced) -> TableColumnLineage:
    """The lineage as Dagster shows it: the table's own columns that depend on columns of its source.

    Raises:
        UnreadablePlan: the plan can't be read with certainty.
    """
    kept = _columns(table)
    found = {name: made for name, made in column_origins(spark, traced).items() if kept is None or name in kept}
    return TableColumnLineage({name: _deps(traced.sources, made) for name, made in found.items() if made})


def column_origins(spark: SparkSession, traced: Traced) -> dict[str, Origins]:
    """The source columns of each column of the transform's result.

    Raises:
        UnreadablePlan: the plan can't be read with certainty.
    """
    for text in _texts(_plan(traced.frame)):
        if _CONFUSING.search(text):
            raise UnreadablePlan(f"the text {text[:60]!r} looks like part of a plan")
    frame: Any = traced.frame
    with _unshortened(spark):
        explained = frame._explain_string(extended=True)
    return analysed_plan.origins(explained, [*traced.sources], frame.columns)


def _columns(table: Table) -> frozenset[str] | None:
    """What of the transform's result reaches the table; None for all of it."""
    return frozenset(table.readable.names) - {UNREADABLE} if table.contract else None


def _deps(sources: Mapping[str, AssetKey], made: Origins) -> list[TableColumnDep]:
    return [TableColumnDep(sources[source], column) for source, column in sorted(made)]


@contextmanager
def _unshortened(spark: SparkSession) -> Iterator[None]:
    """Has Spark write its plans in full."""
    spark.conf.set(_WIDTH, _NO_LIMIT)
    try:
        yield
    finally:
        spark.conf.unset(_WIDTH)


def _plan(frame: DataFrame) -> Any:
    """The plan as it goes to the server, without the numbers that count a session's plans."""
    connect: Any = frame
    plan = connect._plan.to_proto(connect.sparkSession.client)
    for message in _messages(plan):
        if "plan_id" in message.DESCRIPTOR.fields_by_name:
            message.ClearField("plan_id")
    return plan


def _messages(message: Any) -> Iterator[Any]:
    yield message
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None or descriptor.message_type.GetOptions().map_entry:
            continue
        for each in [value] if hasattr(value, "ListFields") else value:
            yield from _messages(each)


def _texts(plan: Any) -> Iterator[str]:
    for message in _messages(plan):
        for descriptor, value in message.ListFields():
            if descriptor.cpp_type != descriptor.CPPTYPE_STRING or descriptor.type != descriptor.TYPE_STRING:
                continue
            texts = [value] if isinstance(value, str) else value
            yield from texts if descriptor.full_name != _QUERY else _QUOTED.findall(value)
