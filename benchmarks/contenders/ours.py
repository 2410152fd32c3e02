"""Ours: the whole stack as `lakehouse up` starts it, Spark, Dagster's daemon and its webserver included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benchmarks.harness.site import Site


@dataclass(frozen=True)
class Ours:
    """The stack of the site's home."""

    site: Site
    prefix: ClassVar[str] = ""

    def start(self) -> None:
        """`lakehouse up`: every service that does not run yet."""
        self.site.stack.up()

    def check(self) -> None:
        """Its supervisor starts again what has ended."""

    def stop(self) -> None:
        """What is left of it ends with the site."""
        for name in ("dagster", "spark"):
            self.site.stack.service(name).stop()
