"""Contender (i): one tuned Structured Streaming job in one Spark driver of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from benchmarks.contenders.process import Program
from benchmarks.harness.site import Site


@dataclass
class Streaming:
    """The job of `jobs/streaming_job.py`, by one of two writers for what is small."""

    site: Site
    writer: Literal["spark", "arrow"] = "spark"
    prefix: ClassVar[str] = "streaming/"

    def __post_init__(self) -> None:
        feeds = [f"{each.topic}={each.domain}" for each in self.site.feeds]
        sizes = self.site.sizes
        arguments = ["--writer", self.writer, "--heap", sizes.heap, "--cores", str(sizes.cores), *feeds]
        self.program = Program(self.site, "benchmarks.contenders.jobs.streaming_job", arguments)

    def start(self) -> None:
        """Returns once its queries run."""
        self.program.start()

    def check(self) -> None:
        """It still runs."""
        self.program.check()

    def stop(self) -> None:
        """Ends it within its batch."""
        self.program.stop()
