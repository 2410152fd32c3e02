"""When the services of a state folder were stopped on purpose: what such a stop cuts off is nobody's fault.

The services write it, the alerts read it.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

FILE = "stops.json"
MOST_KEPT = 50


def record(home: Path) -> None:
    """Notes that the services are being stopped now."""
    kept = [*read(home), time.time()][-MOST_KEPT:]
    draft = home / f".{FILE}"
    draft.write_text(json.dumps(kept))
    draft.replace(home / FILE)


def read(home: Path) -> tuple[float, ...]:
    """The stops that are still known, in seconds since 1970, oldest first; none where the file cannot be read."""
    try:
        return tuple(float(each) for each in json.loads((home / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return ()


def cut_off(home: Path, began: float, ended: float) -> bool:
    """Whether a stop lies between these times, both in seconds since 1970."""
    return any(began <= each <= ended for each in read(home))
