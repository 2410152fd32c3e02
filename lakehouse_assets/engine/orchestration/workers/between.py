"""What one run must not leave to the next one in the same process."""

from __future__ import annotations

import os
import resource
import sys
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Surroundings:
    """A process's environment as it was before the first run."""

    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    folder: str = field(default_factory=os.getcwd)
    imports_from: tuple[str, ...] = field(default_factory=lambda: tuple(sys.path))
    memory: tuple[int, int] = field(default_factory=lambda: resource.getrlimit(resource.RLIMIT_AS))

    def restore(self) -> None:
        """Sets variables, working folder, Python's path and the limit of memory back.

        Raises:
            OSError: the folder is gone.
            ValueError: a run has lowered the hard limit of memory.
        """
        for name in os.environ.keys() - self.environment.keys():
            del os.environ[name]
        os.environ.update(self.environment)
        os.chdir(self.folder)
        sys.path[:] = self.imports_from
        resource.setrlimit(resource.RLIMIT_AS, self.memory)


def between_runs(surroundings: Surroundings) -> None:
    """Called in the worker's main thread after each run; what it raises ends the worker, and a new one takes its place.

    The seam for what else outlives a run: a Spark session that stays open has its settings, views and caches set back
    here.
    """
    surroundings.restore()
