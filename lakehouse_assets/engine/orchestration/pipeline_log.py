"""The pipeline log: one JSON line for each commit and each failed step, for people, `grep` and log shippers.

Lines of `<home>/logs/pipeline.jsonl`: time (ISO, UTC), run, table, event (`committed` or `failed`); for a commit also
mode, kind, version, rows, quarantined, days, seconds; for a failure error and message. It holds no secret and, with its
older parts `pipeline.jsonl.1` and on, not more than `MOST_BYTES * (BACKUPS + 1)` bytes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from dagster import HookContext, HookDefinition, failure_hook

from lakehouse_assets import redaction
from lakehouse_assets.engine.history.ledger import Commit
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.settings import Settings, load

MOST_BYTES = 10 * 1024 * 1024
BACKUPS = 4
_MESSAGE_CHARACTERS = 1000


def path(settings: Settings) -> Path:
    """Where the newest lines are."""
    return settings.home / "logs" / "pipeline.jsonl"


def committed(settings: Settings, publication: Publication, commit: Commit, seconds: float) -> None:
    """Writes the line of a commit."""
    statement = publication.statement
    line = {
        "run": statement.run_id,
        "table": publication.table.key,
        "event": "committed",
        "mode": publication.mode,
        "kind": statement.kind,
        "version": commit.version,
        "rows": sum(publication.rows_by_day.values()),
        "quarantined": publication.audit.bad_rows,
        "days": len(statement.days),
        "seconds": round(seconds, 3),
    }
    write(settings, line)


def failed(settings: Settings, run_id: str, table: str, error: BaseException | None) -> None:
    """Writes the line of a failed step."""
    cause = _root(error)
    message = redact(settings, str(cause))[:_MESSAGE_CHARACTERS]
    line = {"run": run_id, "table": table, "event": "failed", "error": type(cause).__name__, "message": message}
    write(settings, line)


def write(settings: Settings, line: dict[str, Any]) -> None:
    """Appends a line; a log that cannot be written, e.g. on a full disk, fails no run."""
    stamped = {"time": datetime.now(UTC).isoformat(timespec="milliseconds")} | line
    with contextlib.suppress(OSError):
        _append(path(settings), json.dumps(stamped, ensure_ascii=False))


def _append(file: Path, text: str) -> None:
    """One process at a time, so that no two of them turn the file over together."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        handler = RotatingFileHandler(file, maxBytes=MOST_BYTES, backupCount=BACKUPS)
        try:
            handler.emit(logging.makeLogRecord({"msg": text}))
        finally:
            handler.close()


def redact(settings: Settings, text: str) -> str:
    """The text without any secret that these settings, or this process, know."""
    redaction.remember(settings.secrets())
    return redaction.redact(text)


def failures_of(key: str) -> HookDefinition:
    """The hook that writes the line of a table's failed step; a run that was killed writes none."""

    @failure_hook(name=f"log_failure_of_{key.replace('/', '_')}")
    def log_failure(context: HookContext) -> None:
        failed(load(), context.run_id, key, context.op_exception)

    return log_failure


def _root(error: BaseException | None) -> BaseException | None:
    """What Dagster wrapped."""
    while error is not None and error.__cause__ is not None:
        error = error.__cause__
    return error
