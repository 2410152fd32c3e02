"""A topic that was cut below a table's position and grew past it again: a loss, told by the broker's leader epochs."""

from __future__ import annotations

import shutil
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from lakehouse_assets.engine.history import acceptances
from lakehouse_assets.engine.history.ledger import Ledger
from lakehouse_assets.engine.history.position import Position, Slice
from lakehouse_assets.engine.history.recovery import ledger_of
from lakehouse_assets.engine.sources import kafka, planning
from lakehouse_assets.engine.sources.kafka_peeking import cut_at
from lakehouse_assets.engine.sources.planning import Acceptance, Led, TopicState, led_anew
from lakehouse_assets.engine.upkeep.restating import restate
from lakehouse_assets.engine.writing import delta
from lakehouse_assets.errors import LossError
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.lab import Lab, sale
from lakehouse_assets_tests.engine.upkeep.test_restating import lose_the_log

STATE = TopicState("sales", "A", {0: 0, 1: 0}, {0: 140, 1: 9}, leader_epochs={0: 4, 1: 2})
POSITION = Position().advance([Slice("A", 0, 0, 100), Slice("A", 1, 0, 9)]).led("A", {0: 3, 1: 2})


def test_the_broker_is_asked_only_where_a_partition_has_another_leader():
    """Not on an ordinary tick, nor for positions of older versions, nor once the loss is accepted."""
    assert led_anew(STATE, POSITION, ()) == (Led(0, 100, 3),)
    assert led_anew(replace(STATE, leader_epochs={0: 3, 1: 2}), POSITION, ()) == ()
    assert led_anew(STATE, Position(POSITION.epochs), ()) == ()
    assert led_anew(STATE, POSITION, (Acceptance("A", {0: 100, 1: 9}),)) == ()


def test_a_position_keeps_its_leader_epochs_and_is_read_without_them():
    """They say nothing of what a table holds: two positions are equal whatever they are."""
    stated = POSITION.to_json()
    assert Position.from_json(stated).leader_epochs == {"A": {0: 3, 1: 2}}
    for epoch in stated:
        epoch.pop("leader_epochs")
    assert Position.from_json(stated) == POSITION
    assert Position.from_json(stated).leader_epochs == {}


def test_the_loss_names_where_the_topic_was_cut():
    with pytest.raises(LossError, match="partition 0 at 80, the table has read up to 100"):
        planning.check_cut("bronze/sales/transactions", STATE, {Led(0, 100, 3): 80})


@pytest.mark.services
def test_a_real_broker_says_where_a_log_ends_for_a_leader_epoch(lab: Lab, monkeypatch):
    """A batch states its leader epochs; a position beyond the end of its epoch is a loss, any other goes on."""
    lab.send(*map(sale, range(10))).land()
    ledger = lab.lake.ledger(lab.bronze.key)
    state = lab.state()
    assert ledger.position.leader_epochs == {state.topic_id: {0: 0}} == {state.topic_id: state.leader_epochs}
    assert cut_at(lab.settings, lab.topic, 0, 10, 0, 1) is None
    assert cut_at(lab.settings, lab.topic, 0, 5, 0, 1) is None

    grown = replace(state, last_stable={0: 140}, leader_epochs={0: 1})
    monkeypatch.setattr(kafka, "topic_state", lambda *_: grown)
    assert [part.end for part in lab.bronze.reader(lab.settings).plan(ledger)] == [140]
    further = replace(ledger, position=ledger.position.advance([Slice(state.topic_id, 0, 10, 12)]))
    with pytest.raises(LossError, match="partition 0 at 10, the table has read up to 12"):
        lab.bronze.reader(lab.settings).plan(further)


@pytest.mark.services
def test_the_loss_after_a_recovery_from_rows_says_that_it_may_be_none(lab: Lab):
    """Aborted messages at the end of the log were read and left no row; then retention cut them off."""
    lab.send(sale(1))
    producer = lab.producer(**{"transactional.id": lab.topic})
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce(lab.topic, sale(2), partition=0)
    producer.flush()
    producer.abort_transaction()
    lab.until(lambda: lab.state().last_stable == {0: 3}).land()
    assert lab.position(lab.bronze).next_offset(lab.state().topic_id, 0) == 3
    lab.admin.delete_records([TopicPartition(lab.topic, 0, 3)])
    lab.until(lambda: lab.state().log_start == {0: 3})
    assert lab.bronze.reader(lab.settings).plan(lab.lake.ledger(lab.bronze.key)) == ()

    lose_the_log(lab)

    verb = f"lakehouse accept {lab.bronze.key}"
    for _ in ("recovered at each look", "recovered once and said again by maintenance"):
        ledger = ledger_of(lab.lake, lab.bronze)
        with pytest.raises(LossError, match=rf"0 offsets 1 to 2; .*recovered from its rows.*aborted.*{verb}"):
            lab.bronze.reader(lab.settings).plan(ledger)
        restate(delta.Target(lab.spark, lab.lake, lab.bronze.key), lab.bronze, "maintenance")
    accepted = acceptances.record(lab.spark, lab.settings, lab.bronze, "someone")
    assert accepted.lost == (Slice(lab.state().topic_id, 0, 1, 3),)
    lab.send(sale(3)).land()
    assert lab.coordinates(lab.bronze.key) == [(0, 0), (0, 3)]


@pytest.mark.slow
@pytest.mark.services
def test_a_topic_that_was_really_cut_is_a_loss_and_a_restart_is_none(tmp_path: Path):
    """A broker of its own is stopped, its log cut from 100 records to 80, started again; then 60 are sent."""
    stack = Stack(tmp_path / "home")
    stack.up("kafka")
    try:
        lab = Lab(load(home=tmp_path / "home"), None).create_topic()
        for number in range(100):
            lab.send(sale(number))
        position = Position().advance([Slice(lab.state().topic_id, 0, 0, 100)])
        position = lab.bronze.reader(lab.settings).marked(position)
        ledger = Ledger(1, position, 1)
        stack.restart("kafka")
        lab.until(lambda: lab.state().leader_epochs != position.leader_epochs[lab.state().topic_id])
        assert lab.bronze.reader(lab.settings).plan(ledger) == ()
        stack.down()
        cut(tmp_path / "home" / "kafka" / "data" / f"{lab.topic}-0", 80)
        stack.up("kafka")
        lab = Lab(load(home=tmp_path / "home"), None, topic=lab.topic)
        lab.until(lambda: lab.state().last_stable == {0: 80})
        lab.send(*map(sale, range(60)))
        with pytest.raises(LossError, match="partition 0 at 80, the table has read up to 100"):
            lab.bronze.reader(lab.settings).plan(ledger)
    finally:
        stack.down()
        shutil.rmtree(tmp_path / "home", ignore_errors=True)


def cut(folder: Path, offset: int) -> None:
    """Takes away every batch from this offset on, as a disk that lost its newest writes."""
    for log in sorted(folder.glob("*.log")):
        body, at = log.read_bytes(), 0
        while at < len(body) and struct.unpack_from(">q", body, at)[0] < offset:
            at += 12 + struct.unpack_from(">i", body, at + 8)[0]
        log.write_bytes(body[:at])
    for stale in [*folder.glob("*.index"), *folder.glob("*.timeindex"), *folder.glob("*.snapshot")]:
        stale.unlink()
    for name in (".kafka_cleanshutdown", "recovery-point-offset-checkpoint", "replication-offset-checkpoint"):
        (folder.parent / name).unlink(missing_ok=True)
