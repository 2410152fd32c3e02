"""Avro records of a given schema, one a record; plain, or behind the five bytes of a schema registry."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import DataType, DateType, TimestampType

from lakehouse_assets.engine import names
from lakehouse_assets.engine.decoding import avro_schema, avro_values, lines, outcome, sql
from lakehouse_assets.engine.decoding.avro_schema import Schema, kind_of, logical
from lakehouse_assets.engine.decoding.decoder import EventTime, check_time
from lakehouse_assets.engine.decoding.epoch import Epoch, Unit
from lakehouse_assets.engine.names import column, own, quoted

NOT_AVRO = "value: not an Avro record of the schema"
MORE = "value: more after the Avro record"
PREFIXED = "value: five bytes of a schema registry before the Avro record"
NO_PREFIX = "value: no five bytes of a schema registry before the Avro record"
NOT_UTF8, NO_TIME = "not UTF-8", "not a time in the years 1 to 9999"
_BYTES, _RECORD = own("bytes"), own("record")
_REGISTRY_BYTES = 5
_TIMES: Mapping[str, DataType] = {
    "timestamp-millis": TimestampType(),
    "timestamp-micros": TimestampType(),
    "date": DateType(),
}


@dataclass(frozen=True)
class Avro:
    """Reads each value by the schema that it was written with; columns are of the types that Spark gives them.

    The bytes have to end where the record does. Whether they were written with this schema nobody can tell of bytes
    that are a record of it by chance: a topic whose schemas change needs its registry.

    >>> Avro(Path("sale.avsc").read_text(), epochs={"sold_at": "millis"}, schema_id=True)

    Raises:
        ContractError: the schema is no record's, or has what cannot be read; a field's column would be one of the
            engine's.
    """

    schema: str
    """As JSON text."""
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Column by field, where it has another name."""
    epochs: Mapping[str, Unit] = field(default_factory=dict, hash=False)
    """Unit of the fields that are numbers in the schema and times to people."""
    schema_id: bool = False
    """Five bytes of a schema registry come before the record; which schema they name is not looked at."""

    def __post_init__(self) -> None:
        do = 'Give the field another column: columns={"offset": "till_offset"}'
        names.check([self._into(name) for name in self._types], names.RECORDS_OWN, "Avro", do)
        if wrong := [name for name in self.epochs if not _is_whole_number(self._types.get(name))]:
            avro_schema.refuse(f"no whole number in the schema: {', '.join(wrong)}", "Name fields of int or long")

    @property
    def columns_read(self) -> Collection[str]:
        """See `Decoder`."""
        return [*map(self._into, self._types)]

    @property
    def arrays(self) -> Collection[str]:
        """See `Decoder`."""
        kinds = {name: _not_null(schema) for name, schema in self._types.items()}
        return [self._into(name) for name, schema in kinds.items() if schema and kind_of(schema) == "array"]

    def decode(self, records: DataFrame, explode: str = "") -> DataFrame:
        """See `Decoder`; a record is read whole or not at all, so that one bad element sets all of its rows aside."""
        read = records.withColumn(_BYTES, self._bytes()).withColumn(_RECORD, F.expr(self._whole(_BYTES)))
        values = {own(f"value {i}"): F.expr(f"{_RECORD}.{quoted(name)}") for i, name in enumerate(self._types)}
        sound = {own(f"sound {i}"): F.expr(self._sound(i, name)) for i, name in enumerate(self._types)}
        read = read.withColumns(values).withColumns(sound)
        reasons = [column(name) for name in sound]
        typed = {self._into(name): F.expr(self._typed(i, name)) for i, name in enumerate(self._types)}
        told = outcome.told(F.expr(self._fault()), F.lit(None).cast("string"), reasons, [])
        found = read.withColumns(typed | told | outcome.nothing_undeclared())
        found = found.drop(*[column(name) for name in (_BYTES, _RECORD, *values, *sound)])
        return lines.of_decoded(found, explode)

    def event_time(self, *path: str) -> EventTime:
        """See `Decoder`."""
        check_time(self._time_type(path), path, "Avro")
        return EventTime(self, path)

    def time(self, *path: str) -> Column:
        """See `Decoder`."""
        value = ".".join(["record", *map(quoted, path)])
        sound, typed = self._time_of(value, path)
        made = f"CASE WHEN {sound} THEN CAST({typed} AS timestamp) END"
        return sql.applied(self._bytes(), "bytes", sql.let("record", self._whole("bytes"), made))

    @cached_property
    def _types(self) -> Mapping[str, Schema]:
        return avro_schema.parse(self.schema)

    def _into(self, name: str) -> str:
        return self.columns.get(name, name)

    def _bytes(self) -> Column:
        value = F.col("value")
        return F.when(F.startswith(value, F.expr("X'00'")), _after(value)) if self.schema_id else value

    def _whole(self, value: str) -> str:
        """The record, if the bytes are one and nothing else: only then those of a digest follow where it ends."""
        seal = f"unhex(md5({value}))"
        read = _from_avro(f"concat({value}, {seal})", avro_schema.sealed(self.schema))
        return sql.let("sealed", read, f"CASE WHEN sealed.seal = {seal} THEN sealed.record END")

    def _fault(self) -> str:
        behind = f"substring(value, {_REGISTRY_BYTES + 1})"
        prefixed = f"startswith(value, X'00') AND {self._whole(behind)} IS NOT NULL"
        more = f"{_from_avro(_BYTES, avro_schema.begun(self.schema))}.record IS NOT NULL"
        other = (
            f"WHEN value IS NOT NULL AND {_BYTES} IS NULL THEN {sql.text(NO_PREFIX)}"
            if self.schema_id
            else f"WHEN {prefixed} THEN {sql.text(PREFIXED)}"
        )
        rest = f"WHEN {more} THEN {sql.text(MORE)} ELSE {sql.text(NOT_AVRO)}"
        return f"CASE WHEN {_RECORD} IS NOT NULL THEN NULL {other} {rest} END"

    def _sound(self, number: int, name: str) -> str:
        """array<string>: what is wrong with a field; null where nothing is."""
        value, schema = quoted(own(f"value {number}")), self._types[name]
        tests = {NOT_UTF8: avro_values.everywhere(avro_values.is_text, value, schema)}
        tests[NO_TIME] = avro_values.everywhere(avro_values.is_time, value, schema)
        if name in self.epochs:
            epoch = Epoch(self.epochs[name])
            tests = {outcome.not_a(epoch.simpleString()): f"coalesce({epoch.is_time(_number(value))}, true)"}
        wrong = [f"WHEN NOT {test} THEN array({sql.text(f'{name}: {what}')})" for what, test in tests.items() if test]
        return f"CASE {' '.join(wrong)} END" if wrong else "CAST(NULL AS array<string>)"

    def _typed(self, number: int, name: str) -> str:
        value = quoted(own(f"value {number}"))
        made = Epoch(self.epochs[name]).at(_number(value)) if name in self.epochs else value
        return f"CASE WHEN {quoted(own(f'sound {number}'))} IS NULL THEN {made} END"

    def _time_of(self, value: str, path: tuple[str, ...]) -> tuple[str, str]:
        """Whether a field is a time that readers have, and the time."""
        dtype = self._time_type(path)
        if isinstance(dtype, Epoch):
            return dtype.is_time(_number(value)), dtype.at(_number(value))
        return avro_values.everywhere(avro_values.is_time, value, _within(self._types, path)) or "true", value

    def _time_type(self, path: tuple[str, ...]) -> DataType | None:
        if len(path) == 1 and path[0] in self.epochs:
            return Epoch(self.epochs[path[0]])
        return _TIMES.get(logical(_within(self._types, path)))


def _from_avro(value: str, schema: str) -> str:
    return f"from_avro({value}, {sql.text(schema)}, map('mode', 'PERMISSIVE'))"


def _after(value: Column) -> Column:
    return F.when(F.octet_length(value) > _REGISTRY_BYTES, F.substring(value, _REGISTRY_BYTES + 1, 2_147_483_647))


def _number(value: str) -> str:
    return f"CAST({value} AS decimal(20,0))"


def _within(types: Mapping[str, Schema], path: tuple[str, ...]) -> Schema:
    """The type of a field within records, of one that may be null that of its value; None where there is no such."""
    found: Schema = None
    for name in path:
        found = _not_null(types.get(name))
        is_record = found is not None and kind_of(found) == "record"
        types = {each["name"]: each["type"] for each in found["fields"]} if is_record else {}
    return found


def _not_null(schema: Schema) -> Schema:
    members = [each for each in schema if each != "null"] if isinstance(schema, list) else [schema]
    return members[0] if len(members) == 1 else schema


def _is_whole_number(schema: Schema) -> bool:
    found = _not_null(schema)
    return found is not None and kind_of(found) in ("int", "long") and not logical(found)
