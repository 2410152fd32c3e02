"""Columns held to three verdicts at once: the compiled contract's, Pandera's, and plain Python's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pyspark.sql.functions as F
import pyspark.sql.types as T
from pandera.pyspark import DataFrameModel, Field
from pyspark.sql import DataFrame, SparkSession

from lakehouse_assets.engine.contracts import Contract, compile_model
from lakehouse_assets_tests.engine.parity_cases import Case
from lakehouse_assets_tests.engine.parity_values import FIELDS

Key = tuple[str, str]
"""Column and argument of `Field`."""
_ARGUMENTS = {**FIELDS, "not_null": "nullable", "not_nullable": "nullable"}
BATCHES_AT_ONCE = 4
CANNOT = {(T.BinaryType(), "eq"), (T.BinaryType(), "ne")}
"""Pandera cannot evaluate these on Spark Connect, and says broken whatever the rows are."""


def model(cases: Sequence[Case]) -> type[DataFrameModel]:
    """A model with one field for each case, c0, c1 ..."""
    fields = {f"c{i}": Field(nullable=case.nullable, **case.rules) for i, case in enumerate(cases)}
    types = {f"c{i}": case.dtype for i, case in enumerate(cases)}
    return type("Generated", (DataFrameModel,), {"__annotations__": types, **fields})


def frame(spark: SparkSession, cases: Sequence[Case]) -> DataFrame:
    """`at` and the columns of all cases, which are of one length."""
    schema = T.StructType([T.StructField("at", T.IntegerType())])
    for i, case in enumerate(cases):
        schema = schema.add(f"c{i}", case.dtype)
    columns = [range(len(cases[0].values)), *(case.values for case in cases)]
    return spark.createDataFrame(list(zip(*columns, strict=True)), schema)


def errors(kind: type[DataFrameModel], rows: DataFrame, reason: str | None = None) -> list[dict[str, str]]:
    """What Pandera says against the rows, for one reason or for all."""
    found = kind.validate(rows).pandera.errors
    return [
        entry
        for reasons in found.values()
        for name, entries in reasons.items()
        for entry in entries
        if reason in (None, name)
    ]


def pandera_verdict(kind: type[DataFrameModel], rows: DataFrame) -> set[Key]:
    """What Pandera itself finds broken."""
    return {(entry["column"], _argument(entry["check"])) for entry in errors(kind, rows)}


def compiled_counts(contract: Contract, rows: DataFrame) -> dict[Key, int]:
    """How many rows break each rule, from one aggregate."""
    counts = [F.count_if(~F.coalesce(rule.holds(), F.lit(True))) for rule in contract.rules]
    found = rows.agg(*(count.alias(str(i)) for i, count in enumerate(counts))).first()
    assert found is not None
    return {(rule.column, _argument(rule.check)): count for rule, count in zip(contract.rules, found, strict=True)}


def compiled_rows(contract: Contract, rows: DataFrame) -> dict[Key, list[int]]:
    """Which rows name each rule among those they break."""
    keys = {rule.name: (rule.column, _argument(rule.check)) for rule in contract.rules}
    assert len(keys) == len(contract.rules), "two rules have one name"
    found: dict[Key, list[int]] = {key: [] for key in keys.values()}
    for row in rows.select("at", contract.broken().alias("broken")).orderBy("at").collect():
        for name in row["broken"]:
            found[keys[name]].append(row["at"])
    return found


def _argument(check: str) -> str:
    name = check.split("(")[0]
    return _ARGUMENTS.get(name, name)


def assert_exact(spark: SparkSession, cases: Sequence[Case]) -> None:
    """The contract names the rows that break each rule, and counts them, as plain Python does."""
    rows, contract, expected = frame(spark, cases), compile_model(model(cases), "generated"), _expected(cases)

    _agree("rows named by the contract", compiled_rows(contract, rows), expected, cases)
    counts = {key: len(at) for key, at in expected.items()}
    _agree("counts of the contract", compiled_counts(contract, rows), counts, cases)


def assert_parity(spark: SparkSession, cases: Sequence[Case]) -> None:
    """The same, and Pandera finds each rule broken that any row breaks."""
    expected, found = _expected(cases), pandera_verdict(model(cases), frame(spark, cases))
    verdicts = {key: bool(at) or (cases[int(key[0][1:])].dtype, key[1]) in CANNOT for key, at in expected.items()}

    _agree("Pandera's verdict", {key: key in found for key in expected}, verdicts, cases)
    assert_exact(spark, cases)


def _expected(cases: Sequence[Case]) -> dict[Key, list[int]]:
    return {(f"c{i}", field): at for i, case in enumerate(cases) for field, at in case.broken().items()}


def _agree(what: str, found: Mapping[Key, Any], expected: Mapping[Key, Any], cases: Sequence[Case]) -> None:
    assert found.keys() == expected.keys(), f"{what}: {found.keys() ^ expected.keys()}"
    for key, value in expected.items():
        assert found[key] == value, f"{what}: {found[key]} instead of {value} for {key[1]} of {cases[int(key[0][1:])]}"


def batches(cases: Iterable[Case], size: int) -> list[list[Case]]:
    """Cases of one length together, their rows repeated from the start to the length of the longest."""
    every = list(cases)
    groups = [every[at : at + size] for at in range(0, len(every), size)]
    return [[_stretched(case, max(len(each.values) for each in group)) for case in group] for group in groups]


def _stretched(case: Case, length: int) -> Case:
    values = [case.values[i % len(case.values)] for i in range(length)]
    return replace(case, values=values)


def assert_all(spark: SparkSession, cases: Iterable[Case], columns_at_once: int = 25) -> int:
    """`assert_parity` over batches of columns, a few at once; how many rules there were."""
    groups = batches(cases, columns_at_once)
    with ThreadPoolExecutor(BATCHES_AT_ONCE) as pool:
        for _ in pool.map(lambda group: assert_parity(spark, group), groups):
            pass
    return sum(len(case.broken()) for group in groups for case in group)
