"""The stock identity: every record of bronze is in exactly one of published, quarantined, duplicate, superseded.

Each term is counted on its own, from the tables as delta-rs reads them; none is what the others leave over. What bronze
must hold is not asked of bronze: it is what was sent, as the broker acknowledged it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError

Coordinate = tuple[str, int, int]
WATCHED: list[Callable[[], object]] = []
"""What holds the tables of the test that runs now to the identity, once it has ended."""
_OWN = 'SELECT topic_id, "partition" AS p, "offset" AS o FROM t'
_LOSERS = """SELECT l['topic_id'] AS topic_id, l['partition'] AS p, l['offset'] AS o,
    l['content_hash'] = content_hash AS same FROM (SELECT unnest(losers) AS l, content_hash FROM t)"""


@dataclass(frozen=True)
class Stock:
    """Coordinates by what became of them."""

    published: frozenset[Coordinate]
    quarantined: frozenset[Coordinate]
    duplicates: frozenset[Coordinate]
    superseded: frozenset[Coordinate]

    @property
    def told(self) -> int:
        """The sum of the four terms."""
        return sum(map(len, (self.published, self.quarantined, self.duplicates, self.superseded)))


def assert_stock(
    bronze: str, silver: str, position: Mapping[tuple[str, int], int], options: Mapping[str, str]
) -> Stock:
    """Holds the tables at these addresses to the identity, at silver's position: next offset by (topic id, partition).

    Raises:
        AssertionError: a record has no fate or two, or something has a fate that bronze does not hold.
    """
    landed = {at for at in _coordinates(bronze, _OWN, options) if at[2] < position.get(at[:2], 0)}
    losers = list(_rows(silver, _LOSERS, options))
    aside = _coordinates(f"{silver}_quarantine", _OWN, options)
    stock = Stock(
        published=_once("published", _coordinates(silver, _OWN, options)),
        quarantined=_once("quarantined", [at for at in aside if at[2] < position.get(at[:2], 0)]),
        duplicates=_once("duplicate", [_at(row) for row in losers if row["same"]]),
        superseded=_once("superseded", [_at(row) for row in losers if not row["same"]]),
    )
    everyone = stock.published | stock.quarantined | stock.duplicates | stock.superseded
    assert len(everyone) == stock.told, f"two fates: {stock}"
    assert everyone == landed, f"no fate: {sorted(landed - everyone)}; not in bronze: {sorted(everyone - landed)}"
    return stock


def assert_landed(
    sent: Iterable[Coordinate],
    claimed: Mapping[tuple[str, int], Sequence[tuple[int, int]]],
    bronze: str,
    options: Mapping[str, str],
) -> None:
    """Holds bronze to what was sent, within the offset ranges that it claims by (topic id, partition).

    A RESTORE that nobody has accepted takes rows back, and with them the claim: a ledger that goes on claiming is told.

    Raises:
        AssertionError: a record that was sent is claimed, and is neither in bronze nor in its quarantine.
    """
    held = {*_coordinates(bronze, _OWN, options), *_coordinates(f"{bronze}_quarantine", _OWN, options)}
    due = {at for at in sent if any(start <= at[2] < end for start, end in claimed.get(at[:2], ()))}
    assert due <= held, f"sent, claimed by the ledger and in no table: {sorted(due - held)}"


def _once(what: str, found: list[Coordinate]) -> frozenset[Coordinate]:
    assert len(set(found)) == len(found), f"{what} more than once: {sorted(at for at in found if found.count(at) > 1)}"
    return frozenset(found)


def _coordinates(uri: str, query: str, options: Mapping[str, str]) -> list[Coordinate]:
    return [_at(row) for row in _rows(uri, query, options)]


def _at(row: Mapping[str, Any]) -> Coordinate:
    return row["topic_id"], row["p"], row["o"]


def _rows(uri: str, query: str, options: Mapping[str, str]) -> list[dict[str, Any]]:
    try:
        table = DeltaTable(uri, storage_options=dict(options))
    except TableNotFoundError:
        return []
    found = QueryBuilder().register("t", table).execute(query).read_all()
    columns = {name: found.column(name).to_pylist() for name in found.schema.names}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
