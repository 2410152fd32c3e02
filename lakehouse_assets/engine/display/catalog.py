"""What is known of every table, in Markdown: shown on each asset in Dagster, and as one page of docs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pyspark.sql.types import StructField

from lakehouse_assets.engine.table import Table


def catalog(tables: Iterable[Table]) -> str:
    """The page of all tables."""
    tables = list(tables)
    index = [f"| [{table.key}](#{anchor(table)}) | {table.description} |" for table in tables]
    lines = [
        "# Catalog",
        "",
        "Every table and view. Made from the table files by `lakehouse catalog --write`.",
        "",
        "| table | what it holds |",
        "|---|---|",
        *index,
    ]
    return "\n".join([*lines, *(f"\n{page(table)}" for table in tables)]) + "\n"


def anchor(table: Table) -> str:
    """The id of a table's heading, as GitHub makes it."""
    return table.key.replace("/", "")


def page(table: Table) -> str:
    """One table: what it is, and its columns."""
    return "\n\n".join([f"## {table.key}", about(table), "\n".join(_column_table(table))])


def about(table: Table) -> str:
    """What a table is: description, grain, source, owner, freshness, rules; its columns are told elsewhere."""
    facts = [
        f"- **Grain**: {table.grain_said}",
        f"- **Source**: {', '.join(f'`{source}`' for source in table.made_from)}",
        f"- **Owner**: {table.owner}",
        f"- **Freshness**: {table.freshness_said}",
        *(f"- {rule}" for rule in table.rules_said()),
    ]
    return f"{table.description}\n\n" + "\n".join(facts)


def described(table: Table) -> str:
    """What a table is, in plain sentences: where people see lists of tables, Markdown is shown as it is written."""
    grain = table.grain_said.replace("`", "")
    return f"{table.description}\n\n{grain[0].upper()}{grain[1:]}. {table.fed_said}."


def _column_table(table: Table) -> Iterator[str]:
    yield from ("| column | type | null | meaning |", "|---|---|---|---|")
    masked = table.contract.personal if table.contract else frozenset[str]()
    for field in table.columns:
        null = "yes" if field.nullable else "no"
        meaning = field.metadata.get("comment", "") + (" (personal)" if field.name in masked else "")
        yield f"| `{field.name}` | {_type(field)} | {null} | {meaning} |"


def _type(field: StructField) -> str:
    return field.dataType.simpleString()
