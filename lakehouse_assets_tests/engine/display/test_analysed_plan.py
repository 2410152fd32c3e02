"""Reading Spark's analysed plan as text; what is not understood is refused."""

from __future__ import annotations

import pytest

from lakehouse_assets.engine.display.analysed_plan import UnreadablePlan, origins, split

EXPLAINED = """== Parsed Logical Plan ==
'Project ['x]
+- 'SubqueryAlias left

== Analyzed Logical Plan ==
x: int, y: bigint, z: string
{plan}

== Optimized Logical Plan ==
LocalRelation <empty>, [x#9]

== Physical Plan ==
LocalTableScan <empty>, [x#9]
"""
JOINED = """Project [x#20, y#21L, z#22]
+- Project [(a#1 + coalesce(d#5, 0)) AS x#20, b#2L AS y#21L, concat(c#3, , ) AS z#22]
   +- Join Inner, (a#1 = d#5)
      :- SubqueryAlias left
      :  +- LocalRelation <empty>, [a#1, b#2L, c#3]
      +- SubqueryAlias right
         +- LocalRelation <empty>, [d#5]"""


def read(plan: str, columns=("x", "y", "z")):
    return origins(EXPLAINED.format(plan=plan), ["left", "right"], columns)


def test_attributes_are_followed_by_their_ids_to_the_sources():
    """Through renames, expressions and a join, whatever the columns are called in between."""
    assert read(JOINED) == {
        "x": {("left", "a"), ("right", "d")},
        "y": {("left", "b")},
        "z": {("left", "c")},
    }


NAMED = """WithCTE
:- CTERelationDef 7, false
:  +- SubqueryAlias one
:     +- Project [a#1, b#2L, c#3]
:        +- SubqueryAlias left
:           +- LocalRelation <empty>, [a#1, b#2L, c#3]
+- Project [(a#1 + a#11) AS x#20, b#12L AS y#21L, c#3 AS z#22]
   +- Join Inner, (a#1 = a#11)
      :- SubqueryAlias one
      :  +- CTERelationRef 7, true, [a#1, b#2L, c#3], false, false
      +- SubqueryAlias again
         +- CTERelationRef 7, true, [a#11, b#12L, c#13], false, false"""


def test_a_common_table_is_followed_each_time_it_is_named():
    """By position: each time its attributes have other ids."""
    assert read(NAMED) == {"x": {("left", "a")}, "y": {("left", "b")}, "z": {("left", "c")}}


@pytest.mark.parametrize(
    "change",
    [("CTERelationRef 7", "CTERelationRef 8"), ("[a#11, b#12L, c#13]", "[a#11, b#12L]"), ("CTERelationDef", "Def")],
)
def test_a_common_table_that_is_not_known_gives_no_lineage(change):
    with pytest.raises(UnreadablePlan):
        read(NAMED.replace(*change))


@pytest.mark.parametrize(
    "change",
    [
        ("Join Inner", "AsOfJoin Inner"),
        ("Join Inner", "Join ExistenceJoin(exists#9)"),
        ("b#2L AS", "b#99L AS"),
        ("b#2L AS", "scalar-subquery#7 [] AS"),
        ("b#2L AS y#21L", "b#2L AS y#21L, 1 AS w"),
        ("concat(c#3, , )", "concat(c#3, ()"),
        ("concat(c#3, , )", "concat(c#3, ))"),
        ("concat(c#3, , )", "concat(c#3,\n +- x)"),
        ("SubqueryAlias right", "SubqueryAlias elsewhere"),
        ("LocalRelation <empty>, [d#5]", "Relation [d#5] parquet"),
        ("x#20, y#21L, z#22]\n", "x#20, y#21L]\n"),
        ("[a#1, b#2L, c#3]", "[a#1, b#2L, ... 1 more fields]"),
    ],
)
def test_what_is_not_understood_gives_no_lineage(change):
    """Operators, attributes, texts and lists that can't be read for certain."""
    changed = JOINED.replace(*change)
    assert changed != JOINED

    with pytest.raises(UnreadablePlan):
        read(changed)


def test_no_plan_gives_no_lineage():
    """Another Spark may print something else."""
    with pytest.raises(UnreadablePlan):
        origins("", ["left"], ["x"])


def test_commas_in_brackets_do_not_part_a_list():
    """Those of function calls, structs and arrays."""
    assert split("a#1, f(b#2, [c#3, d#4]) AS e#5") == ["a#1", "f(b#2, [c#3, d#4]) AS e#5"]
