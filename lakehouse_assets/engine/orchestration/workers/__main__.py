"""The pool as a program: `python -m lakehouse_assets.engine.orchestration.workers --help`."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from lakehouse_assets.engine.orchestration.workers.messages import ask
from lakehouse_assets.engine.orchestration.workers.pool import Limits, Pool
from lakehouse_assets.engine.orchestration.workers.tickets import Tickets

_WORKER = "lakehouse_assets.engine.orchestration.workers.begin"


def main() -> None:
    """Keeps a pool until it is told to stop; or says what the one that runs is doing."""
    given = _arguments()
    if given.status:
        print(json.dumps(ask(given.socket, ask="status"), indent=2))  # noqa: T201
    else:
        _keep(given)


def _keep(given: argparse.Namespace) -> None:
    os.umask(0o077)
    tickets = Tickets.beside(given.socket)
    tickets.folder.mkdir(mode=0o700, exist_ok=True)
    with (tickets.folder / "pool.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, "-m", _WORKER, "--module", given.module, "--tickets", str(tickets.folder)]
        limits = Limits(given.workers, given.runs_each, given.most_mb, given.wait_seconds, given.linger_seconds)
        home = str(Path(os.environ["DAGSTER_HOME"]).resolve())
        asyncio.run(_serve(Pool(command, given.module, home, tickets, limits), given.socket))


async def _serve(pool: Pool, socket: Path) -> None:
    serving = asyncio.ensure_future(pool.serve(socket))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="workers", description="Keeps warm workers for Dagster's runs.")
    parser.add_argument("--socket", type=Path, required=True, help="where it answers; its folder is private")
    parser.add_argument("--status", action="store_true", help="print what the pool that runs is doing, as JSON")
    parser.add_argument("--module", default="", help="the definitions that the workers import")
    parser.add_argument("--workers", type=int, default=Limits.workers, help="how many are kept warm")
    parser.add_argument("--runs-each", type=int, default=Limits.runs_each, help="a worker ends after so many runs")
    parser.add_argument("--most-mb", type=float, default=Limits.most_mb, help="or when it holds more memory than this")
    parser.add_argument("--wait-seconds", type=float, default=Limits.wait_seconds, help="then a run gets a further one")
    parser.add_argument("--linger-seconds", type=float, default=Limits.linger_seconds, help="so long it stays unused")
    return parser.parse_args()


if __name__ == "__main__":
    main()
