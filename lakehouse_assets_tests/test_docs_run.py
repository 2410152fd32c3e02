"""The documents are executed: every block of shell, Python, TOML and JSON runs, or is read by what reads it."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from lakehouse_assets.access import kafka as access
from lakehouse_assets.access import s3
from lakehouse_assets.cli import projects
from lakehouse_assets.demo import topic
from lakehouse_assets.engine.alerts import routing
from lakehouse_assets.engine.contracts import compile_model
from lakehouse_assets.engine.payload import parse_json
from lakehouse_assets.settings import load
from lakehouse_assets.silver.sales_transactions import table as sales
from lakehouse_assets.testing import check_events
from lakehouse_assets_tests import PROJECT
from lakehouse_assets_tests.copies import documented
from lakehouse_assets_tests.documents import ELSEWHERE, OF_A_PROJECT, Block, blocks
from lakehouse_assets_tests.engine.lab import EVENT_TIME_MS, sale
from lakehouse_assets_tests.test_adding_a_table import project

__all__ = ["project"]

KINDS = {"sh", "python", "sql", "toml", "json", "mermaid", "nginx", ""}
READERS = [block for block in blocks("python") if "DeltaTable(" in block.text]
SHELL = [block for block in blocks("sh") if block.commands]
SECONDS = 240
INGEST = """
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from dagster import DagsterInstance, RunRequest
from lakehouse_assets.definitions import TABLES
from lakehouse_assets_tests.jobs import tick
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.orchestration.test_pipelines import run
settings = load()
with DagsterInstance.ephemeral() as instance:
    for key in sys.argv[1:]:
        (bronze,) = [table for table in TABLES if table.key == key]
        asked = tick(instance, settings, bronze, TABLES, datetime.now(UTC))
        assert isinstance(asked, RunRequest), asked
        assert run(SimpleNamespace(settings=settings, bronze=bronze, tables=TABLES), instance, asked).success
"""


@pytest.fixture(scope="module")
def lakehouse(project, services):
    """The recipe's project beside the session's services, with a bucket of its own and a few records in its tables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_BUCKET", f"docs-{uuid4().hex[:8]}")
        settings = load()
        s3.client(settings).create_bucket(Bucket=settings.bucket)
        (project / ".lakehouse").symlink_to(settings.home)
        topic.ensure(settings)
        producer = Producer(access.client(settings))
        for number in range(3):
            producer.produce(topic.TOPIC, sale(number, ProductName="TEA"), timestamp=EVENT_TIME_MS)
        producer.produce(topic.TOPIC, sale("x"), timestamp=EVENT_TIME_MS)
        assert producer.flush(SECONDS) == 0
        ingest(project, "bronze/sales/transactions")
        yield project


def ingest(folder: Path, *keys: str) -> None:
    """One batch through all layers, as the sensor would start it."""
    shell(folder, f"{sys.executable} -c {shlex.quote(INGEST)} {' '.join(keys)}")


def shell(
    folder: Path,
    command: str,
    given: Mapping[str, str] = os.environ,
    code: Path | None = None,
    seconds: float = SECONDS,
) -> str:
    """What a command prints in a folder, with the `code` of that folder or of another one; fails with its output."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**given, "PATH": path, "PYTHONPATH": str(code or folder), "COLUMNS": "160"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def named(found: list[Block]):
    """Those that wait for a batch are slow."""
    marks = {True: [pytest.mark.slow], False: []}
    given = [pytest.param(each, marks=marks["topics send" in each.text], id=each.name) for each in found]
    return pytest.mark.parametrize("block", given)


def test_no_block_is_of_a_kind_that_nobody_runs():
    """A block without a kind shows output; a diagram is drawn by whoever renders the document; nginx is another's."""
    assert {block.kind for block in blocks()} <= KINDS
    assert len(SHELL) >= 3
    assert len(READERS) >= 2


def test_what_is_run_elsewhere_is_in_a_document_and_its_test_exists():
    lines = {re.sub(r"\s+# .*", "", line) for block in blocks("sh") for line in block.text.splitlines()}
    assert set(ELSEWHERE) - lines == set()
    for reason in ELSEWHERE.values():
        for path, test in re.findall(r"(\S+\.py)::(\w+)", reason):
            assert f"def {test}(" in (PROJECT / path).read_text(), reason


def test_a_new_projects_own_readme_says_what_docs_projects_md_says():
    """The same commands, in the same order; the test of a project runs those of its README."""
    text = projects.texts("my_lake")["README.md"]
    own = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    shown = [line for block in blocks("sh") if block.document == "docs/projects.md" for line in block.text.splitlines()]
    assert own == [line for line in shown if line in own]
    assert {*own} - {"lakehouse status"} <= {*OF_A_PROJECT}


@named([*blocks("json")])
def test_json_is_json(block):
    """A whole block, or one document a line."""
    depth = "".join(line if line[:1] == " " else f"\n{line}" for line in block.text.splitlines())
    assert [json.loads(part) for part in depth.strip().splitlines()]


@named([*blocks("toml")])
def test_toml_is_taken_as_the_routes_of_the_alerts(block, tmp_path):
    file = tmp_path / "alerts.toml"
    file.write_text(block.text)
    known = routing.load(load(home=tmp_path, alerts_file=file))
    assert set(known.urls) == set(tomllib.loads(block.text)["channels"])


@named([block for block in blocks("python") if block not in READERS])
def test_python_can_be_compiled(block):
    """And is run by one of the tests below, or with the recipe's project."""
    assert ast.parse(block.text).body
    in_recipe = block.text.startswith("# lakehouse_assets") and block.text.split("\n", 1)[0][2:] in documented()
    assert in_recipe or "class Payment(" in block.text or "def test_" in block.text


def executed(block: Block, **names: object) -> dict[str, object]:
    space: dict[str, object] = {"__name__": "documented", **names}
    exec(compile(block.text, block.name, "exec", dont_inherit=True), space)
    return space


def only(document: str, text: str) -> Block:
    (found,) = (block for block in blocks("python") if block.document == document and text in block.text)
    return found


def test_the_rules_that_the_documents_show_are_taken():
    """The fragment of docs/tables.md goes into the recipe's model: the names that it imports are those of that file."""
    names: dict[str, object] = {}
    exec("import pyspark.sql.types as T\nfrom pandera.pyspark import DataFrameModel, Field", names)
    recipe = executed(only("docs/tables.md", "RowRule"), **names)["Payment"]
    quality = executed(only("docs/quality.md", "VolumeRule"))["Payment"]

    rules = {rule.name: rule.severity for rule in compile_model(recipe, "silver/sales/payments").rules}
    assert rules["vouchers are small"] == "warn"
    assert rules["Amount: less_than_or_equal_to(10000)"] == "fail"
    assert len(compile_model(quality, "silver/sales/payments").spanning) == 3


@pytest.mark.services
def test_the_documented_test_of_rules_passes(spark):
    """docs/quality.md shows how a `fail` rule is tested."""
    model = executed(only("docs/quality.md", "VolumeRule"))["Payment"]
    types = {field.name: field.dataType for field in compile_model(model, "t").fields.fields}
    table = replace(sales, schema=model, grain=("PaymentNo",), transform=lambda records: parse_json(records, types))
    shown = executed(only("docs/quality.md", "check_events"), check_events=check_events)
    shown["test_a_sum_beyond_reason_stops_the_batch"](spark, table)


@pytest.mark.services
def test_the_documented_payloads_are_read(spark):
    """docs/payloads.md shows a decoder of each format."""
    shown = executed(only("docs/payloads.md", "PAYMENTS"))
    shown["test_a_payment_is_read_whole"](spark)
    shown["test_other_formats_are_declared_likewise"]()


@pytest.mark.services
@named(SHELL)
def test_shell_runs_line_by_line(block, lakehouse):
    """As a reader types it; after a record was sent, the batch that the sensor would start is run in its place.

    The doctor may find that this machine has little memory left.
    """
    for command in block.commands:
        said = shell(lakehouse, f"{command} || test $? = 1" if command == "lakehouse doctor" else command)
        if command.startswith("lakehouse topics send"):
            ingest(lakehouse, "bronze/sales/payments")
        if command.startswith("lakehouse show gold/sales/daily_payments"):
            assert "card" in said


@pytest.mark.services
@named(READERS)
def test_other_readers_get_there_by_the_exports(block, lakehouse):
    """`eval "$(lakehouse env)"` is all that delta-rs needs."""
    assert 'eval "$(lakehouse env)"' in block.text
    script = lakehouse / "read.py"
    script.write_text(block.text.replace("s3://lakehouse/", f"s3://{load().bucket}/"))
    said = shell(lakehouse, f'eval "$(lakehouse env)"; {sys.executable} {script}')
    assert "print(" not in block.text or said.strip()
