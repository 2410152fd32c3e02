"""Ports and credentials: private, kept over restarts, moved only when somebody else took them."""

from __future__ import annotations

import json
import shutil
import socket
import stat

import pytest

from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services import endpoints
from lakehouse_assets.services.home import Home
from lakehouse_assets.settings import SERVICES_FILE, Settings


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind((endpoints.HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def keep_port(home: Home, name: str, port: int) -> None:
    path = home.root / SERVICES_FILE
    kept = json.loads(path.read_text())
    path.write_text(json.dumps(kept | {"ports": kept["ports"] | {name: port}}))


def test_only_the_owner_reads_the_credentials(home):
    endpoints.settle(home)

    assert stat.S_IMODE((home.root / SERVICES_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700


def test_ports_and_credentials_stay_over_restarts(home):
    first, _ = endpoints.settle(home)
    again, notes = endpoints.settle(home)

    assert again == first
    assert notes == []


def test_the_uis_port_is_the_same_after_the_state_folder_was_deleted(home):
    """Links in old alerts still lead to it; where somebody else has it another one is taken."""
    first, _ = endpoints.settle(home)
    shutil.rmtree(home.root)
    again, _ = endpoints.settle(home)
    assert again.ports["dagster"] == first.ports["dagster"]
    assert again.ports["kafka"] != first.ports["kafka"] or again.ports["s3"] != first.ports["s3"]

    shutil.rmtree(home.root)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first.ports["dagster"]))
        taken.listen()
        other, notes = endpoints.settle(home)
    assert other.ports["dagster"] != first.ports["dagster"]
    assert notes == []


def test_every_port_is_another_one_outside_the_ephemeral_range(home):
    settled, _ = endpoints.settle(home)

    ports = list(settled.ports.values())
    assert len(set(ports)) == len(ports)
    assert set(ports) <= set(endpoints.PORTS_BELOW_EPHEMERAL)


def test_a_port_that_somebody_took_moves_and_says_so_in_one_line(home, taken_port):
    before, _ = endpoints.settle(home)
    keep_port(home, "kafka", taken_port)

    after, (note,) = endpoints.settle(home)

    assert after.ports["kafka"] != taken_port
    assert str(taken_port) in note
    assert "\n" not in note
    assert after.s3_secret_key == before.s3_secret_key


def test_the_port_of_a_running_service_stays(home, taken_port):
    endpoints.settle(home)
    keep_port(home, "kafka", taken_port)

    after, notes = endpoints.settle(home, running={"kafka"})

    assert after.ports["kafka"] == taken_port
    assert notes == []


def test_a_fixed_port_that_is_taken_is_one_line_that_names_the_setting(home, taken_port):
    with pytest.raises(ServiceError, match=f"port {taken_port} is taken.*LAKEHOUSE_DAGSTER_PORT") as raised:
        endpoints.settle(home, fixed={"dagster": taken_port})

    assert "\n" not in str(raised.value)


def test_a_broken_file_is_not_replaced(home):
    home.folder()
    (home.root / SERVICES_FILE).write_text("{")

    with pytest.raises(ServiceError, match=SERVICES_FILE):
        endpoints.settle(home)


def test_settings_read_what_was_settled(home, monkeypatch):
    settled, _ = endpoints.settle(home)
    for name in ("KAFKA_BOOTSTRAP", "S3_ENDPOINT", "SPARK_REMOTE", "S3_SECRET_KEY"):
        monkeypatch.delenv(f"LAKEHOUSE_{name}", raising=False)
    monkeypatch.setenv("LAKEHOUSE_HOME", str(home.root))

    read = Settings()

    assert read.kafka_bootstrap == settled.kafka_bootstrap
    assert read.spark_remote == settled.spark_remote
    assert read.s3_secret_key.get_secret_value() == settled.s3_secret_key
    assert settled.s3_secret_key not in repr(read)
