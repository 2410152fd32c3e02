"""The pool: keeps workers warm and hands each run to a free one, in the order in which they came."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lakehouse_assets.engine.orchestration.workers.messages import line
from lakehouse_assets.engine.orchestration.workers.processes import Worker, spawn
from lakehouse_assets.engine.orchestration.workers.tickets import Tickets

TICK_SECONDS = 0.5
MOST_STARTS = 2
"""Further workers that start at the same time: each one takes a core for some seconds."""
MOST_TRIES = 2
"""A run whose worker died before it began is tried this often."""
FAILED_STARTS = 3
"""After this many starts in a row that failed the pool takes no runs until one succeeds."""
MOST_PAUSE_SECONDS = 30.0
ENDS_KEPT = 1000
END_SECONDS = 10.0
STOP_SECONDS = 3.0


@dataclass(frozen=True)
class Limits:
    """How many workers there are, and how long each one lives."""

    workers: int = 1
    """Kept warm; more are there only while runs wait."""
    runs_each: int = 200
    """A worker ends after this many runs."""
    most_mb: float = 1500
    """A worker that holds more memory after a run ends, in MB."""
    wait_seconds: float = 1.0
    """A run that has waited for longer gets a further worker."""
    linger_seconds: float = 60.0
    """A further worker ends after so long without a run."""


@dataclass
class Pool:
    """Workers of one code location, for the runs of one Dagster home."""

    command: Sequence[str]
    module: str
    """The definitions' module."""
    home: str
    """Dagster's home, resolved."""
    tickets: Tickets
    limits: Limits = field(default_factory=Limits)
    workers: list[Worker] = field(default_factory=list)
    ends: dict[str, str] = field(default_factory=dict)
    """Runs whose worker ended under them, and how."""
    tries: dict[str, int] = field(default_factory=dict)
    failed_starts: int = 0
    why: str = ""
    """How the last start failed."""
    next_start: float = 0.0
    starts: int = 0
    """Workers that are being spawned now."""
    stopping: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    fault: BaseException | None = None
    """What its own code raised: it ends with that, and the supervisor starts another pool."""

    async def serve(self, path: Path) -> None:
        """Answers at a socket, until it is cancelled; then ends the workers.

        Raises:
            Exception: a fault of its own.
        """
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._client, path)
        try:
            while self.fault is None:
                self.balance()
                await asyncio.sleep(TICK_SECONDS)
        finally:
            server.close()
            await self._stop()
        raise self.fault

    def balance(self) -> None:
        """Hands runs over, replaces workers, ends those that are too many or too slow."""
        for worker in self.workers:
            worker.kill_if_due()
        if self.stopping:
            return
        self._put_back()
        waiting = self.waiting()
        for worker, run in zip(self._of("free"), waiting, strict=False):
            self.ends.pop(run, None)
            worker.give(run, last=worker.runs + 1 >= self.limits.runs_each)
        self._spawn_missing([run for run in waiting if run not in self._at_work()], waiting)
        self._end_idle()

    def waiting(self) -> dict[str, float]:
        """Runs that no worker was given, the first one first, and since when."""
        at_work = self._at_work()
        return {run: since for run, since in self.tickets.waiting().items() if run not in at_work}

    def take(self, run: str, home: str, module: str) -> dict[str, object]:
        """Whether the run, whose ticket is written, will be handed to a worker."""
        if (str(Path(home).resolve()), module) != (self.home, self.module):
            return {"taken": False, "why": f"the pool serves {self.module} of {self.home}"}
        if self.failed_starts >= FAILED_STARTS:
            return {"taken": False, "why": f"no worker starts: {self.why}"}
        return {"taken": True}

    def cancel(self, run: str, patience: float) -> dict[str, object]:
        """Interrupts a run that a worker has."""
        worker = self._at_work().get(run)
        if worker is None:
            return {"told": False}
        worker.cancel(patience)
        return {"told": True, "pid": worker.pid}

    def where(self, run: str) -> dict[str, object]:
        """Where a run is: `waiting`, `running`, `gone` with its worker, or `unknown`."""
        found: dict[str, object] = {"workers": [worker.pid for worker in self.workers]}
        if run in self.ends:
            return found | {"state": "gone", "why": self.ends[run]}
        if worker := self._at_work().get(run):
            return found | {"state": "running", "pid": worker.pid}
        return found | {"state": "waiting" if run in self.waiting() else "unknown", "why": self.why}

    def status(self) -> dict[str, object]:
        """Every worker, and the runs that wait."""
        return {"workers": [worker.shown() for worker in self.workers], "waiting": list(self.waiting())}

    def _at_work(self) -> dict[str, Worker]:
        return {worker.run: worker for worker in self.workers if worker.run}

    def _of(self, state: str) -> list[Worker]:
        return [worker for worker in self.workers if worker.state == state]

    def _put_back(self) -> None:
        """Runs that a worker took and died before they began wait again, also those of an earlier pool's workers."""
        for run, pid in self.tickets.taken():
            if not _is_alive(pid):
                self.tickets.put_back(run, pid)

    def _spawn_missing(self, left: Sequence[str], since: Mapping[str, float]) -> None:
        usable = sum(worker.usable for worker in self.workers) + self.starts
        starting = len(self._of("starting")) + self.starts
        overdue = sum(time.time() - since[run] > self.limits.wait_seconds for run in left)
        wanted = max(self.limits.workers - usable, min(overdue, MOST_STARTS) - starting, 0)
        if time.monotonic() >= self.next_start:
            for _ in range(wanted):
                self.starts += 1
                self._go(self._live())

    def _end_idle(self) -> None:
        """Those beyond the wanted number, once they have had nothing to do for a while."""
        surplus = sum(worker.usable for worker in self.workers) - self.limits.workers
        for worker in self._of("free")[: max(surplus, 0)]:
            if time.time() - worker.since > self.limits.linger_seconds:
                worker.end(END_SECONDS)

    async def _live(self) -> None:
        """A worker's whole life."""
        worker = await self._spawned()
        if worker is not None:
            await self._tend(worker)
        self.balance()

    async def _spawned(self) -> Worker | None:
        try:
            worker = await spawn(self.command)
        except OSError as error:
            self._failed_start(f"a worker did not start: {error}")
            return None
        finally:
            self.starts -= 1
        self.workers.append(worker)
        return worker

    async def _tend(self, worker: Worker) -> None:
        with suppress(ConnectionError):
            async for said in worker.reader:
                self._hear(worker, json.loads(said))
                self.balance()
        worker.writer.close()
        worker.kill_after(END_SECONDS, "was killed: it closed its link")
        await worker.process.wait()
        self._bury(worker)

    def _hear(self, worker: Worker, said: Mapping[str, Any]) -> None:
        """A worker says that it is `ready`, how `warm` it is, has `done` its run, or ends since its code is `stale`."""
        if "ready" in said:
            worker.code, self.failed_starts = said["ready"], 0
            worker.turn("free")
        elif "warm" in said:
            worker.warm = said["warm"]
        elif "done" in said:
            worker.runs += 1
            worker.turn("ending" if worker.state == "ending" else "free")
            if worker.last or worker.rss_mb > self.limits.most_mb:
                worker.end(END_SECONDS)
        elif "stale" in said:
            worker.turn("ending")
            worker.kill_after(END_SECONDS, "was killed: it did not end")

    def _bury(self, worker: Worker) -> None:
        self.workers.remove(worker)
        how = f"worker {worker.pid} {worker.ending()}"
        print(f"{how}, its run: {worker.run}", flush=True)  # noqa: T201
        self._put_back()
        if worker.run:
            self._mourn(worker.run, how)
        if worker.state == "starting":
            self._failed_start(how)

    def _mourn(self, run: str, how: str) -> None:
        """A run that had begun is over; one that had not is tried once more."""
        if run in self.tickets.waiting():
            self.tries[run] = self.tries.get(run, 0) + 1
            if self.tries[run] < MOST_TRIES or not self.tickets.withdraw(run):
                return
        self.ends = {**dict(list(self.ends.items())[-ENDS_KEPT:]), run: how}

    def _failed_start(self, how: str) -> None:
        self.failed_starts, self.why = self.failed_starts + 1, how
        self.next_start = time.monotonic() + min(0.25 * 2**self.failed_starts, MOST_PAUSE_SECONDS)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ValueError, KeyError, TypeError):
            question = json.loads(await reader.readline())
            writer.write(line(**self._answers[question.pop("ask")](**question)))
            await writer.drain()
        writer.close()
        self.balance()

    @property
    def _answers(self) -> Mapping[str, Callable[..., dict[str, object]]]:
        return {"take": self.take, "cancel": self.cancel, "where": self.where, "status": self.status}

    def _go(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._went)

    def _went(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception():
            self.fault = task.exception()

    async def _stop(self) -> None:
        """Interrupts what is going on, and kills what does not end; what waits is there for the next pool."""
        self.stopping = True
        for worker in self.workers:
            worker.end(STOP_SECONDS)
            worker.writer.write_eof()
        while self.workers:
            self.balance()
            await asyncio.sleep(0.05)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
