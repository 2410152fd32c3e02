"""What a step prints, kept in Dagster's files and shown in its UI, without Dagster's helper processes.

Dagster's own manager also repeats each step's output on the process's own: by four further processes, two of them
Python, which take half as much time again as a small run itself.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION, LocalComputeLogManager
from dagster._serdes import ConfigurableClassData


class RunOutput(LocalComputeLogManager):
    """Dagster's own local manager, but for the repetition."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> RunOutput:
        """The manager that dagster.yaml describes."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        """Sends both streams to their files for as long as the block lasts."""
        out, error = (self._made(log_key, kind) for kind in (ComputeIOType.STDOUT, ComputeIOType.STDERR))
        with redirect_to_file(sys.stdout, out), redirect_to_file(sys.stderr, error):
            yield CapturedLogContext(log_key)
        Path(self.get_captured_local_path(log_key, "complete")).touch()

    def _made(self, log_key: Sequence[str], kind: ComputeIOType) -> str:
        path = Path(self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind]))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return str(path)
