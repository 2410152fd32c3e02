"""Which tables the run's own writer takes: those whose every feature it keeps to; all others are Spark's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, TableFeatures
from deltalake.exceptions import CommitFailedError, DeltaError

from lakehouse_assets.engine.writing import arrow_writer, protocol
from lakehouse_assets.engine.writing.delta import Target
from lakehouse_assets.engine.writing.rows import Rows
from lakehouse_assets.engine.writing.spark_writer import SparkWriter
from lakehouse_assets.engine.writing.writers import writer_of
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.engine.local_lake import LocalLake

KEPT = {"appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns"}
OF_WRITERS = {
    "allowColumnDefaults",
    "clustering",
    "collations",
    "domainMetadata",
    "icebergCompatV1",
    "icebergCompatV2",
    "identityColumns",
    "inCommitTimestamp",
    "materializePartitionColumns",
    "rowTracking",
    "unknown",
}
OF_READERS = {
    "columnMapping",
    "deletionVectors",
    "typeWidening",
    "v2Checkpoint",
    "vacuumProtocolCheck",
    "variantShredding-preview",
    "variantType",
}
"""Features that readers have to know as well; as Delta's protocol lists them."""
SAID = CommitProperties(max_commit_retries=0)
Protocol = tuple[int, int, list[str] | None, list[str] | None]
Verb = Callable[[DeltaTable, int], None]


def asking(feature: str, *, of_readers: bool = False) -> Protocol:
    return (3, 7, [feature], [feature]) if of_readers else (1, 7, None, [feature])


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., DeltaTable]:
    """Writes a log by hand: a table of one column `n`."""

    def make(protocol: Protocol, properties: Mapping[str, str] | None = None, **column: Any) -> DeltaTable:
        return DeltaTable(written(tmp_path / "table", protocol, properties or {}, column))

    return make


def written(folder: Path, protocol: Protocol, properties: Mapping[str, str], column: Mapping[str, Any]) -> Path:
    """`column` is what the schema says of `n`."""
    names = ("minReaderVersion", "minWriterVersion", "readerFeatures", "writerFeatures")
    asked = {name: each for name, each in zip(names, protocol, strict=True) if each is not None}
    field = {"name": "n", "type": "long", "nullable": True, "metadata": column}
    schema = json.dumps({"type": "struct", "fields": [field]})
    about = {"id": "t", "format": {"provider": "parquet", "options": {}}, "schemaString": schema}
    about |= {"partitionColumns": [], "configuration": properties}
    log = folder / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020}.json").write_text(f"{json.dumps({'protocol': asked})}\n{json.dumps({'metaData': about})}\n")
    return folder


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_tables_of_old_versions_are_taken(made, version):
    """Each stands for a part of the allow-list."""
    assert protocol.takes(made((1, version, None, None)))


@pytest.mark.parametrize(("reader", "writer"), [(1, 5), (2, 5), (1, 6), (2, 6), (2, 4), (1, 8), (2, 9)])
def test_versions_that_stand_for_more_are_not(made, reader, writer):
    """Column mapping, of readers or writers, identity columns, and whatever later versions bring."""
    assert not protocol.takes(made((reader, writer, None, None)))


@pytest.mark.parametrize("feature", sorted(KEPT))
def test_each_feature_of_the_allow_list_is_taken(made, feature):
    """With features by name."""
    assert protocol.takes(made(asking(feature)))


def test_times_without_zone_are_taken(made):
    """Of the features that readers have to know it is the only one."""
    assert protocol.takes(made(asking("timestampNtz", of_readers=True)))


@pytest.mark.parametrize("feature", sorted(OF_WRITERS))
def test_no_other_feature_of_writers_is_taken(made, feature):
    """Also one that nobody has heard of, and beside one that is taken."""
    assert not protocol.takes(made((1, 7, None, ["appendOnly", feature])))


@pytest.mark.parametrize("feature", sorted(OF_READERS))
def test_no_other_feature_of_readers_is_taken(made, feature):
    """Also where delta-rs itself would write."""
    assert not protocol.takes(made(asking(feature, of_readers=True)))


@pytest.mark.parametrize("protocol", [(1, 8, None, []), (4, 7, [], []), (3, 7, ["unknown"], ["unknown"])])
def test_a_table_of_a_later_protocol_is_not_even_read(made, protocol):
    """Its log may mean anything: nobody guesses."""
    with pytest.raises(DeltaError, match=r"Invalid protocol|not supported"):
        made(protocol)


def test_the_lists_here_name_every_feature_that_delta_rs_knows():
    """A later delta-rs that knows one more makes this fail, so that somebody looks at it."""
    listed = {each.lower() for each in KEPT | OF_WRITERS | OF_READERS}
    known = {str(each).removeprefix("TableFeatures.").lower() for each in named(TableFeatures)}
    assert known - listed == {"timestampwithouttimezone", "timestampnanos", "varianttypepreview"}
    assert KEPT | {"timestampNtz"} == protocol.ALLOWED


def named(features: type) -> list[str]:
    return [each for each in dir(features) if each[0].isupper()]


def test_spark_writes_what_is_not_taken_and_what_is_too_large(tmp_path):
    """Quietly."""
    lake = LocalLake(Settings(), tmp_path)
    written(tmp_path / "new", asking("inCommitTimestamp"), {}, {})
    written(tmp_path / "old", (1, 2, None, None), {}, {})

    def chosen(key: str, *, few: bool) -> type:
        rows = Rows(None, pa.table({"n": [1]}))  # type: ignore[arg-type]
        return type(writer_of(Target(None, lake, key), rows, lambda _: None, few=few))  # type: ignore[arg-type]

    assert [chosen("new", few=True), chosen("old", few=False), chosen("old", few=True)] == [
        SparkWriter,
        SparkWriter,
        arrow_writer.ArrowWriter,
    ]


def append(table: DeltaTable, number: int) -> None:
    arrow_writer._append(table, pa.table({"n": [number]}), SAID)


def merge(table: DeltaTable, number: int) -> None:
    rows = pa.table({"n": [number]})
    arrow_writer._merge(table, rows, rows, ["n"], "TRUE", SAID)


def replace(table: DeltaTable, number: int) -> None:
    arrow_writer._replace(table, pa.table({"n": [number]}), f"n = {number}", SAID)


VERBS = (append, merge, replace)
BELOW_TEN = json.dumps({"expression": {"expression": "n < 10"}})


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("old", "feature", "properties", "column"),
    [
        (3, "checkConstraints", {"delta.constraints.small": "n < 10"}, {}),
        (2, "invariants", {}, {"delta.invariants": BELOW_TEN}),
        (4, "generatedColumns", {}, {"delta.generationExpression": "5"}),
    ],
)
@pytest.mark.parametrize("by_name", [True, False])
def test_a_row_that_the_table_forbids_is_refused_by_every_verb(made, verb, old, feature, properties, column, by_name):
    """Constraints, invariants and generated columns are kept to where they are taken."""
    table = made(asking(feature) if by_name else (1, old, None, None), properties, **column)
    verb(table, 5)

    with pytest.raises(DeltaError, match="failed validation"):
        verb(table, 50)

    assert numbers(table) == [5]


@pytest.mark.parametrize("verb", [merge, replace])
def test_nothing_is_taken_out_of_an_append_only_table(made, verb):
    """An append is let in."""
    table = made(asking("appendOnly"), {"delta.appendOnly": "true"})
    append(table, 5)

    with pytest.raises(CommitFailedError, match="append"):
        verb(table, 5)

    assert numbers(table) == [5]


def test_what_changes_is_told_where_a_table_feeds_it_on(made):
    """An update as the row before and after, a replacement as a deletion and an insertion."""
    table = made(asking("changeDataFeed"), {"delta.enableChangeDataFeed": "true"})
    for verb in VERBS:
        verb(DeltaTable(table.table_uri), 5)

    told = pa.table(DeltaTable(table.table_uri).load_cdf(0).read_all()).to_pylist()
    assert sorted((each["_commit_version"], each["_change_type"]) for each in told) == [
        (1, "insert"),
        (2, "update_postimage"),
        (2, "update_preimage"),
        (3, "delete"),
        (3, "insert"),
    ]


def numbers(table: DeltaTable) -> list[int]:
    return sorted(DeltaTable(table.table_uri).to_pyarrow_table().column("n").to_pylist())
