"""One worker as the pool sees it: a process that was spawned, the link to it, and what it is doing."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lakehouse_assets.engine.orchestration.workers.messages import line

MB = 1024 * 1024
_PAGE_BYTES = 4096

State = Literal["starting", "free", "busy", "ending"]


@dataclass(eq=False)
class Worker:
    """A process, and what the pool knows of it."""

    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    state: State = "starting"
    run: str | None = None
    runs: int = 0
    code: str = ""
    warm: str = ""
    """How far it has warmed the Spark server up, in words."""
    since: float = field(default_factory=time.time)
    """When it came into this state, in seconds since 1970."""
    deadline: float | None = None
    """When it is killed, on the monotonic clock."""
    killed_for: str = ""
    killed: bool = False
    """By the pool."""
    last: bool = False
    """It gets no run after this one."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def usable(self) -> bool:
        """Whether it has this run or another one before it."""
        return self.state != "ending" and not self.last

    @property
    def rss_mb(self) -> float:
        """Memory that it holds, in MB; 0 once it is gone."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        except (OSError, IndexError):
            return 0.0
        return int(pages) * _PAGE_BYTES / MB

    def turn(self, state: State, run: str | None = None) -> None:
        """Notes what it does from now on."""
        self.state, self.run, self.since, self.deadline = state, run, time.time(), None

    def give(self, run: str, last: bool) -> None:
        """Hands it a run; whether it takes it, it says by the run's ticket."""
        self.turn("busy", run)
        self.last = last
        self.tell(run=run)

    def tell(self, **said: object) -> None:
        """Sends it a message; one that is gone hears nothing."""
        if not self.writer.is_closing():
            self.writer.write(line(**said))

    def cancel(self, patience: float) -> None:
        """Has it interrupt its run, and be killed if the run goes on for longer than that many seconds."""
        self.tell(cancel=self.run)
        if patience > 0:
            self.kill_after(patience, f"was killed: its run went on for {patience:.0f} s after its cancel")

    def end(self, patience: float) -> None:
        """Has it end once it has no run any more."""
        self.turn("ending", self.run)
        self.tell(end=True)
        self.kill_after(patience, "was killed: it did not end")

    def kill_after(self, seconds: float, why: str) -> None:
        """Sets the time when it is killed."""
        self.deadline, self.killed_for = time.monotonic() + seconds, why

    def kill_if_due(self) -> None:
        """Kills it once that time has come."""
        if self.deadline is not None and time.monotonic() > self.deadline and self.process.returncode is None:
            self.killed = True
            self.process.kill()

    def ending(self) -> str:
        """How it ended, in words."""
        code = self.process.returncode
        if code is None or code >= 0:
            return f"ended with exit code {code}"
        if self.killed:
            return self.killed_for
        hint = ": the system was out of memory, or somebody killed it" if code == -signal.SIGKILL else ""
        return f"was ended by {signal.Signals(-code).name}{hint}"

    def shown(self) -> dict[str, object]:
        """What `status` says of it."""
        shown = {
            "pid": self.pid,
            "state": self.state,
            "run": self.run,
            "runs": self.runs,
            "code": self.code,
            "warm": self.warm,
        }
        return shown | {"rss_mb": round(self.rss_mb), "since": round(self.since, 3)}


async def spawn(command: Sequence[str]) -> Worker:
    """A worker in a new interpreter, never a fork, with one end of a socket pair as its link.

    It has a process group of its own: a supervisor that stops the pool's group would interrupt a run twice.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        inherited = theirs.fileno()
        process = await asyncio.create_subprocess_exec(
            *command,
            "--link",
            str(inherited),
            pass_fds=[inherited],
            stdin=asyncio.subprocess.DEVNULL,
            process_group=0,
        )
    return Worker(process, *await asyncio.open_unix_connection(sock=ours))
