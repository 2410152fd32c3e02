"""Audits: counts by day and rule, and what Dagster is told of them."""

from __future__ import annotations

from datetime import date

from dagster import AssetCheckSeverity

from lakehouse_assets.bronze import sales_transactions as bronze
from lakehouse_assets.engine.orchestration import checks
from lakehouse_assets.engine.writing.audits import gather, together
from lakehouse_assets.gold import sales_daily_revenue as gold
from lakehouse_assets.silver import sales_transactions as silver

MARCH_1, MARCH_2 = date(2017, 3, 1), date(2017, 3, 2)
NO_PRODUCT, NO_PRICE = "ProductNo: not null", "Price: not null"
COUNTED = gather(
    [
        (MARCH_1, [], [], 7),
        (MARCH_1, [NO_PRODUCT, NO_PRICE], [], 2),
        (MARCH_1, [NO_PRICE], [], 1),
        (MARCH_2, [], [], 5),
        (None, ["value: not a JSON object"], [], 3),
    ]
)


def test_a_row_that_breaks_two_rules_counts_once_among_the_bad_and_for_each_rule():
    assert COUNTED.good == {MARCH_1: 7, MARCH_2: 5}
    assert COUNTED.bad == {MARCH_1: 3, None: 3}
    assert (COUNTED.good_rows, COUNTED.bad_rows) == (12, 6)
    assert COUNTED.breaking(NO_PRICE, [MARCH_1]) == 3
    assert COUNTED.breaking(NO_PRODUCT, COUNTED.days()) == 2
    assert COUNTED.rows(COUNTED.days()) == 18


def test_pieces_add_up_to_the_whole():
    first, second = (
        gather([(MARCH_1, [], [], 7), (MARCH_1, [NO_PRODUCT, NO_PRICE], [], 2)]),
        gather([(MARCH_1, [NO_PRICE], [], 1)]),
    )
    third = gather([(MARCH_2, [], [], 5), (None, ["value: not a JSON object"], [], 3)])

    assert together([first, second, third]) == COUNTED


def verdicts(table, day=None) -> dict[str, tuple[bool, int]]:
    found = checks.evaluations(table, COUNTED, day)
    return {each.check_name: (each.passed, each.metadata["rows_breaking"].value) for each in found}


def test_every_rule_has_a_verdict_over_all_days_and_over_each():
    """What no rule of the contract names is a field that cannot be read."""
    whole, second = verdicts(silver.table), verdicts(silver.table, MARCH_2)

    assert whole["Price_not_null"] == (False, 3)
    assert whole["ProductNo_not_null"] == (False, 2)
    assert whole["readable"] == (False, 3)
    assert whole["Country_not_null"] == (True, 0)
    assert set(second.values()) == {(True, 0)}
    assert {spec.name for spec in checks.specs(silver.table)} == set(whole)


def test_a_broken_rule_warns_where_rows_are_set_aside_and_fails_where_nothing_is_published():
    assert {checks.severity_of(check) for check in bronze.table.checks} == {AssetCheckSeverity.WARN}
    silvers = {checks.severity_of(check) for check in silver.table.checks if check.severity != "fail"}
    assert silvers == {AssetCheckSeverity.WARN}
    assert {checks.severity_of(check) for check in gold.table.checks} == {AssetCheckSeverity.ERROR}
