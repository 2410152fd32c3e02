"""All the embedded services of one home together: up, down, status.

stack = Stack(Path("/some/home"))
stack.up("kafka", "s3", "spark")
os.kill(stack.pid("kafka"), signal.SIGKILL)    # comes back by itself
stack.wait_healthy("kafka")
stack.down()
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import psutil

from lakehouse_assets import stops
from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services import endpoints, external, jars, leftovers
from lakehouse_assets.services.dagster import Dagster
from lakehouse_assets.services.home import Home
from lakehouse_assets.services.kafka import Kafka
from lakehouse_assets.services.postgres import Postgres
from lakehouse_assets.services.s3 import S3
from lakehouse_assets.services.service import POLL_SECONDS, NotHealthyError, Service, Site
from lakehouse_assets.services.spark import Spark
from lakehouse_assets.services.supervisor import Supervisor
from lakehouse_assets.settings import Settings, bypass_proxy_on_loopback, load

Progress = Callable[[str, str], None]
"""Called with a service's name and what it is doing now."""

SERVICES: dict[str, type[Service]] = {each.name: each for each in (Kafka, S3, Spark, Postgres, Dagster)}
OF_JARS = frozenset({Kafka.name, Spark.name})
EXTERNAL = "EXTERNAL"
SHUTDOWN_TIMEOUT_SECONDS = 40.0
RUN_PATIENCE_SECONDS = 2.0
"""What is left once the supervisor has stopped its programs are runs that were told to end before."""


@dataclass(frozen=True)
class Status:
    """One program, as `lakehouse status` shows it."""

    service: str
    program: str
    state: str
    pid: int | None
    uptime_seconds: float
    port: int | None
    healthy: bool


def _quiet(_service: str, _doing: str) -> None:
    return


class Stack:
    """The embedded services of one home.

    Args:
        where: the state folder, or settings that name it. A folder takes all else from `settings.load()`.
    """

    def __init__(self, where: Path | Settings) -> None:
        settings = where if isinstance(where, Settings) else load(home=where)
        self.settings = settings.model_copy(update={"home": settings.home.resolve()})
        self.home = Home(self.settings.home)
        self.supervisor = Supervisor(self.home)
        self.elsewhere = external.elsewhere(self.settings, endpoints.read(self.home))
        bypass_proxy_on_loopback()

    def up(self, *names: str, progress: Progress = _quiet) -> None:
        """Start the named services (all without a name) side by side and wait until each one answers.

        What already runs is left alone, and what the settings place elsewhere is only asked whether it works.
        When a start fails or is interrupted, what it started is stopped.

        Raises:
            ServiceError: one line that says what is wrong and what to do.
        """
        wanted = names or tuple(SERVICES)
        with self.home.lock():
            self.home.check_disk()
            self._require_elsewhere(wanted, progress)
            self._fetch_jars(wanted, progress)
            launched = not self.supervisor.alive()
            if launched:
                self._clear(progress)
            starting = self._install(wanted, launched, progress)
            try:
                self._start(starting, progress)
            except BaseException:
                self._give_up(starting, launched)
                raise

    def down(self) -> int:
        """Stop everything of this home; say how many leftovers had to be ended by hand.

        Raises:
            ServiceError: a process would not end.
        """
        with self.home.lock():
            return self._down()

    def status(self) -> list[Status]:
        """Every program: its state, process, uptime and port, and whether its service answers."""
        kept = endpoints.read(self.home)
        if kept is None:
            return []
        running, services = self.supervisor.states(), self._services(kept)
        with ThreadPoolExecutor(len(services)) as pool:
            answers = dict(zip(services, pool.map(Service.healthy, services.values()), strict=True))
        found = []
        for name, service in services.items():
            for program in service.programs():
                now = running.get(program.name)
                state, pid = (now.state, now.pid) if now else ("DOWN", None)
                uptime = now.uptime_seconds if now else 0.0
                found.append(Status(name, program.name, state, pid, uptime, program.port, answers[name]))
        return [*found, *self._status_elsewhere()]

    def restart(self, name: str, *, progress: Progress = _quiet) -> None:
        """Stop one service and start it again with its data."""
        with self.home.lock():
            self.service(name).stop()
        self.up(name, progress=progress)

    def pid(self, program: str) -> int:
        """The process of a program now: `kafka`, `s3`, `spark`, `postgres`, `code`, `workers`, `webserver` or `daemon`.

        Raises:
            ServiceError: it does not run.
        """
        running = self.supervisor.states().get(program)
        if running is None or running.pid is None:
            raise ServiceError("it does not run", where=program, do="Run `lakehouse up`")
        return running.pid

    def service(self, name: str) -> Service:
        """One service, to ask its health or its logs."""
        kept = endpoints.read(self.home)
        if kept is None:
            raise ServiceError("it was never started", where=name, do="Run `lakehouse up`")
        services = self._services(kept)
        if name not in services:
            do = "See LAKEHOUSE_* in the environment; `lakehouse doctor` lists what is elsewhere"
            raise ServiceError("the settings have no embedded one", where=name, do=do)
        return services[name]

    def wait_healthy(self, *names: str, timeout_seconds: float = 60.0) -> None:
        """Wait until the named services answer again, after a crash for example."""
        deadline = time.monotonic() + timeout_seconds
        for name in names:
            service = self.service(name)
            while not service.healthy():
                if time.monotonic() > deadline:
                    raise ServiceError(f"no answer in {timeout_seconds:.0f} s", where=name, do="Run `lakehouse status`")
                time.sleep(POLL_SECONDS)

    def leftovers(self) -> list[psutil.Process]:
        """Every process of this home, the supervisor's own included."""
        return leftovers.find(self.home.root)

    def _services(self, kept: endpoints.Endpoints) -> dict[str, Service]:
        """The embedded services that the settings want, each knowing where all the others are."""
        site = Site(self.home, self._placed(kept), kept)
        cancelled = threading.Event()
        here = {name: kind for name, kind in SERVICES.items() if name not in self.elsewhere}
        made = {name: kind(site, self.supervisor, cancelled) for name, kind in here.items()}
        return {name: service for name, service in made.items() if service.wanted}

    def _placed(self, kept: endpoints.Endpoints) -> Settings:
        """The settings with the embedded services' addresses, but for services elsewhere."""
        outside = tuple("dagster_postgres" if name == "postgres" else name for name in self.elsewhere)
        own = {name: value for name, value in kept.as_settings().items() if not name.startswith(outside)}
        return self.settings.model_copy(update=own)

    def _require_elsewhere(self, wanted: Sequence[str], progress: Progress) -> None:
        for name, address in self.elsewhere.items():
            if name in wanted:
                external.require(name, self.settings)
                progress(name, f"answers at {address}; none is started here")

    def _fetch_jars(self, wanted: Sequence[str], progress: Progress) -> None:
        if OF_JARS.intersection(wanted).difference(self.elsewhere) and not jars.is_complete():
            progress("jars", "fetching those of Spark and Kafka, about 80 MB: a minute, the first time")
            jars.resolve()

    def _status_elsewhere(self) -> list[Status]:
        found = []
        for name in self.elsewhere:
            try:
                external.check(name, self.settings)
                healthy = True
            except NotHealthyError:
                healthy = False
            found.append(Status(name, name, EXTERNAL, None, 0.0, None, healthy))
        return found

    def _clear(self, progress: Progress) -> None:
        """Without a living supervisor, whatever runs for this home is left over from one that was killed."""
        if ended := leftovers.end(self.home.root):
            progress("supervisor", f"ended {ended} processes left over from a supervisor that was killed")
        self.supervisor.forget()

    def _install(self, wanted: Sequence[str], launched: bool, progress: Progress) -> list[Service]:
        """Settle ports, write the configuration and say which services are to be started."""
        running = {name for name, now in self.supervisor.states().items() if now.pid}
        up = {name for name, kind in SERVICES.items() if any(map(kind.owns, running))}
        fixed, modes = {"dagster": self.settings.dagster_port}, endpoints.Modes.of(self.settings)
        settled, notes = endpoints.settle(self.home, running=up, fixed=fixed, modes=modes)
        for note in notes:
            progress("ports", note)
        services = self._services(settled)
        programs = [program for service in services.values() for program in service.programs()]
        (self.supervisor.launch if launched else self.supervisor.reload)(programs)
        asked = [services[name] for name in wanted if name in services]
        return [each for each in asked if not {program.name for program in each.programs()} <= running]

    def _start(self, services: Sequence[Service], progress: Progress) -> None:
        pool = ThreadPoolExecutor(max(1, len(services)))
        try:
            futures = [pool.submit(_start_one, service, progress) for service in services]
            _first_failure(futures)
        finally:
            for service in services:
                service.cancelled.set()
            pool.shutdown(wait=True)

    def _give_up(self, services: Sequence[Service], launched: bool) -> None:
        if launched:
            self._down()
            return
        for service in services:
            service.stop()

    def _down(self) -> int:
        if self.supervisor.alive():
            stops.record(self.home.root)
        pid = self.supervisor.shutdown()
        if pid is not None:
            _wait_for_end(pid)
        ended = leftovers.end(self.home.root, leftovers.TERM_TIMEOUT_SECONDS if pid is None else RUN_PATIENCE_SECONDS)
        self.supervisor.forget()
        return ended


def _start_one(service: Service, progress: Progress) -> None:
    began = time.monotonic()
    progress(service.name, "starting")
    service.start()
    progress(service.name, f"ready after {time.monotonic() - began:.1f} s")


def _first_failure(futures: Sequence[Future[None]]) -> None:
    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    for future in done:
        future.result()


def _wait_for_end(pid: int) -> None:
    try:
        psutil.Process(pid).wait(SHUTDOWN_TIMEOUT_SECONDS)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        return
