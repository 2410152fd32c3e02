"""Rules in words."""

from __future__ import annotations

import pytest

from lakehouse_assets.definitions import TABLES
from lakehouse_assets.engine.checks import CONSEQUENCES
from lakehouse_assets.engine.contracts import Rule
from lakehouse_assets.engine.expressions import CHECKS
from lakehouse_assets.engine.promises import promise
from lakehouse_assets.engine.rules import ReferenceRule, RowRule, UniqueRule, VolumeRule


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Rule("n", "Price", "less_than_or_equal_to", {"max_value": 9}), "`Price` is at most 9"),
        (Rule("n", "Price", "in_range", {"min_value": 0, "max_value": 9}), "`Price` is between 0 and 9"),
        (
            Rule("n", "Price", "in_range", {"min_value": 0, "max_value": 9, "include_max": False}),
            "`Price` is between 0 and 9, without the last",
        ),
        (Rule("n", "Kind", "isin", {"allowed_values": ["a", "b"]}), "`Kind` is one of `a`, `b`"),
        (RowRule("a refund is negative", "x < 0"), "A refund is negative: `x < 0`"),
        (UniqueRule(("a", "b")), "No two rows of a day share `a`, `b`"),
        (VolumeRule(1, 2000), "A day has 1 to 2,000 rows"),
        (VolumeRule(3), "A day has 3 or more rows"),
        (ReferenceRule("No", "silver/a/b", "Id"), "`No` is known as `Id` in `silver/a/b`"),
    ],
)
def test_a_rule_reads_as_a_sentence(rule, said):
    assert promise(rule) == said


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_every_check_has_words_or_its_own_name(check):
    """A new check is never left out."""
    everything = {"value": 1, "min_value": 1, "max_value": 2, "pattern": "a", "string": "a"}
    lists = {"allowed_values": [1], "forbidden_values": [1]}
    assert promise(Rule("x: it", "x", check, everything | lists))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.key)
def test_every_check_says_what_happens_when_it_is_broken(table):
    for check in table.checks:
        assert check.description.endswith(tuple(CONSEQUENCES.values()))
