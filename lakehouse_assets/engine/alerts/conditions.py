"""What a watch says: one thing that is watched, and whether it is all right now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from dagster import DagsterInstance

from lakehouse_assets.engine.table import Table
from lakehouse_assets.settings import Settings

Kind = Literal["check", "run", "freshness", "sensor", "lag", "quarantine"]
Severity = Literal["warn", "error"]


@dataclass(frozen=True)
class Condition:
    """One watched thing as it was at a moment; of one that is all right only `key`, `failing` and `at` count."""

    key: str
    """The same in every look, e.g. `check:silver/sales/transactions:Price_not_null:2017-03-01`."""
    failing: bool
    at: float
    """When it was found so, in seconds since 1970."""
    kind: Kind = "check"
    subject: str = ""
    """A table's key; the name of a job or sensor where no table is concerned."""
    table: str = ""
    rule: str = ""
    partition: str = ""
    """The day, where it concerns one day."""
    severity: Severity = "error"
    owner: str = ""
    says: str = ""
    """What is wrong, e.g. `Price not null fails`."""
    over: str = ""
    """What is said when it is over, e.g. `Price not null passes again`."""
    facts: tuple[tuple[str, str], ...] = ()
    samples: tuple[str, ...] = ()
    link: str = ""
    """Path of the page in Dagster's UI."""
    hold_seconds: float = 0.0
    """It is over only after it has been all right for so long."""

    @property
    def group(self) -> str:
        """Conditions of one group that begin soon after each other are one incident."""
        return f"{self.kind}:{self.subject}:{self.rule}"

    @property
    def company(self) -> str:
        """Conditions of one company that begin before any of it was told are one incident: all that is told alike."""
        if self.kind != "check":
            return self.group
        return f"{self.kind}:{self.subject}:{self.severity}:{self.owner}"

    def to_json(self) -> dict[str, Any]:
        """As `from_json` takes it."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Condition:
        """The condition that was kept."""
        facts = tuple((name, text) for name, text in body["facts"])
        return cls(**{**body, "facts": facts, "samples": tuple(body["samples"])})


@dataclass(frozen=True)
class Scene:
    """What a watch may look at."""

    instance: DagsterInstance
    settings: Settings
    tables: Sequence[Table]
    now: float
    """Seconds since 1970."""
    awake_since: float = 0.0
    """Since when the watches have looked without a long pause: what stood still before that may only have slept."""
    sensors: frozenset[str] = frozenset()
    """Names of the sensors that should tick."""
    open: frozenset[str] = frozenset()
    """Keys of the conditions that are in an open incident."""

    def table(self, key: str) -> Table | None:
        """The table of this key."""
        return next((table for table in self.tables if table.key == key), None)

    def owner(self, key: str) -> str:
        """Whose table this is; empty for an unknown one."""
        table = self.table(key)
        return table.owner if table else ""


@dataclass(frozen=True)
class Look:
    """What a watch found, and what it wants to remember until the next look."""

    conditions: Sequence[Condition] = ()
    """In the order in which they came to be."""
    memory: dict[str, Any] = field(default_factory=dict)
    """JSON; kept in the same transaction as the incidents."""


def page(table: str, query: str = "") -> str:
    """Path of a table's page in Dagster's UI."""
    return f"/assets/{table}{'?' + query if query else ''}"
