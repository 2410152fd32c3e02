"""The state folder: which file of the embedded services lives where, and who may read it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lakehouse_assets.errors import ServiceError

MIN_FREE_BYTES = 1024**3
MAX_SOCKET_PATH_BYTES = 85
LOCK_TIMEOUT_SECONDS = 180.0


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner may enter; refuse one that belongs to somebody else."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        do = "Remove what is in its way, or set LAKEHOUSE_HOME elsewhere"
        raise ServiceError(f"cannot make the folder {path} ({error.strerror})", where="services", do=do) from error
    if path.stat().st_uid != os.getuid():
        raise ServiceError(f"{path} belongs to another user", where="services", do="Set LAKEHOUSE_HOME elsewhere")
    if stat.S_IMODE(path.stat().st_mode) != 0o700:
        path.chmod(0o700)
    return path


def write_private(path: Path, text: str) -> Path:
    """Write a file of mode 0600 in one step: readers see the old text or the new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
    return path


@dataclass(frozen=True)
class Home:
    """The folders under one state folder."""

    root: Path

    def folder(self, *parts: str) -> Path:
        """A private folder under the root, made when missing."""
        private_folder(self.root)
        return private_folder(self.root.joinpath(*parts))

    @property
    def logs(self) -> Path:
        """Where each program's log is."""
        return self.folder("logs")

    def log(self, program: str) -> Path:
        """One program's log file."""
        return self.logs / f"{program}.log"

    @property
    def sockets(self) -> Path:
        """Where Unix sockets go: in the home, or in a short private folder when its path is too long."""
        inside = self.root / "run"
        if len(os.fsencode(inside)) <= MAX_SOCKET_PATH_BYTES:
            return self.folder("run")
        mark = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return private_folder(Path(tempfile.gettempdir()) / f"lakehouse-{os.getuid()}-{mark}")

    def check_disk(self) -> None:
        """Refuse to start services on a disk that is about to be full."""
        free = shutil.disk_usage(self.folder()).free
        if free < MIN_FREE_BYTES:
            raise ServiceError(
                f"only {free / 1024**2:.0f} MB are free on the disk of {self.root}",
                where="services",
                do=f"Free at least {MIN_FREE_BYTES / 1024**2:.0f} MB or set LAKEHOUSE_HOME to another disk",
            )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Let one `up` or `down` at a time work on this home; others wait for it."""
        with (self.folder() / "lock").open("w") as file:
            self._wait_for(file.fileno())
            yield

    def _wait_for(self, descriptor: int) -> None:
        deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ServiceError(
                        f"another lakehouse command holds {self.root}/lock",
                        where="services",
                        do="Wait for it to end, or end it, then try again",
                    ) from None
                time.sleep(0.1)
