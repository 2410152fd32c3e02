"""The newest drop of a day wins, in whichever order, split and repetition files are taken."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import NamedTuple
from uuid import uuid4

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from lakehouse_assets.engine.history.position import Slice
from lakehouse_assets.errors import PlanError
from lakehouse_assets_tests.engine.drop_lab import HEADER, DropLab, product

pytestmark = pytest.mark.services

FILES, LINES = 5, 6
ROW = '"ProductNo", "ProductName", "topic_id", "offset", content_hash, losers'

Coordinate = tuple[str, int]


class Line(NamedTuple):
    """One line of a file, where it lies and what it says."""

    at: Coordinate
    number: str
    name: str


class Winner(NamedTuple):
    """One row of silver."""

    at: Coordinate
    name: str
    duplicates: frozenset[Coordinate]
    superseded: frozenset[Coordinate]


@pytest.fixture(scope="module")
def dropped(services, spark) -> tuple[DropLab, tuple[Slice, ...], list[Line]]:
    """Files in which the same few products come again and again, with the same name or another."""
    dice, lab, contents = random.Random(7), DropLab(services, spark), {}
    for number in range(FILES):
        lines = [(str(dice.randrange(1, 5)), dice.choice(["Milk", "Milk", "Cream"])) for _ in range(LINES)]
        contents[f"{number}.csv"] = lines
        lab.drop(f"{number}.csv", *(product(int(number), name) for number, name in lines))
    slices = lab.plan()
    assert len(slices) == FILES
    return lab, slices, [line for part in slices for line in lines_of(part, contents)]


def lines_of(part: Slice, contents: dict[str, list[tuple[str, str]]]) -> list[Line]:
    """The lines of a file version, as plain Python counts their bytes."""
    lines, offset = [], len(HEADER)
    for number, name in contents[part.topic_id.split(" ")[1]]:
        lines.append(Line((part.topic_id, offset), number, name))
        offset += len(product(int(number), name))
    return lines


def expected(lines: list[Line]) -> dict[str, Winner]:
    """By product: the highest coordinate wins, equal content is a duplicate (all files are of one day)."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        groups[line.number].append(line)
    winners = {}
    for number, group in groups.items():
        *rest, last = sorted(group)
        same = frozenset(line.at for line in rest if line.name == last.name)
        winners[number] = Winner(last.at, last.name, same, frozenset(line.at for line in rest) - same)
    return winners


@st.composite
def batches(draw):
    """All files in any order, in one to three batches, some tried twice, silver following at once or later."""
    order = draw(st.permutations(range(FILES)))
    ends = sorted({*draw(st.lists(st.integers(1, FILES), max_size=2)), FILES})
    starts = [0, *ends[:-1]]
    flags = st.booleans()
    return [(order[start:end], draw(flags), draw(flags)) for start, end in zip(starts, ends, strict=True)]


@settings(phases=[Phase.explicit])
@example(plan=[([4, 1], True, True), ([0, 3, 2], False, False)])
@given(plan=batches())
def test_order_split_and_repetition_of_drops_make_no_difference(dropped, plan):
    """Winners, and the duplicates and superseded rows of each, as the plain oracle says."""
    hold_for(dropped, plan)


@pytest.mark.slow
@settings(max_examples=20, phases=[Phase.explicit, Phase.generate])
@given(plan=batches())
def test_order_split_and_repetition_of_drops_make_no_difference_in_many_more_plans(dropped, plan):
    """The same promise, looked for harder."""
    hold_for(dropped, plan)


def hold_for(dropped, plan) -> None:
    shared, slices, lines = dropped
    lab = DropLab(shared.settings, shared.spark, prefix=shared.prefix, suffix=uuid4().hex[:6])
    for files, is_repeated, is_refined in plan:
        batch = [slices[number] for number in files]
        lab.land(batch)
        if is_repeated:
            with pytest.raises(PlanError):
                lab.land(batch)
        if is_refined:
            lab.refine()
    lab.refine()

    assert lab.position(lab.silver) == lab.position(lab.bronze)
    assert silver_of(lab) == expected(lines)
    assert len(lab.rows(lab.bronze.key)) == len(lines)


def silver_of(lab: DropLab) -> dict[str, Winner]:
    return {
        row["ProductNo"]: Winner(
            (row["topic_id"], row["offset"]), row["ProductName"], losers(row, True), losers(row, False)
        )
        for row in lab.rows(lab.silver.key, ROW)
    }


def losers(row, is_same: bool) -> frozenset[Coordinate]:
    return frozenset(
        (loser["topic_id"], loser["offset"])
        for loser in row["losers"]
        if (loser["content_hash"] == row["content_hash"]) is is_same
    )
