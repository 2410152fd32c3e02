"""`lakehouse maintain`: what it says."""

from __future__ import annotations

from lakehouse_assets.cli.tables import kept
from lakehouse_assets.engine.upkeep.maintenance import Upkeep

DONE = [
    Upkeep("silver/sales/transactions", 40, 2, 17),
    Upkeep("silver/sales/transactions_quarantine"),
    Upkeep("gold/sales/daily_revenue", skipped=("not vacuumed: why",)),
]


def test_one_line_a_table_says_what_was_done_and_what_was_not():
    assert kept(DONE, dry_run=False).splitlines() == [
        "silver/sales/transactions: 40 small files into 2; 17 old files deleted",
        "silver/sales/transactions_quarantine: nothing to do",
        "gold/sales/daily_revenue: not vacuumed: why",
    ]


def test_a_dry_run_says_so():
    assert "what would be" in kept(DONE, dry_run=True).splitlines()[0]
    assert "no table yet" in kept([], dry_run=False)
