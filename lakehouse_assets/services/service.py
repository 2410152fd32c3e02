"""What every embedded service has in common: the verbs prepare, start, health, stop and logs."""

from __future__ import annotations

import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services.endpoints import Endpoints
from lakehouse_assets.services.home import Home
from lakehouse_assets.services.supervisor import Program, Supervisor
from lakehouse_assets.settings import Settings

POLL_SECONDS = 0.1
LOG_TAIL_BYTES = 64 * 1024
TELLING = re.compile(r"ERROR|FATAL|Exception|Error|error:|refused|denied|No space left")
NOISE = re.compile(r"^\s+at |^\s*\.\.\. \d+ more|^Traceback|^\s*$|^\s+\S")


@dataclass(frozen=True)
class Site:
    """What a service needs to know of its surroundings; `settings` name where every service is, here or elsewhere."""

    home: Home
    settings: Settings
    endpoints: Endpoints


class NotHealthyError(Exception):
    """The service does not answer (yet); the text says how it failed."""


@dataclass
class Service(ABC):
    """One embedded service: one or more supervised programs behind the same verbs."""

    site: Site
    supervisor: Supervisor
    cancelled: threading.Event = field(default_factory=threading.Event)

    name: ClassVar[str]
    start_timeout_seconds: ClassVar[float] = 180.0

    @property
    def wanted(self) -> bool:
        """Whether it is started when all services are."""
        return True

    @classmethod
    def owns(cls, program: str) -> bool:
        """Whether a program of this name is one of the service's."""
        return program == cls.name or program.startswith(f"{cls.name}-")

    @abstractmethod
    def programs(self) -> list[Program]:
        """The programs that the supervisor keeps running."""

    @abstractmethod
    def health(self) -> None:
        """Ask the service itself whether it works.

        Raises:
            NotHealthyError: it does not.
        """

    @abstractmethod
    def prepare(self) -> None:
        """Write configuration and formats; called before a start, with the service down.

        Raises:
            ServiceError: a jar, a folder or a format is not as it must be.
        """

    def started(self, program: Program) -> None:
        """What is waited for before the service's next program starts."""
        return

    def ready(self) -> None:
        """What is done once, after the service first answers."""
        return

    def healthy(self) -> bool:
        """Whether the service works now."""
        try:
            self.health()
        except NotHealthyError:
            return False
        return True

    def start(self) -> None:
        """Start and wait until the service answers.

        Raises:
            ServiceError: it did not in time; the message holds the cause from its log.
        """
        try:
            self.prepare()
        except OSError as error:
            what = f"cannot write {error.filename} ({error.strerror})"
            raise ServiceError(what, where=self.name, do="Check the disk's room and the folder's owner") from error
        before = {program.name: self._log_size(program.name) for program in self.programs()}
        for program in self.programs():
            self.supervisor.start(program.name)
            self.started(program)
        self._wait(before)
        self.ready()

    def stop(self) -> None:
        """Stop and wait until its programs have ended."""
        for program in reversed(self.programs()):
            self.supervisor.stop(program.name)

    def logs(self, since: Mapping[str, int] | None = None) -> list[str]:
        """The last lines of its programs' logs, from the given positions on."""
        lines: list[str] = []
        for program in self.programs():
            lines += tail(self.site.home.log(program.name), (since or {}).get(program.name, 0))
        return lines

    def _wait(self, before: Mapping[str, int]) -> None:
        deadline = time.monotonic() + self.start_timeout_seconds
        problem = ""
        while time.monotonic() < deadline and not self.cancelled.is_set():
            if fallen := self.supervisor.fallen([program.name for program in self.programs()]):
                raise self._failure(f"{fallen} ended while starting", before, fallen)
            try:
                return self.health()
            except NotHealthyError as error:
                problem = str(error)
            self.cancelled.wait(POLL_SECONDS)
        if self.cancelled.is_set():
            raise ServiceError("the start was given up", where=self.name, do="Run `lakehouse up` again")
        raise self._failure(f"no answer in {self.start_timeout_seconds:.0f} s ({problem})", before)

    def _failure(self, what: str, since: Mapping[str, int], program: str = "") -> ServiceError:
        log = self.site.home.log(program or self.programs()[-1].name)
        said = cause(tail(log, since.get(program, 0)) if program else self.logs(since))
        return ServiceError(
            f"{what}; {said}",
            where=self.name,
            do=f"See {log}, run `lakehouse doctor`, then `lakehouse up` again",
        )

    def _log_size(self, program: str) -> int:
        log = self.site.home.log(program)
        return log.stat().st_size if log.exists() else 0


def tail(log: Path, since: int = 0) -> list[str]:
    """The last lines of a log file that were written after a position in bytes."""
    try:
        size = log.stat().st_size
        with log.open("rb") as file:
            file.seek(max(since if since <= size else 0, size - LOG_TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []


def cause(lines: list[str]) -> str:
    """The line of a log that best tells why a program ended, on one line."""
    spoken = [line.strip() for line in lines if not NOISE.match(line)]
    telling = [line for line in spoken if TELLING.search(line)]
    chosen = (telling or spoken or ["its log is empty"])[-1]
    return f"its log says: {chosen[:300]}"
