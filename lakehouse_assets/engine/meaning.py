"""What a session is set to, so that the same code means the same on any Spark.

`MEANING` are Spark 4.2's and Delta 4.4's defaults, on which the engine is tested, written out: a server may be set
otherwise, and another version may default otherwise. Three differ: a `${` in SQL is what it says, a
name given twice inside of a nested field harms nobody, and a time is written in a form that other readers take too:
theirs of Spark's 96 bits are nanoseconds in 64, which end in 2262.
What a server sets beyond it, under a name that changes results, is unset.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pyspark.sql.connect.session import SparkSession

from lakehouse_assets.errors import SettingsError

_SQL: Final = {
    "session.timeZone": "UTC",
    "timestampType": "TIMESTAMP_LTZ",
    "legacy.timeParserPolicy": "CORRECTED",
    "ansi.enabled": "true",
    "ansi.doubleQuotedIdentifiers": "false",
    "ansi.enforceReservedKeywords": "false",
    "ansi.relationPrecedence": "false",
    "storeAssignmentPolicy": "ANSI",
    "decimalOperations.allowPrecisionLoss": "true",
    "mapKeyDedupPolicy": "EXCEPTION",
    "caseSensitive": "false",
    "parser.quotedRegexColumnNames": "false",
    "variable.substitute": "false",
    "lateralColumnAlias.enableImplicitResolution": "true",
    "crossJoin.enabled": "true",
    "groupByAliases": "true",
    "groupByOrdinal": "true",
    "orderByOrdinal": "true",
    "function.concatBinaryAsString": "false",
    "function.eltOutputAsString": "false",
    "json.enablePartialResults": "true",
    "json.enableExactStringParsing": "true",
    "jsonGenerator.ignoreNullFields": "true",
    "columnNameOfCorruptRecord": "_corrupt_record",
    "csv.parser.columnPruning.enabled": "true",
    "charAsVarchar": "false",
    "preserveCharVarcharTypeInfo": "false",
    "readSideCharPadding": "true",
    "defaultColumn.enabled": "true",
    "runSQLOnFiles": "true",
    "files.ignoreCorruptFiles": "false",
    "files.ignoreMissingFiles": "false",
    "sources.default": "parquet",
    "sources.partitionColumnTypeInference.enabled": "true",
    "sources.partitionOverwriteMode": "STATIC",
    "avro.datetimeRebaseModeInRead": "CORRECTED",
    "parquet.binaryAsString": "false",
    "parquet.datetimeRebaseModeInRead": "CORRECTED",
    "parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "parquet.inferTimestampNTZ.enabled": "true",
    "parquet.int96AsTimestamp": "true",
    "parquet.int96RebaseModeInRead": "CORRECTED",
    "parquet.int96RebaseModeInWrite": "CORRECTED",
    "parquet.int96TimestampConversion": "false",
    "parquet.mergeSchema": "false",
    "parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "parquet.writeLegacyFormat": "false",
    "execution.arrow.useLargeVarTypes": "false",
    "variant.allowDuplicateKeys": "true",
}
_DELTA: Final = {
    "schema.autoMerge.enabled": "false",
    "replaceWhere.constraintCheck.enabled": "true",
    "replaceWhere.dataColumns.enabled": "true",
    "merge.materializeSource": "auto",
    "merge.preserveNullSourceStructs": "true",
    "write.utcTimestampPartitionValues": "true",
    "write.txnVersion.autoReset.enabled": "false",
    "dml.insert.dfByName.allowImplicitCasts": "true",
    "stats.skipping": "true",
}
_DELTA_PREFIX: Final = "spark.databricks.delta."
MEANING: Final[Mapping[str, str]] = MappingProxyType(
    {f"spark.sql.{name}": value for name, value in _SQL.items()}
    | {f"{_DELTA_PREFIX}{name}": value for name, value in _DELTA.items()}
)
TELLING: Final = (
    *(
        f"spark.sql.{name}."
        for name in ("legacy", "ansi", "parser", "json", "csv", "variant", "parquet", "avro", "collation")
    ),
    *("spark.sql.optimizer.excludedRules", "spark.sql.adaptive.optimizer.excludedRules", _DELTA_PREFIX),
)
"""How the names of settings begin of which each may change a result."""
COSTS: Final = tuple(
    f"{_DELTA_PREFIX}{name}"
    for name in ("snapshotPartitions", "history.threadPoolSize", "optimize.maxThreads", "vacuum.parallelDelete.")
)
"""Those among them that change only how long it takes."""


def settle(session: SparkSession, where: str) -> Mapping[str, str]:
    """Sets an active session to what the code means, in two round trips; returns all that it is set to then.

    Raises:
        SettingsError: the server keeps a setting of its own.
    """
    SparkSession.builder.config(map=dict(MEANING)).getOrCreate()
    found = session.conf.getAll
    for name in strange(found):
        session.conf.unset(name)
    kept = [name for name, value in MEANING.items() if found.get(name) != value]
    if kept:
        what = ", ".join(f"{name}={found.get(name)} in place of {MEANING[name]}" for name in kept)
        raise SettingsError(f"cannot be set for a session: {what}", where=where, do="Set it so on the server")
    return found


def strange(found: Mapping[str, str]) -> list[str]:
    """Settings of a server that change results in ways that nothing here was written for."""
    return sorted(
        name for name in found if name.startswith(TELLING) and name not in MEANING and not name.startswith(COSTS)
    )
