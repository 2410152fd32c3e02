"""Which source columns each column of a DataFrame comes from, read from Spark's analysed plan.

Spark gives every attribute an id, shown as `name#id`. Each operator of the plan is read from the sources upwards;
what is not understood raises `UnreadablePlan`: no lineage is better than a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

Origin = tuple[str, str]
"""(source, column)."""
Origins = frozenset[Origin]
Output = list[tuple[int, Origins]]
"""An operator's attributes in order: id, and the source columns it is computed from."""

_LINE = re.compile(r"((?:   |:  )*)(\+- |:- )?(\S+)(.*)")
_ATTRIBUTE = re.compile(r"(.*)#(\d+)L?", re.DOTALL)
_REFERENCE = re.compile(r"(lambda \w+)?#(\d+)")
_NAME = re.compile(r"`?([^`#]+)`?#(\d+)L?")
_PASSES_ON = {"Filter", "Sort", "GlobalLimit", "LocalLimit", "Distinct", "Deduplicate", "Repartition"} | {
    "RepartitionByExpression",
    "SubqueryAlias",
    "ResolvedHint",
    "View",
    "CTERelationDef",
}
_BOTH_SIDES = {"Inner", "Cross", "LeftOuter", "RightOuter", "FullOuter"}
_LEFT_SIDE = {"LeftSemi", "LeftAnti"}
_OPENING, _CLOSING = "([{", ")]}"


class UnreadablePlan(ValueError):  # noqa: N818  it is an answer, not a failure
    """The plan holds something whose lineage is not known; says what."""


@dataclass(frozen=True)
class Operator:
    """One node of the plan."""

    name: str
    arguments: str
    children: list[Operator] = field(default_factory=list)

    @property
    def only_child(self) -> Operator:
        """The child of an operator that has one; a subquery in an expression shows as one more."""
        if len(self.children) != 1:
            raise UnreadablePlan(f"{self.name} with {len(self.children)} children")
        return self.children[0]


def origins(explained: str, sources: Sequence[str], columns: Sequence[str]) -> dict[str, Origins]:
    """The source columns of each column of an explained DataFrame (`explain(extended=True)`, as text).

    Args:
        explained: the plan over sources that are empty DataFrames, each with its name as alias.
        sources: these names.
        columns: the DataFrame's columns, which the plan must end in.

    Raises:
        UnreadablePlan: an operator or expression is not understood.
    """
    found = _output(tree(_analysed(explained)), Known(frozenset(sources)))
    if len(found) != len(columns):
        raise UnreadablePlan(f"{len(found)} attributes for {len(columns)} columns")
    return {name: made for name, (_, made) in zip(columns, found, strict=True)}


def _analysed(explained: str) -> list[str]:
    _, _, after = explained.partition("== Analyzed Logical Plan ==\n")
    plan, _, _ = after.partition("== Optimized Logical Plan ==")
    _schema, *lines = plan.strip("\n").splitlines() or [""]
    return lines


def tree(lines: Sequence[str]) -> Operator:
    """The plan's root.

    Raises:
        UnreadablePlan: the lines are not one tree.
    """
    path: list[Operator] = []
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise UnreadablePlan(f"line {line[:60]!r}")
        depth = len(match[1]) // 3 + bool(match[2])
        operator = Operator(match[3], match[4].strip())
        if depth > len(path) or (depth == 0 and path):
            raise UnreadablePlan(f"line {line[:60]!r}")
        if depth:
            path[depth - 1].children.append(operator)
        path[depth:] = [operator]
    if not path:
        raise UnreadablePlan("no plan")
    return path[0]


@dataclass(frozen=True)
class Known:
    """What an operator may refer to beside its children."""

    sources: frozenset[str]
    tables: dict[str, Output] = field(default_factory=dict)
    """The attributes of common table expressions, by their number."""


def _output(operator: Operator, known: Known) -> Output:
    """The operator's attributes, each with its source columns."""
    name = operator.name
    if name == "SubqueryAlias" and operator.arguments in known.sources:
        return _source(operator)
    if name == "CTERelationRef":
        return _referred(operator, known)
    inputs = [_output(child, known) for child in operator.children]
    if name == "CTERelationDef":
        known.tables[_number(operator)] = inputs[0]
    if name == "WithCTE":
        return inputs[-1]
    if name == "Union":
        return _union(inputs)
    if name == "Join":
        return _join(operator, inputs)
    below = inputs[0] if inputs and operator.only_child else []
    if name in _PASSES_ON:
        return below
    return _computed(operator, below)


def _computed(operator: Operator, below: Output) -> Output:
    groups = [*_groups(operator.arguments)]
    if operator.name == "Project" and len(groups) == 1:
        return _select(groups[0], below)
    if operator.name == "Aggregate" and len(groups) in (1, 2):
        return _select(groups[-1], below)
    if operator.name == "Window" and len(groups) in (2, 3):
        return below + _select(groups[0], below)
    if operator.name == "Generate" and groups:
        generator = operator.arguments.removesuffix(f"[{groups[-1]}]")
        made = _references(generator, dict(below))
        return below + [(_named(item)[1], made) for item in split(groups[-1])]
    raise UnreadablePlan(operator.name)


def _number(operator: Operator) -> str:
    return operator.arguments.split(",")[0]


def _referred(operator: Operator, known: Known) -> Output:
    """Each time by other numbers, in the order of what it refers to."""
    [listed] = _groups(operator.arguments)
    numbers = [_named(item)[1] for item in split(listed)]
    defined = known.tables.get(_number(operator), [])
    if len(numbers) != len(defined):
        raise UnreadablePlan(f"{operator.name} {_number(operator)}")
    return [(number, made) for number, (_, made) in zip(numbers, defined, strict=True)]


def _source(operator: Operator) -> Output:
    relation = operator.only_child
    if relation.name != "LocalRelation" or relation.children:
        raise UnreadablePlan(f"source over {relation.name}")
    [listed] = _groups(relation.arguments)
    named = map(_named, split(listed))
    return [(number, frozenset({(operator.arguments, name)})) for name, number in named]


def _named(item: str) -> tuple[str, int]:
    match = _NAME.fullmatch(item)
    if match is None:
        raise UnreadablePlan(f"attribute {item[:60]!r}")
    return match[1], int(match[2])


def _union(inputs: Sequence[Output]) -> Output:
    """By position, under the first input's ids."""
    if len({len(each) for each in inputs}) != 1:
        raise UnreadablePlan("Union of different widths")
    return [
        (column[0][0], frozenset(chain.from_iterable(made for _, made in column)))
        for column in zip(*inputs, strict=True)
    ]


def _join(operator: Operator, inputs: Sequence[Output]) -> Output:
    kind = operator.arguments.split(",")[0].strip()
    if len(inputs) != 2 or kind not in _BOTH_SIDES | _LEFT_SIDE:
        raise UnreadablePlan(f"Join {kind}")
    left, right = inputs
    return left + right if kind in _BOTH_SIDES else left


def _select(listed: str, below: Output) -> Output:
    known = dict(below)
    return [_column(item, known) for item in split(listed)]


def _column(item: str, known: Mapping[int, Origins]) -> tuple[int, Origins]:
    """`name#id`, or `expression AS name#id`."""
    match = _ATTRIBUTE.fullmatch(item)
    if match is None:
        raise UnreadablePlan(f"column {item[:60]!r}")
    number = int(match[2])
    return number, _references(match[1] if " AS " in match[1] else item, known)


def _references(expression: str, known: Mapping[int, Origins]) -> Origins:
    """The sources of all attributes in an expression, save the variables that it binds itself."""
    used = {int(number) for bound, number in _REFERENCE.findall(expression) if not bound}
    unknown = used - known.keys()
    if unknown:
        raise UnreadablePlan(f"attribute #{min(unknown)} in {expression[:60]!r}")
    return frozenset(chain.from_iterable(known[number] for number in used))


def split(listed: str) -> list[str]:
    """A list's items: parted by commas outside of brackets."""
    items, depth, start = [], 0, 0
    for at, char in _depths(listed):
        depth = at[1]
        if char == "," and depth == 0:
            items.append(listed[start : at[0]].strip())
            start = at[0] + 1
    items.append(listed[start:].strip())
    return [item for item in items if item]


def _groups(arguments: str) -> Iterator[str]:
    """What stands in square brackets, outermost only."""
    start = 0
    for (index, depth), char in _depths(arguments):
        if char == "[" and depth == 1:
            start = index + 1
        elif char == "]" and depth == 0:
            yield arguments[start:index]


def _depths(text: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Each character with (its index, the depth of brackets after it)."""
    depth = 0
    for index, char in enumerate(text):
        depth += (char in _OPENING) - (char in _CLOSING)
        if depth < 0:
            raise UnreadablePlan("unbalanced brackets")
        yield (index, depth), char
