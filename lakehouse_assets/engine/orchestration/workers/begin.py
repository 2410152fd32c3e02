"""The program of a worker: it listens to its pool before it imports anything that takes time.

So it ends at once when its pool does, and a pool that is killed again and again leaves nobody behind.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

from lakehouse_assets.engine.orchestration.workers.link import Link
from lakehouse_assets.engine.orchestration.workers.tickets import Tickets


def main() -> None:
    """Works for the pool that holds the other end of the link."""
    given = _arguments()
    connection = socket.socket(fileno=given.link)
    connection.set_inheritable(False)
    link = Link(connection)
    from lakehouse_assets.engine.orchestration.workers.worker import work

    work(given.module, Tickets(given.tickets), link)
    sys.stdout.flush()
    os._exit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--module", required=True)
    parser.add_argument("--tickets", type=Path, required=True)
    parser.add_argument("--link", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
