"""The documents' code blocks, and which commands of theirs another test runs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lakehouse_assets_tests import PROJECT

DOCUMENTS = [*sorted(PROJECT.glob("*.md")), *sorted(PROJECT.glob("docs/**/*.md"))]
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"(^|\s+)# .*|(^|\s+)#$")

_OWN = "lakehouse_assets_tests/test_own_project.py::test_two_commands_fill_gold_in_an_empty_folder"
_DG = "lakehouse_assets_tests/test_own_project.py::test_dg_lists_and_checks_the_definitions"
OF_A_PROJECT = {
    "lakehouse new project my_lake": _OWN,
    "lakehouse up": _OWN,
    "lakehouse topics send shop.orders --create < orders.jsonl": _OWN,
    "lakehouse show gold/shop/product_days": _OWN,
    "lakehouse show serve/shop/product_totals": _OWN,
    "pytest": _OWN,
    "dg list defs": _DG,
    "dg check defs": _DG,
}
"""The commands of docs/projects.md, those of a new project's README among them."""

DRAFTS = [
    line for line in (PROJECT / "docs/tables.md").read_text().splitlines() if line.startswith("lakehouse new table ")
]
"""The commands that write first drafts; the first two write what the recipe beside them shows in full."""

_ADDED = "lakehouse_assets_tests/test_adding_a_table.py::test_new_files_are_all_it_takes"
ELSEWHERE = {
    **dict.fromkeys(DRAFTS, _ADDED),
    **OF_A_PROJECT,
    "make setup": "makes what every test runs from; `.ci/run` begins with it",
    "make lint": "`.ci/run` runs it",
    "make test": "is this suite",
    "make demo": "lakehouse_assets_tests/services/test_external.py::test_the_demo_on_a_cluster_of_two_workers",
    "lakehouse backfill silver/sales/transactions all": (
        "needs Dagster: lakehouse_assets_tests/faults/test_end_to_end.py::"
        "test_a_backfill_is_one_run_through_silver_and_gold"
    ),
    "lakehouse backfill silver/sales/transactions stale": (
        "needs Dagster: lakehouse_assets_tests/engine/orchestration/test_backfills.py::"
        "test_days_are_named_by_date_range_list_or_word"
    ),
}
"""Command to the reason why it is not run with the others, and the test that does."""


@dataclass(frozen=True)
class Block:
    """One block of code."""

    document: str
    kind: str
    text: str
    number: int

    @property
    def name(self) -> str:
        """For the list of tests."""
        return f"{self.document}-{self.kind or 'output'}-{self.number}"

    @property
    def commands(self) -> list[str]:
        """The lines of a shell block without their comments, and without those that another test runs."""
        lines = [COMMENT.sub("", line).rstrip() for line in self.text.splitlines()]
        return [line for line in lines if line and line not in ELSEWHERE]


def blocks(*kinds: str, documents: list[Path] | None = None) -> Iterator[Block]:
    """Every block of these kinds, of all kinds without one; in order."""
    for path in documents or DOCUMENTS:
        for number, found in enumerate(BLOCK.finditer(path.read_text()), start=1):
            if not kinds or found[2] in kinds:
                yield Block(str(path.relative_to(PROJECT)), found[2], textwrap.dedent(found[3]), number)
