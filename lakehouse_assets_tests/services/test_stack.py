"""Real services of their own, because they are killed: the session's would take other tests' connections along."""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from lakehouse_assets.engine.spark import connect
from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services import endpoints
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import load

pytestmark = pytest.mark.services
RECORDS = 500
QUIET = {"log_level": 0}


@pytest.fixture(scope="module")
def own():
    home = Path(tempfile.mkdtemp(prefix="lakehouse-own-"))
    services = Stack(load(home=home, spark_heap="768m"))
    try:
        services.up("kafka", "s3", "spark")
        yield services
    finally:
        services.down()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def store(own):
    return own.service("s3").client()


def kill(own: Stack, program: str) -> None:
    """kill -9, then wait until another process answers."""
    pid = own.pid(program)
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=5)
    own.wait_healthy(program, timeout_seconds=45)
    assert own.pid(program) != pid


def test_every_port_is_on_loopback(own):
    listening = [
        connection.laddr.ip
        for process in own.leftovers()
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]

    assert len(listening) >= 12
    for address in map(ipaddress.ip_address, listening):
        assert (getattr(address, "ipv4_mapped", None) or address).is_loopback


def test_no_process_listing_shows_a_secret(own):
    kept = endpoints.read(own.home)

    for process in own.leftovers():
        assert kept.s3_secret_key not in " ".join(process.cmdline())


def test_a_killed_broker_comes_back_with_its_records(own):
    address = {"bootstrap.servers": endpoints.read(own.home).kafka_bootstrap} | QUIET
    admin = AdminClient(address)
    admin.create_topics([NewTopic("kept", 1)])["kept"].result(10)
    producer = Producer(address)
    for number in range(RECORDS):
        producer.produce("kept", str(number).encode(), timestamp=1_488_326_400_000)
    assert producer.flush(10) == 0

    kill(own, "kafka")

    consumer = Consumer(address | {"group.id": "reader"})
    try:
        assert consumer.get_watermark_offsets(TopicPartition("kept", 0), timeout=10) == (0, RECORDS)
    finally:
        consumer.close()


def test_a_killed_store_comes_back_with_its_objects(own, store):
    for number in range(50):
        store.put_object(Bucket="lakehouse", Key=f"kept/{number}", Body=b"%d" % number)

    kill(own, "s3")

    listed = store.list_objects_v2(Bucket="lakehouse", Prefix="kept/")["Contents"]
    assert len(listed) == 50
    assert store.get_object(Bucket="lakehouse", Key="kept/7")["Body"].read() == b"7"


def test_a_killed_spark_server_comes_back_and_reads_the_store(own, store):
    store.put_object(Bucket="lakehouse", Key="lines/a.txt", Body=b"one\ntwo\n")

    kill(own, "spark")

    session = connect(load(home=own.home.root), str(uuid4()))
    try:
        assert session.read.text("s3a://lakehouse/lines").count() == 2
    finally:
        session.stop()


def test_a_second_up_leaves_what_runs_alone(own):
    before = {name: own.pid(name) for name in ("kafka", "s3", "spark")}

    own.up("kafka", "s3", "spark")

    assert {name: own.pid(name) for name in before} == before


def test_after_a_killed_supervisor_up_and_down_leave_nothing_else_running(own, store):
    """The last one in this file: it stops the services of the others.

    A store that writes to its log while nobody reads it ends by itself: it may be gone before it is looked for.
    """
    store.put_object(Bucket="lakehouse", Key="outlives", Body=b"x")
    outliving = {own.pid("kafka"), own.pid("spark")}
    os.kill(int(own.supervisor.pid_file.read_text()), signal.SIGKILL)
    time.sleep(0.2)
    orphans = own.leftovers()
    assert outliving <= {orphan.pid for orphan in orphans}

    own.up("s3", "kafka")

    assert not any(orphan.is_running() for orphan in orphans)
    assert store.get_object(Bucket="lakehouse", Key="outlives")["Body"].read() == b"x"
    os.kill(int(own.supervisor.pid_file.read_text()), signal.SIGKILL)
    assert own.down() >= 1
    assert own.leftovers() == []


def test_two_ups_at_once_start_one_supervisor(tmp_path):
    stacks = [Stack(tmp_path), Stack(tmp_path)]
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda each: each.up("s3"), stacks))
        assert len(stacks[0].leftovers()) == 2
    finally:
        stacks[0].down()
    assert stacks[0].leftovers() == []


def test_a_service_that_cannot_start_is_one_line_with_the_cause_and_leaves_nothing(tmp_path):
    broken = Stack(tmp_path)
    (broken.home.folder("kafka", "data") / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=other\n")

    with pytest.raises(ServiceError, match=r"kafka ended while starting; its log says: .*node id 7") as raised:
        broken.up("kafka")

    assert "\n" not in str(raised.value)
    assert broken.leftovers() == []
