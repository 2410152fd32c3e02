"""The oracle: compares sets of coordinates in the Delta tables with the manifest, label by label.

    python -m lakehouse_assets_tests.oracle.check --json out.json --manifest m.jsonl [--manifest m2.jsonl]

Give every manifest since the topic was made. Credentials come from the AWS_* environment. Imports nothing
of the package.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from lakehouse_assets_tests.oracle import reading, rules

SHOWN = 5
COUNTS = {
    "rows_in": "true",
    "rows_published": "fate = 'published'",
    "rows_quarantined": "fate = 'quarantined'",
    "duplicates": "fate = 'duplicate'",
    "superseded": "fate = 'superseded'",
}


@dataclass(frozen=True)
class Report:
    """What was compared: records by label, rows by table, days in gold and its revenue as text."""

    labels: Mapping[str, int]
    rows: Mapping[str, int]
    days: int
    revenue: str


def check(
    tables: Mapping[str, str],
    manifests: Sequence[Path],
    storage_options: Mapping[str, str] | None = None,
    *,
    result: Mapping[str, Any] | None = None,
    partial: bool = False,
) -> Report:
    """Check the tables (address by asset key, see `reading.SOURCES`) against what was sent.

    `result` is the demo's JSON; its counts must agree with all manifests, or with the last one. `partial`
    allows records in the tables that no manifest names, as a killed producer leaves them.

    Raises:
        AssertionError: lists every promise that is broken, with the first rows that break it.
    """
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "TimeZone": "UTC"})
    reading.read_tables(connection, tables, storage_options or {})
    reading.read_manifests(connection, manifests)
    connection.execute(rules.VIEWS)
    held = [rule for rule in rules.RULES if not (partial and rule.strict)]
    broken = [text for rule in held if (text := _broken(connection, rule))]
    if result is not None:
        broken += _disagreements(connection, result)
    assert not broken, f"{len(broken)} promises broken\n" + "\n".join(broken)
    return _report(connection)


def _broken(connection: duckdb.DuckDBPyConnection, rule: rules.Rule) -> str:
    found = connection.execute(f"SELECT count(*) OVER () AS broken, * FROM ({rule.query}) LIMIT {SHOWN}")
    names = [column[0] for column in found.description or []][1:]
    rows = found.fetchall()
    if not rows:
        return ""
    shown = [
        "      " + ", ".join(f"{name}={value}" for name, value in zip(names, row[1:], strict=True)) for row in rows
    ]
    return "\n".join([f"  NOT SO: {rule.promise}: {rows[0][0]} rows, such as", *shown])


def _disagreements(connection: duckdb.DuckDBPyConnection, result: Mapping[str, Any]) -> list[str]:
    stated = {name: result.get(name) for name in COUNTS}
    last = "part = (SELECT max(part) FROM expected)"
    whole, newest = _counts(connection, "true"), _counts(connection, last)
    wrong = []
    if stated not in (whole, newest):
        wrong.append(f"  NOT SO: the JSON's counts {stated} are those of the manifests {whole} or of the last {newest}")
    rows = _rows(connection)
    for table in result.get("tables", []):
        key = table["asset"]
        if key not in rows:  # made from other sources than the manifest's topic
            continue
        found = {"rows": rows[key]} | (
            {"quarantined": rows[f"{key}_quarantine"]} if f"{key}_quarantine" in rows else {}
        )
        said = {name: table.get(name) for name in found}
        if said != found:
            wrong.append(f"  NOT SO: the JSON says of {key} {said}; the table has {found}")
    return wrong


def _counts(connection: duckdb.DuckDBPyConnection, where: str) -> dict[str, int]:
    columns = ", ".join(f"count(*) FILTER ({condition}) AS {name}" for name, condition in COUNTS.items())
    row = connection.execute(f"SELECT {columns} FROM expected WHERE {where}").fetchone()
    return dict(zip(COUNTS, row or (), strict=True))


def _rows(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return {
        key: int(connection.execute(f"SELECT count(*) FROM {source.name}").fetchall()[0][0])
        for key, source in reading.SOURCES.items()
    }


def _report(connection: duckdb.DuckDBPyConnection) -> Report:
    labels = connection.execute("SELECT label, count(*) FROM expected GROUP BY ALL ORDER BY 2 DESC").fetchall()
    days, revenue = connection.execute("SELECT count(*), coalesce(sum(revenue), 0) FROM gold").fetchall()[0]
    return Report(dict(labels), _rows(connection), int(days), str(revenue))


def tables_of(result: Mapping[str, Any]) -> dict[str, str]:
    """Addresses by asset key from the demo's JSON."""
    bucket = result["storage"]["bucket"]
    found = {key: f"s3://{bucket}/{key}" for key in reading.SOURCES}
    for table in result["tables"]:
        found[table["asset"]] = table["uri"]
        if table.get("quarantine_uri"):
            found[f"{table['asset']}_quarantine"] = table["quarantine_uri"]
    return {key: uri.replace("s3a://", "s3://") for key, uri in found.items()}


def options_of(result: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """delta-rs storage options: the AWS_* environment, and the endpoint from the JSON where it has none."""
    options = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    endpoint = options.setdefault("AWS_ENDPOINT_URL", result["storage"]["endpoint"])
    options.setdefault("AWS_ALLOW_HTTP", str(endpoint.startswith("http://")).lower())
    options.setdefault("AWS_REGION", "us-east-1")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what the demo's JSON and manifests name; 0 when everything holds, else 1."""
    parser = argparse.ArgumentParser(description="Check the lakehouse's tables against the demo's manifests.")
    parser.add_argument("--json", type=Path, required=True, help="what the demo wrote with --json")
    parser.add_argument("--manifest", type=Path, action="append", required=True, help="once for each manifest")
    parser.add_argument("--partial", action="store_true", help="allow records that no manifest names")
    asked = parser.parse_args(arguments)
    result = json.loads(asked.json.read_text())
    options = options_of(result, os.environ)
    try:
        report = check(tables_of(result), asked.manifest, options, result=result, partial=asked.partial)
    except AssertionError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(
        f"all promises hold for {sum(report.labels.values())} records {dict(report.labels)}; "
        f"revenue {report.revenue} over {report.days} days\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
