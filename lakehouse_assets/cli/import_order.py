"""Drafts are written as those of this repository; here they become those of another package, imports in order."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from lakehouse_assets.project import LAYERS

_OWN: Final = re.compile(rf"^from lakehouse_assets\.(?=(?:{'|'.join(LAYERS)})\b)", re.MULTILINE)
_FUTURE: Final = "from __future__ import annotations\n\n"
_IMPORTS: Final = re.compile(rf"(?<={_FUTURE})(?:(?:import|from) .*\n|\n(?=import |from ))+")


def of_package(text: str, package: str) -> str:
    """A draft whose tables are those of `package`: its imports in sections as isort makes them, one line each."""
    return _IMPORTS.sub(lambda found: _sections(found[0], package), _OWN.sub(f"from {package}.", text), count=1)


def _sections(block: str, package: str) -> str:
    lines = sorted((line for line in block.splitlines() if line), key=lambda line: _order(line, package))
    return "\n".join(_spaced(lines, package)) + "\n"


def _spaced(lines: list[str], package: str) -> Iterable[str]:
    for number, (_, section) in enumerate(groupby(lines, lambda line: _section(line, package))):
        yield from [""] * bool(number)
        yield from section


def _order(line: str, package: str) -> tuple[int, bool, list[str]]:
    return _section(line, package), line.startswith("from "), line.split()


def _section(line: str, package: str) -> int:
    """0 for Python's own, 1 for what is installed, 2 for the project's."""
    top = line.split()[1].split(".")[0]
    return 0 if top in sys.stdlib_module_names else 1 + (top == package)
