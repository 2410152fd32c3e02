"""What gold must hold, computed twice on its own: from silver's rows, and from the records as they landed.

`facts` holds every record that the manifest calls published, with the values of its JSON in bronze: silver has no say.
It names every row of silver only when the manifests name every record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

FACTS = """
CREATE TABLE facts AS
  SELECT e."partition", e."offset", CAST(e.event_date AS DATE) AS event_date, e.TransactionNo, e.ProductNo, e.Price,
         CAST(v ->> '$.Quantity' AS INTEGER) AS Quantity, CAST(v ->> '$.CustomerNo' AS BIGINT) AS CustomerNo,
         CAST(v ->> '$.Date' AS TIMESTAMPTZ) AS event_time, label = 'cancellation' AS is_cancellation
  FROM (SELECT "partition", "offset", decode(value) AS v FROM bronze
        SEMI JOIN (SELECT * FROM expected WHERE fate = 'published') USING ("partition", "offset")) landed
  JOIN expected e USING ("partition", "offset");
"""

_MONEY = {
    "revenue": "sum(Price)",
    "sales": "coalesce(sum(Price) FILTER (NOT is_cancellation), 0)",
    "cancelled": "coalesce(sum(Price) FILTER (is_cancellation), 0)",
}
_RECEIPTS = "count(DISTINCT TransactionNo) FILTER (NOT is_cancellation)"


@dataclass(frozen=True)
class Answer:
    """A gold table as the oracle computes it."""

    what: str
    name: str
    grain: tuple[str, ...]
    measures: dict[str, str]
    where: str = "true"


ANSWERS = (
    Answer(
        "each day's revenue, units, receipts and customers",
        "gold",
        ("event_date",),
        _MONEY
        | {
            "transactions": _RECEIPTS,
            "lines": "count(*)",
            "units": "sum(Quantity)",
            "customers": "count(DISTINCT CustomerNo)",
        },
    ),
    Answer(
        "each product's days",
        "product_performance",
        ("event_date", "ProductNo"),
        _MONEY | {"units": "sum(Quantity)", "lines": "count(*)", "transactions": _RECEIPTS},
    ),
    Answer(
        "each customer's days",
        "customer_days",
        ("event_date", "CustomerNo"),
        {
            "orders": _RECEIPTS,
            "revenue": "sum(Price)",
            "last_purchase": "max(event_time) FILTER (NOT is_cancellation)",
            "lines": "count(*)",
        },
        where="CustomerNo IS NOT NULL",
    ),
)


def comparisons(answer: Answer, base: str) -> Iterator[str]:
    """Queries for the rows in which a table differs from the answer computed from `base`, and for doubled ones."""
    grain, names = ", ".join(answer.grain), [*answer.measures]
    wanted = ", ".join(f"{measure} AS {name}" for name, measure in answer.measures.items())
    shown = ", ".join(f"w.{name} AS wanted_{name}, g.{name}" for name in names)
    differs = " OR ".join(f"g.{name} IS DISTINCT FROM w.{name}" for name in names)
    yield f"""SELECT {grain}, {shown}
              FROM (SELECT {grain}, {wanted} FROM {base} WHERE {answer.where} GROUP BY ALL) w
              FULL JOIN {answer.name} g USING ({grain}) WHERE {differs}"""
    yield f"SELECT {grain}, count(*) AS times FROM {answer.name} GROUP BY ALL HAVING count(*) > 1"
