"""Samples on disk: each one is written when it is there, so that a run that was cut goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.harness.cases import Sample
from benchmarks.harness.scale import Sizes

ROOT = Path(__file__).resolve().parents[2]
MEASURING = ("lakehouse_assets", "benchmarks/contenders", "benchmarks/workloads", "benchmarks/harness")
SHOWING = frozenset({"report.py", "plots.py", "results.py"})
"""What can change without a sample becoming another one."""


def digest(sizes: Sizes) -> str:
    """Stands for the code that is measured, the code that measures, and the sizes."""
    found = hashlib.sha256(repr(sizes).encode())
    for folder in MEASURING:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if file.name not in SHOWING:
                found.update(file.read_bytes())
    return found.hexdigest()[:12]


@dataclass(frozen=True)
class Store:
    """The samples of one scale in a file of JSON lines; only those of the same code and sizes count."""

    file: Path
    code: str

    def add(self, samples: Iterable[Sample], at: str) -> None:
        """Writes them through to the disk; `at` is the time in ISO form."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps({"code": self.code, "at": at, **asdict(each)}) + "\n" for each in samples]
        with self.file.open("a") as file:
            file.write(self._mend() + "".join(lines))
            file.flush()
            os.fsync(file.fileno())

    def samples(self) -> list[Sample]:
        """All that count, in the order in which they were taken."""
        return [each for each, _ in self._read()]

    def began(self) -> str:
        """When the first of them was taken; empty before."""
        return next((at for _, at in self._read()), "")

    def _read(self) -> Iterator[tuple[Sample, str]]:
        for line in self.file.read_text().splitlines() if self.file.exists() else ():
            try:
                said = json.loads(line)
            except ValueError:  # it was being written when the run was cut
                continue
            if said.pop("code") == self.code:
                at = said.pop("at")
                yield Sample(**said | {"values": tuple(said["values"])}), at

    def _mend(self) -> str:
        """The end of a line that was cut."""
        whole = not self.file.exists() or self.file.read_bytes()[-1:] in (b"", b"\n")
        return "" if whole else "\n"
