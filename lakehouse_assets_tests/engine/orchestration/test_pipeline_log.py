"""The pipeline log: what was committed and what failed, one line each, bounded and without secrets."""

from __future__ import annotations

import json
import stat
from datetime import date
from multiprocessing import get_context

import pytest
from dagster import AssetsDefinition, DagsterInstance, job, op
from pydantic import SecretStr

from lakehouse_assets.definitions import defs
from lakehouse_assets.engine.history.ledger import Commit, Ledger, Statement
from lakehouse_assets.engine.history.position import Position
from lakehouse_assets.engine.orchestration import pipeline_log
from lakehouse_assets.engine.writing.audits import Audit
from lakehouse_assets.engine.writing.publication import Publication
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import load
from lakehouse_assets.silver.sales_transactions import table

SETTINGS = {"s3_access_key": "THE-KEY", "s3_secret_key": SecretStr("the-secret")}
PROCESSES, LINES = 4, 50


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path))
    return load(**SETTINGS)


def lines(settings) -> list[dict[str, object]]:
    parts = sorted(pipeline_log.path(settings).parent.glob("pipeline.jsonl*"), reverse=True)
    return [json.loads(line) for part in parts for line in part.read_text().splitlines()]


def test_a_commit_is_one_line(settings):
    statement = Statement("increment", "run-1")
    publication = Publication(
        table, "merge", None, statement, Ledger(3, Position(), 3), audit=Audit({date(2017, 3, 1): 5}, {None: 2})
    )

    pipeline_log.committed(settings, publication, Commit(4, 0, "MERGE", statement), 1.23456)

    (line,) = lines(settings)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "run": "run-1",
        "table": "silver/sales/transactions",
        "event": "committed",
        "mode": "merge",
        "kind": "increment",
        "version": 4,
        "rows": 5,
        "quarantined": 2,
        "days": 0,
        "seconds": 1.235,
    }


def test_a_failed_step_is_one_line_with_its_root_cause(settings):
    """The hook is called by Dagster itself, in a real run."""

    @op
    def breaks():
        raise UnavailableError("no answer", where="Kafka", do="Check the broker")

    @job
    def ingest():
        breaks.with_hooks({pipeline_log.failures_of("bronze/a/b")})()

    with DagsterInstance.ephemeral() as instance:
        run = ingest.execute_in_process(instance=instance, raise_on_error=False)

    (line,) = lines(settings)
    assert (line["run"], line["table"], line["event"]) == (run.run_id, "bronze/a/b", "failed")
    assert (line["error"], line["message"]) == ("UnavailableError", "Kafka: no answer. Check the broker.")


def test_no_line_holds_a_secret(settings):
    error = OSError("PUT with key THE-KEY and secret the-secret was refused")

    pipeline_log.failed(settings, "run-1", "bronze/a/b", error)

    text = pipeline_log.path(settings).read_text()
    assert "PUT with key *** and secret *** was refused" in text
    assert "THE-KEY" not in text
    assert "the-secret" not in text


def write_many(settings, number: int) -> None:
    for line in range(LINES):
        pipeline_log.write(settings, {"process": number, "line": line})


def test_runs_that_write_at_once_lose_no_line_when_the_file_turns_over(settings, monkeypatch):
    """Every line of every process is there once, and whole."""
    monkeypatch.setattr(pipeline_log, "MOST_BYTES", 5000)
    fork = get_context("fork")
    workers = [fork.Process(target=write_many, args=(settings, number)) for number in range(PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    found = sorted((line["process"], line["line"]) for line in lines(settings))
    assert found == [(number, line) for number in range(PROCESSES) for line in range(LINES)]


def test_it_never_grows_beyond_its_bound(settings, monkeypatch):
    """The oldest lines go; the folder is private."""
    monkeypatch.setattr(pipeline_log, "MOST_BYTES", 1000)
    for number in range(200):
        pipeline_log.write(settings, {"line": number})

    parts = [*pipeline_log.path(settings).parent.glob("pipeline.jsonl*")]
    assert sum(part.stat().st_size for part in parts) <= 1000 * (pipeline_log.BACKUPS + 1)
    assert lines(settings)[-1]["line"] == 199
    assert stat.S_IMODE(pipeline_log.path(settings).parent.stat().st_mode) == 0o700


def test_a_log_that_cannot_be_written_fails_no_run(settings):
    """A file is in the folder's place."""
    pipeline_log.path(settings).parent.write_text("in the way")

    pipeline_log.write(settings, {"line": 1})


def test_every_rebuild_reports_its_failure():
    """Batches report theirs by themselves."""
    rebuilds = [asset for asset in defs.assets if isinstance(asset, AssetsDefinition)]
    assert rebuilds
    assert all(asset.hook_defs for asset in rebuilds)
