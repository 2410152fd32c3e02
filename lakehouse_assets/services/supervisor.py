"""The supervisor: supervisord, with its configuration, its private socket and its verbs.

Every process below it carries `LAKEHOUSE_STATE=<home>` in its environment, by which `leftovers` finds it again.
"""

from __future__ import annotations

import http.client
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services.home import Home, write_private
from lakehouse_assets.settings import child_environment

MARKER = "LAKEHOUSE_STATE"
DAEMON_TIMEOUT_SECONDS = 20.0
LOG_MEGABYTES = 10
LOG_BACKUPS = 2
ALREADY_STARTED, NOT_RUNNING, BAD_NAME = 60, 70, 10
UP = ("STARTING", "RUNNING", "BACKOFF")
DAEMON = """[supervisord]
pidfile={run}/supervisor.pid
logfile={logs}/supervisor.log
logfile_maxbytes={megabytes}MB
logfile_backups={backups}
childlogdir={logs}
identifier=lakehouse
umask=077
silent=true

[unix_http_server]
file={run}/supervisor.sock
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
PROGRAM = """
[program:{name}]
command={command}
directory={folder}
environment={environment}
autostart=false
autorestart=true
startsecs=3
startretries=20
stopsignal={stop_signal}
stopwaitsecs={stop_seconds}
stopasgroup={stop_group}
killasgroup=true
redirect_stderr=true
stdout_logfile={logs}/{name}.log
stdout_logfile_maxbytes={megabytes}MB
stdout_logfile_backups={backups}
"""


@dataclass(frozen=True)
class Program:
    """One supervised program."""

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: int = 15
    stop_group: bool = True
    stop_signal: str = "TERM"
    port: int | None = None
    """Where it answers, if it does."""


@dataclass(frozen=True)
class Running:
    """What supervisord knows of a program."""

    state: str
    pid: int | None
    uptime_seconds: float


def render(home: Home, programs: Sequence[Program]) -> str:
    """The text of supervisord's configuration file."""
    common = {"run": home.sockets, "logs": home.logs, "megabytes": LOG_MEGABYTES, "backups": LOG_BACKUPS}
    escaped = {key: _percent(str(value)) for key, value in common.items()}
    return DAEMON.format(**escaped) + "".join(_render_program(program, escaped) for program in programs)


def _render_program(program: Program, common: Mapping[str, str]) -> str:
    pairs = (f'{key}="{_quotable(value)}"' for key, value in program.environment.items())
    return PROGRAM.format(
        name=program.name,
        command=_percent(shlex.join(program.command)),
        folder=_percent(str(program.folder)),
        environment=_percent(",".join(pairs)),
        stop_seconds=program.stop_seconds,
        stop_signal=program.stop_signal,
        stop_group=str(program.stop_group).lower(),
        **common,
    )


def _percent(text: str) -> str:
    return text.replace("%", "%%")


def _quotable(value: str) -> str:
    if '"' in value or "\n" in value:
        raise ServiceError(
            f"supervisord cannot take {value!r}",
            where="supervisor",
            do="Use a path without quotes or line breaks",
        )
    return value


@dataclass(frozen=True)
class Supervisor:
    """The supervisord of one home, reached over its Unix socket."""

    home: Home

    @property
    def config(self) -> Path:
        """Its configuration file; holds secrets, so mode 0600."""
        return self.home.root / "supervisor.conf"

    @property
    def socket(self) -> Path:
        """Its Unix socket."""
        return self.home.sockets / "supervisor.sock"

    @property
    def pid_file(self) -> Path:
        """The file in which it keeps its process id."""
        return self.home.sockets / "supervisor.pid"

    def alive(self) -> bool:
        """Whether it answers; a pid file or a socket without an answer is stale."""
        try:
            self._call("getState")
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False
        return True

    def launch(self, programs: Sequence[Program]) -> None:
        """Write the configuration and start the daemon with every program down.

        Raises:
            ServiceError: it did not start.
        """
        self.forget()
        write_private(self.config, render(self.home, programs))
        environment = child_environment(**{MARKER: str(self.home.root)})
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.config)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
        deadline = time.monotonic() + DAEMON_TIMEOUT_SECONDS
        while not self.alive():
            if done.returncode != 0 or time.monotonic() > deadline:
                said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it does not answer"]
                raise ServiceError(
                    f"supervisord did not start: {said[0]}",
                    where="supervisor",
                    do=f"See {self.home.log('supervisor')}, run `lakehouse down`, then try again",
                )
            time.sleep(0.02)

    def reload(self, programs: Sequence[Program]) -> None:
        """Take a changed configuration; a program that runs keeps the entry it was started with."""
        write_private(self.config, render(self.home, programs))
        ((added, changed, _),) = self._call("reloadConfig")
        running = {name for name, now in self.states().items() if now.pid}
        idle = [group for group in changed if group not in running]
        for group in idle:
            self._call("stopProcessGroup", group)
            self._call("removeProcessGroup", group)
        for group in (*idle, *added):
            self._call("addProcessGroup", group)

    def start(self, program: str) -> None:
        """Start one program without waiting for it."""
        try:
            self._call("startProcess", program, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != ALREADY_STARTED:
                raise ServiceError(
                    f"supervisord cannot start it ({fault.faultString})",
                    where=program,
                    do="Run `lakehouse down`, then `lakehouse up`",
                ) from fault

    def stop(self, program: str) -> None:
        """Stop one program and wait for its end."""
        try:
            self._call("stopProcess", program, True)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in (NOT_RUNNING, BAD_NAME):
                raise ServiceError(
                    f"supervisord cannot stop it ({fault.faultString})",
                    where=program,
                    do="Run `lakehouse down`",
                ) from fault

    def states(self) -> dict[str, Running]:
        """What each program is doing; empty when the daemon is down."""
        try:
            found = self._call("getAllProcessInfo")
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return {}
        return {each["name"]: _running(each) for each in found}

    def fallen(self, programs: Sequence[str]) -> str | None:
        """The first of these programs that ended by itself and waits to be tried again."""
        states = self.states()
        down = (name for name in programs if states.get(name, _ABSENT).state not in ("STARTING", "RUNNING"))
        return next(down, None)

    def shutdown(self) -> int | None:
        """Ask the daemon to stop every program and then itself; its process id, or None if it was down.

        All programs at once: by itself the daemon stops one after the other.
        """
        try:
            pid = cast(int, self._call("getPID"))
            self._call("stopAllProcesses", False)
            self._call("shutdown")
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return None
        return pid

    def forget(self) -> None:
        """Remove a stale pid file and socket."""
        for path in (self.pid_file, self.socket):
            path.unlink(missing_ok=True)

    def _call(self, method: str, *arguments: object) -> Any:
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)


_ABSENT = Running("ABSENT", None, 0.0)


def _running(info: Mapping[str, Any]) -> Running:
    up = info["statename"] in UP and info["pid"]
    uptime = float(info["now"] - info["start"]) if up else 0.0
    return Running(info["statename"], info["pid"] or None, uptime)
