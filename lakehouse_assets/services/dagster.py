"""Dagster: a code server, and the webserver and the daemon that share it, over one home folder."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, ClassVar

from lakehouse_assets import project
from lakehouse_assets.access import postgres
from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services import dagster_home
from lakehouse_assets.services.home import write_private
from lakehouse_assets.services.postgres import probe
from lakehouse_assets.services.service import NotHealthyError, Service
from lakehouse_assets.services.supervisor import Program
from lakehouse_assets.settings import Settings

PROBE_SECONDS = 5.0
LOAD_TIMEOUT_SECONDS = 180.0
DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries {
  name loadStatus locationOrLoadError { ... on PythonError { message } } } } } }"""
CODE, WORKERS = "code", "workers"
LOCATION = "lakehouse"
POOL = "lakehouse_assets.engine.orchestration.workers"


class Dagster(Service):
    """The embedded Dagster."""

    name: ClassVar[str] = "dagster"

    @classmethod
    def owns(cls, program: str) -> bool:
        """Its programs have names of their own."""
        return program in (CODE, WORKERS, "webserver", "daemon")

    @property
    def folder(self) -> Path:
        """Dagster's home: its database, its logs of runs, its configuration."""
        return self.site.home.folder("dagster")

    def programs(self) -> list[Program]:
        """The code server first; runs are its children, or the workers', so that they outlive a killed daemon."""
        return [
            self._program(CODE, self._code()),
            *([self._program(WORKERS, self._workers())] if self.site.settings.run_workers else []),
            self._program("webserver", self._webserver(), self.site.endpoints.ports["dagster"]),
            self._program("daemon", self._daemon()),
        ]

    def prepare(self) -> None:
        """Write the instance's configuration, and a workspace that names the code server.

        Raises:
            ServiceError: the webserver would answer strangers.
        """
        require_consent(self.site.settings)
        self._socket.unlink(missing_ok=True)
        instance = dagster_home.instance(self.site.settings, self.folder, self.pool)
        write_private(self.folder / "dagster.yaml", instance)
        self._wait_for_database()
        write_private(self._workspace, dagster_home.workspace(self._socket))

    def started(self, program: Program) -> None:
        """The daemon looks for the code server once a minute only, so it has to be there first."""
        deadline = time.monotonic() + LOAD_TIMEOUT_SECONDS
        while program.name == CODE and time.monotonic() < deadline and not self.cancelled.is_set():
            if _accepts(self._socket):
                return
            self.cancelled.wait(0.2)

    def health(self) -> None:
        """The webserver answers, and the daemon's heartbeats arrive."""
        daemons = self._ask(DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
        ill = [each["daemonType"] for each in daemons if each["required"] and not each["healthy"]]
        if ill:
            raise NotHealthyError(f"no heartbeat of {', '.join(ill)}")

    def ready(self) -> None:
        """Wait until the definitions are loaded.

        Raises:
            ServiceError: they cannot be loaded; names the first reason.
        """
        deadline = time.monotonic() + LOAD_TIMEOUT_SECONDS
        while time.monotonic() < deadline and not self.cancelled.is_set():
            entries = self._ask(LOCATIONS)["workspaceOrError"].get("locationEntries") or []
            if entries and all(each["loadStatus"] == "LOADED" for each in entries):
                return _require_loaded(entries)
            self.cancelled.wait(0.2)
        raise ServiceError("the definitions are not loaded", where=self.name, do="Run `lakehouse up` again")

    def _ask(self, query: str) -> dict[str, Any]:
        """One GraphQL query, past any proxy."""
        url = f"{self.site.endpoints.dagster_url}/graphql"
        body = json.dumps({"query": query}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=PROBE_SECONDS) as answer:
                data: dict[str, Any] = json.load(answer)["data"]
        except (OSError, ValueError, KeyError) as error:
            raise NotHealthyError(str(error)) from error
        return data

    @property
    def _database(self) -> str:
        """Address of the PostgreSQL database, embedded or elsewhere; empty for SQLite files in the home."""
        return self.site.settings.dagster_postgres_url.get_secret_value()

    def _wait_for_database(self) -> None:
        """The embedded one starts beside this service.

        Raises:
            ServiceError: it does not answer.
        """
        deadline = time.monotonic() + LOAD_TIMEOUT_SECONDS
        while self._database and (problem := _refusal(self._database)) and not self.cancelled.is_set():
            if time.monotonic() > deadline:
                do = "Check LAKEHOUSE_DAGSTER_POSTGRES_URL"
                raise ServiceError(f"its database does not answer ({problem})", where=self.name, do=do)
            self.cancelled.wait(0.2)

    @property
    def _socket(self) -> Path:
        """Where the code server answers: whoever reaches it starts runs, and only the owner enters this folder."""
        return self.site.home.sockets / "code.sock"

    @property
    def pool(self) -> Path:
        """Where the pool of warm workers answers; whoever reaches it has runs executed."""
        return self.site.home.sockets / "workers.sock"

    @property
    def _workspace(self) -> Path:
        return self.folder / "workspace.yaml"

    def _program(self, name: str, command: list[str], port: int | None = None) -> Program:
        here = project.current()
        environment = {
            "DAGSTER_HOME": str(self.folder),
            "LAKEHOUSE_HOME": str(self.site.home.root),
            "PYTHONUNBUFFERED": "1",
            **_imports(here),
            **postgres.environment(self.site.settings),
        }
        return Program(name, [sys.executable, *command], here.root, environment, stop_seconds=5, port=port)

    def _code(self) -> list[str]:
        module = ["-m", project.current().definitions, "--location-name", LOCATION]
        return ["-m", "dagster", "code-server", "start", "-s", str(self._socket), *module]

    def _workers(self) -> list[str]:
        settings = self.site.settings
        target = ["--socket", str(self.pool), "--module", project.current().definitions]
        limits = {
            "--workers": settings.run_workers,
            "--runs-each": settings.runs_per_worker,
            "--most-mb": settings.run_worker_mb,
        }
        return ["-m", POOL, *target, *(str(part) for limit in limits.items() for part in limit)]

    def _webserver(self) -> list[str]:
        host, port = self.site.settings.dagster_host, str(self.site.endpoints.ports["dagster"])
        return ["-m", "dagster_webserver", "-h", host, "-p", port, "-w", str(self._workspace)]

    def _daemon(self) -> list[str]:
        return ["-m", "lakehouse_assets.services.daemon", "run", "-w", str(self._workspace)]


def _imports(here: project.Project) -> dict[str, str]:
    """What `up` imports from, its programs do, too; the project's own files come first."""
    given = [Path(each) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    folders = [str(each.resolve()) for each in (here.imports_from, *given) if each]
    return {"PYTHONPATH": os.pathsep.join(dict.fromkeys(folders))}


def _refusal(database: str) -> str:
    try:
        probe(database)
    except NotHealthyError as error:
        return str(error)
    return ""


def require_consent(settings: Settings) -> None:
    """Refuse to show the webserver beyond this machine unless the settings say so.

    Raises:
        ServiceError: they don't.
    """
    if settings.dagster_open or settings.dagster_host == "localhost" or _is_loopback(settings.dagster_host):
        return
    raise ServiceError(
        f"the webserver has no login and would answer everybody who reaches {settings.dagster_host}",
        where="dagster",
        do="Unset LAKEHOUSE_DAGSTER_HOST, see docs/security.md for a login, or consent by LAKEHOUSE_DAGSTER_OPEN=yes",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        return probe.connect_ex(str(path)) == 0


def _require_loaded(entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        message = (entry["locationOrLoadError"] or {}).get("message")
        if message:
            lines = [line.strip() for line in message.splitlines() if line.strip()]
            raise ServiceError(
                f"{entry['name']} does not load: {lines[-1] if lines else message}",
                where="dagster",
                do=f"Mend the definitions (`python -m {project.current().definitions}` shows the traceback)",
            )
