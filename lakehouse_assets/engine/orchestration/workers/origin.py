"""What the definitions of a process were made of: when that changes, they are another process's to load."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from lakehouse_assets.engine.orchestration import beginnings
from lakehouse_assets.engine.project import code_version
from lakehouse_assets.settings import SERVICES_FILE, state_folder


class Origin(NamedTuple):
    """The code's version, and a digest of what the state folder notes for the definitions."""

    code: str
    state: str


def now() -> Origin:
    """As it is on disk: where tables begin, and where the services are, are read when definitions are loaded."""
    digest = hashlib.sha256()
    for name in (beginnings.FILE, SERVICES_FILE):
        file = state_folder() / name
        digest.update(file.read_bytes() if file.exists() else b"-")
    return Origin(code_version(), digest.hexdigest()[:12])
