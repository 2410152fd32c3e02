"""A copy of the project with tables of a domain of its own, over the session's real Kafka, S3 and Spark."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from lakehouse_assets.access import topics
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests import copies
from lakehouse_assets_tests.copies import Copy, Files
from lakehouse_assets_tests.documents import DRAFTS
from lakehouse_assets_tests.engine.lab import Lab
from lakehouse_assets_tests.workers import Worker, worker

OTHERS = Path(__file__).parent / "added"
"""Tables that no document shows, in documents of the same form."""


def text(document: str) -> str:
    return (OTHERS / document).read_text()


def test_of(table: str) -> str:
    """The path of its test."""
    return re.sub(r"^lakehouse_assets/(\w+)/", r"lakehouse_assets_tests/\1/test_", table)


@dataclass
class Shop:
    """A copy of the project with tables of a domain of its own, and their services."""

    copy: Copy
    settings: Settings
    domain: str
    log: Path

    @property
    def lab(self) -> Lab:
        return Lab(self.settings, None, f"{self.domain}.payments")

    def written(self, document: str = "") -> Files:
        """The tables of docs/tables.md, or of another document, in the shop's domain."""
        found = copies.files(text(document)) if document else copies.documented()
        return copies.renamed(copies.renamed(found, "sales", self.domain), "shop", self.domain)

    def key(self, key: str) -> str:
        """Of a document's table in the shop's domain."""
        layer, _, name = key.split("/")
        return f"{layer}/{self.domain}/{name}"

    def add(self, *keys: str, document: str = "") -> None:
        """Tables, in the order of the flow; holds `git diff` to one file and its test for each.

        A draft of bronze brings its silver with it, and the tests of both.
        """
        mine = [self.key(each) for each in keys]
        changed = self.copy.add(*mine, written=self.written(document), drafts=self.drafts)
        tables = [path for path in changed if path.startswith("lakehouse_assets/") and path.endswith(".py")]
        drafted = [each for each in tables if each.replace("/bronze/", "/silver/") in {*tables} - {each}]
        assert len(tables) == len(mine) + len(drafted), changed
        tests = [*map(test_of, tables)]
        assert {*changed} - {*tables, *tests} <= {each.replace(".py", ".sql") for each in tables}
        assert {*tests} <= {*changed}, changed

    def topic(self, name: str) -> str:
        """A new one."""
        made = f"{self.domain}.{name}"
        topics.create(self.settings, made, 1, replication=1, retention_ms=-1)
        return made

    def send(self, topic: str, *records: Any) -> None:
        given = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in records]
        topics.send(self.settings, topic, given, None)

    @contextmanager
    def working(self) -> Iterator[Worker]:
        """A process that runs what the copy has now."""
        with worker("lakehouse_assets_tests.source_runs", log=self.log, **self.copy.environment) as found:
            yield found

    def run(self, at_work: Worker, *bronze: str) -> None:
        """Each source until nothing is left; no run may fail."""
        for each in bronze:
            done = at_work.ask("run", self.key(each))
            assert "False" not in done, self.log.read_text()[-6000:]

    def rows(self, key: str, columns: str) -> list[dict[str, Any]]:
        return self.lab.rows(self.key(key), columns)

    def tested(self, *keys: str) -> None:
        """Their own tests pass in the copy."""
        parts = [self.key(key).split("/") for key in keys]
        names = [f"lakehouse_assets_tests/{layer}/test_{domain}_{name}.py" for layer, domain, name in parts]
        said = self.copy.run("-m", "pytest", "-q", "-p", "no:cacheprovider", *names)
        assert re.search(rf"\b{len(names)} passed", said), said

    @classmethod
    def opened(cls, settings: Settings, folder: Path, *above: str) -> Shop:
        """A new one, with tables of docs/tables.md that others are to live on."""
        home, domain = str(settings.home), f"s{uuid4().hex[:6]}"
        copy = Copy.of_project(folder / "copy", LAKEHOUSE_HOME=home, LAKEHOUSE_TESTS_HOME=home)
        found = cls(copy, settings, domain, folder / "worker.log")
        copy.add(*map(found.key, above), written=found.written(), drafts=found.drafts)
        return found

    @property
    def drafts(self) -> list[str]:
        """The commands of docs/tables.md that write first drafts, in the shop's domain."""
        return [command.replace("sales", self.domain) for command in DRAFTS]
