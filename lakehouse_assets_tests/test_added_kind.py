"""A kind of table is one file and its test: added to a copy of the project, and fed from a real topic."""

from __future__ import annotations

from typing import Any

import pytest

from lakehouse_assets_tests import copies
from lakehouse_assets_tests.payments import METHODS, Payments
from lakehouse_assets_tests.shop import Shop, text

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(1200)]

PAID, TABLE = "bronze/sales/payments", "gold/shop/latest_payments"
KIND = ["lakehouse_assets/engine/kinds/latest.py", "lakehouse_assets_tests/engine/test_latest.py"]
LOADED = "from lakehouse_assets.definitions import defs; defs.get_repository_def().load_all_definitions()"
ROWS = 2


def test_a_kind_and_a_table_of_it_are_two_files_and_their_tests(services, tmp_path):
    """Increments, a rebuild, Dagster's graph, the catalog and the types: nothing else of the project knows of it."""
    shop = Shop.opened(services, tmp_path, PAID, "silver/sales/payments")
    written = copies.renamed(copies.files(text("latest.md")), "shop", shop.domain)
    shop.copy.put({path: written[path] for path in KIND})
    assert shop.copy.commit() == KIND
    shop.add(TABLE, document="latest.md")
    shop.copy.run("-m", "pytest", "-q", "-p", "no:cacheprovider", KIND[1])
    shop.tested(TABLE)
    shop.copy.run("-m", "ruff", "check", "--no-cache", *written)
    shop.copy.run("-m", "mypy", "--cache-dir=/dev/null", "-p", "lakehouse_assets.engine.kinds")
    shop.copy.run("-c", LOADED)

    payments = Payments(services, shop.domain).create()
    with shop.working() as at_work:
        for _ in range(2):
            payments.pay(12)
            shop.run(at_work, PAID)
            assert shop.rows(TABLE, '"Method", place, "PaymentNo"') == newest(payments)
        before = shop.rows(TABLE, "*")
        assert at_work.ask("rebuild", shop.key(TABLE), "all") == ["True"]
    assert shop.rows(TABLE, "*") == before
    assert f"{ROWS} of each Method by paid_at" in shop.copy.lakehouse("catalog")
    assert "nothing to do" in shop.copy.lakehouse("backfill", shop.key(TABLE), "stale", "--dry-run").lower()


def newest(payments: Payments) -> list[dict[str, Any]]:
    """Two of each method; of the same time the one that was sent later."""
    found = []
    for method in sorted(METHODS):
        of = [each for each in payments.paid if each["Method"] == method]
        latest = sorted(of, key=lambda each: (each["at"], int(each["No"])), reverse=True)[:ROWS]
        found += [{"Method": method, "place": n, "PaymentNo": each["No"]} for n, each in enumerate(latest, start=1)]
    return sorted(found, key=repr)
