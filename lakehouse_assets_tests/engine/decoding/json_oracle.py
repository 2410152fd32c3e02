"""What plain Python says of a JSON value and a declared type: the value, or every kind of fault that is in it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyspark.sql.types as T

from lakehouse_assets.engine.decoding import Epoch

MISSING = object()
EPOCH = datetime(1970, 1, 1)
MICROS = {"seconds": 10**6, "millis": 10**3, "micros": 1}


class Pairs(list):
    """An object's fields in their order, also those given twice."""


@dataclass
class Verdict:
    """Of one field."""

    value: Any = None
    wrong: set[str] = field(default_factory=set)
    undeclared: set[str] = field(default_factory=set)
    twice: bool = False


def verdict(text: str, name: str, dtype: T.DataType) -> Verdict:
    """Of the field of this name in a record; the record is one JSON object."""
    record = json.loads(text, object_pairs_hook=Pairs, parse_float=Decimal, parse_int=Decimal)
    found = Verdict()
    found.value = _read(dtype, dict(record).get(name, None), name, True, found)
    if found.wrong:
        found.value = None
    return found


def _read(dtype: T.DataType, value: Any, path: str, nullable: bool, found: Verdict) -> Any:
    if value is MISSING or value is None:
        if not nullable:
            found.wrong.add(f"{path}: {'absent' if value is MISSING else 'null'}")
        return None
    if isinstance(dtype, T.StructType | T.MapType) and not isinstance(value, Pairs):
        return found.wrong.add(f"{path}: not an object")
    if isinstance(dtype, T.StructType):
        return _struct(dtype, value, path, found)
    if isinstance(dtype, T.MapType):
        return _map(dtype, value, path, found)
    if isinstance(dtype, T.ArrayType):
        return _array(dtype, value, path, found)
    return _scalar(dtype, value, path, found)


def _struct(dtype: T.StructType, pairs: Pairs, path: str, found: Verdict) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    last = dict(pairs)
    for name in {name for name in dtype.names if keys.count(name) > 1}:
        found.wrong.add(f"{path}{step(name)}: given twice")
        found.twice = True
    for name in set(keys) - set(dtype.names):
        taken = name.lower() in {each.lower() for each in dtype.names}
        found.undeclared.add(f"{path.lower()}.{name if taken else name.lower()}")
    return {
        each.name: _read(each.dataType, last.get(each.name, MISSING), path + step(each.name), each.nullable, found)
        for each in dtype
    }


def _map(dtype: T.MapType, pairs: Pairs, path: str, found: Verdict) -> Any:
    if len(dict(pairs)) < len(pairs):
        found.twice = True
        return found.wrong.add(f"{path}[]: given twice")
    return {key: _read(dtype.valueType, each, f"{path}[]", dtype.valueContainsNull, found) for key, each in pairs}


def _array(dtype: T.ArrayType, values: Any, path: str, found: Verdict) -> Any:
    if not isinstance(values, list) or isinstance(values, Pairs):
        return found.wrong.add(f"{path}: not an array")
    return [_read(dtype.elementType, each, f"{path}[]", dtype.containsNull, found) for each in values]


def step(name: str) -> str:
    """The way from an object to its field."""
    return f".{name}" if name.isidentifier() else f'["{name}"]'


def _scalar(dtype: T.DataType, value: Any, path: str, found: Verdict) -> Any:
    read = _exactly(dtype, value)
    if read is None:
        shown = dtype.simpleString()
        found.wrong.add(f"{path}: not {'an' if shown[0] in 'aeiou' else 'a'} {shown}")
    return read


def _exactly(dtype: T.DataType, value: Any) -> Any:
    if isinstance(dtype, T.StringType):
        return value if isinstance(value, str) else None
    if isinstance(dtype, T.BooleanType):
        return value if isinstance(value, bool) else None
    if isinstance(dtype, T.TimestampType | T.DateType):
        return _time(dtype, value)
    if not isinstance(value, Decimal):
        return None
    return _number(dtype, value)


def _time(dtype: T.DataType, value: Any) -> Any:
    try:
        if isinstance(dtype, T.DateType):
            return date.fromisoformat(value)
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
    except (ValueError, TypeError):
        return None


def _number(dtype: T.DataType, value: Decimal) -> Any:
    if isinstance(dtype, T.DoubleType):
        return float(value)
    if isinstance(dtype, Epoch):
        micros = value * MICROS[dtype.unit]
        is_time = micros == int(micros) and -62_135_596_800 * 10**6 <= micros < 253_402_300_800 * 10**6
        return EPOCH + timedelta(microseconds=int(micros)) if is_time else None
    if isinstance(dtype, T.DecimalType):
        fits = value * 10**dtype.scale == int(value * 10**dtype.scale)
        return value if fits and abs(value) < 10 ** (dtype.precision - dtype.scale) else None
    most = 2 ** (31 if isinstance(dtype, T.IntegerType) else 63)
    return int(value) if value == int(value) and -most <= value < most else None
