"""What `lakehouse new table` was asked for, and what makes a table of which layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lakehouse_assets.engine.naming import check_key, prefix_fault, topic_fault
from lakehouse_assets.errors import LakehouseError

KINDS: Final = ("events", "dimension")
GRIDS: Final = ("hour", "day", "week", "month")
_RECORDS: Final = '[--kind dimension] [--fields "No: text, Paid: decimal(18,2)"]'


@dataclass(frozen=True)
class Way:
    """How a layer's tables are made: the layers below, the options there are, and all of it in one line."""

    above: tuple[str, ...]
    options: frozenset[str]
    line: str


WAYS: Final[Mapping[str, Way]] = {
    "bronze": Way(
        (),
        frozenset({"--topic", "--drop", "--kind", "--grid", "--fields"}),
        f"--topic TOPIC, or --drop PREFIX/; [--grid hour] {_RECORDS}",
    ),
    "silver": Way(("bronze",), frozenset({"--from", "--kind", "--fields"}), f"--from bronze/DOMAIN/TABLE {_RECORDS}"),
    "gold": Way(
        ("silver", "gold"),
        frozenset({"--from", "--grid", "--sql"}),
        "--from silver/DOMAIN/TABLE [--from gold/DOMAIN/TABLE ...] [--grid month] [--sql]",
    ),
    "serve": Way(("gold", "silver"), frozenset({"--from"}), "--from gold/DOMAIN/TABLE"),
}


@dataclass(frozen=True)
class Order:
    """The options of the command; empty where they were not given."""

    key: str
    topic: str = ""
    drop: str = ""
    sources: tuple[str, ...] = ()
    kind: str = ""
    grid: str = ""
    sql: bool = False
    fields: str = ""

    @property
    def layer(self) -> str:
        """bronze, silver, gold or serve."""
        return self.key.split("/")[0]

    @property
    def is_dimension(self) -> bool:
        """Whether a key is to have one row."""
        return self.kind == "dimension"

    def check(self) -> None:
        """Lets an order pass that makes a table.

        Raises:
            LakehouseError: it makes none; says what does.
        """
        check_key(self.key)
        way = WAYS[self.layer]
        for fault in self._faults(way):
            raise LakehouseError(
                fault, where=self.key, do=f"`lakehouse new table {self.key} {way.line}` makes a {self.layer} table"
            )

    def _faults(self, way: Way) -> Iterator[str]:
        given = self._given()
        if needless := sorted({*given} - way.options):
            yield f"a {self.layer} table takes no {needless[0]}"
        if way.above and not self.sources:
            yield "it is made from another table: --from is missing"
        if not way.above and bool(self.topic) == bool(self.drop):
            yield "its records come from one topic or one folder: give --topic or --drop"
        yield from self._wrong_values()
        yield from self._wrong_sources(way)

    def _wrong_values(self) -> Iterator[str]:
        if self.topic and (fault := topic_fault(self.topic)):
            yield f"topic {self.topic!r} {fault}"
        if self.drop and (fault := prefix_fault(self.drop)):
            yield f"prefix {self.drop!r} {fault}"
        if self.kind and self.kind not in KINDS:
            yield f"--kind {self.kind} is neither of {', '.join(KINDS)}"
        if self.grid and self.grid not in GRIDS:
            yield f"--grid {self.grid} is none of {', '.join(GRIDS)}"

    def _wrong_sources(self, way: Way) -> Iterator[str]:
        if self.sources[1:] and self.layer != "gold":
            yield f"a draft of a {self.layer} table has one --from; docs/tables.md shows how its file names more"
        for source in self.sources:
            if source.split("/")[0] not in way.above:
                yield f"{source} is no {' or '.join(way.above)} table"
        if len({*self.sources}) < len(self.sources):
            yield "a table is named twice"

    def _given(self) -> frozenset[str]:
        values = {
            "--topic": self.topic,
            "--drop": self.drop,
            "--from": self.sources,
            "--kind": self.kind,
            "--grid": self.grid,
            "--sql": self.sql,
            "--fields": self.fields,
        }
        return frozenset(name for name, value in values.items() if value)
