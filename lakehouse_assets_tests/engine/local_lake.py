"""A lake in a folder, for what needs a table's log and no service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.history.segments import FOLDER


@dataclass(frozen=True)
class LocalLake(Lake):
    """A lake in a folder."""

    folder: Path

    def uri(self, key: str, scheme: str = "s3") -> str:
        return str(self.folder / key)

    def storage_options(self) -> dict[str, str]:
        return {}

    def segments(self, key: str) -> LocalSegments:
        return LocalSegments(self.folder / key / FOLDER)


@dataclass(frozen=True)
class LocalSegments:
    """The segments of one table, as files."""

    folder: Path

    @property
    def where(self) -> str:
        return str(self.folder)

    def names(self) -> frozenset[str]:
        return frozenset(path.stem for path in self.folder.glob("*.json"))

    def get(self, name: str) -> bytes | None:
        path = self.folder / f"{name}.json"
        return path.read_bytes() if path.exists() else None

    def put(self, name: str, body: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{name}.json").write_bytes(body)
