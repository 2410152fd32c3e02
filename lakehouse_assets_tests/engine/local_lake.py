"""A lake in a folder, for what needs a table's log and no service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lakehouse_assets.engine.history.lake import Lake


@dataclass(frozen=True)
class LocalLake(Lake):
    """A lake in a folder."""

    folder: Path

    def uri(self, key: str, scheme: str = "s3") -> str:
        return str(self.folder / key)

    def storage_options(self) -> dict[str, str]:
        return {}
