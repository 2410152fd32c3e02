"""What the protocol of a Delta table allows delta-rs to do."""

from __future__ import annotations

from typing import Final

from deltalake import DeltaTable

ALLOWED: Final = frozenset(
    {"appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns", "timestampNtz"}
)
"""Features of the Delta protocol of a table that delta-rs may write to."""
_NOTHING: Final = frozenset[str]()
_WRITER_VERSIONS: Final = dict.fromkeys((1, 2, 3, 4, 7), _NOTHING) | {
    5: frozenset({"columnMapping"}),
    6: frozenset({"columnMapping", "identityColumns"}),
}
_READER_VERSIONS: Final = {1: _NOTHING, 2: frozenset({"columnMapping"}), 3: _NOTHING}
"""What a version of the protocol stands for beyond the list, where no feature is named."""


def barriers(table: DeltaTable) -> frozenset[str]:
    """Features of the table's protocol that leave its writing to Spark; a version that nobody knows is one."""
    protocol = table.protocol()
    writer, reader = protocol.min_writer_version, protocol.min_reader_version
    named = frozenset([*(protocol.writer_features or ()), *(protocol.reader_features or ())])
    implied = _WRITER_VERSIONS.get(writer, frozenset({f"writer version {writer}"}))
    implied |= _READER_VERSIONS.get(reader, frozenset({f"reader version {reader}"}))
    return (named | implied) - ALLOWED


def takes(table: DeltaTable) -> bool:
    """Whether the table's protocol allows this writer."""
    return not barriers(table)
