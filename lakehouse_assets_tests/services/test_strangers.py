"""Another user of the machine at every port of a running stack: what each port answers to the plain client for it."""

from __future__ import annotations

import json
import shutil
import stat
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from uuid import uuid4

import boto3
import grpc
import psutil
import psycopg2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr

from lakehouse_assets.engine.spark import connect
from lakehouse_assets.errors import ServiceError, SettingsError
from lakehouse_assets.services import endpoints
from lakehouse_assets.services.dagster import require_consent
from lakehouse_assets.services.stack import Stack
from lakehouse_assets.settings import load

SECONDS = 5
SERVED = [pytest.mark.services, pytest.mark.slow]
FILER = "/filer_pb.SeaweedFiler/GetFilerConfiguration"


@pytest.fixture(scope="module")
def running():
    """Everything that can be embedded, as it is by default."""
    home = Path(tempfile.mkdtemp(prefix="lakehouse-strangers-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_HOME", str(home))
        patch.setenv("LAKEHOUSE_EMBEDDED_POSTGRES", "yes")
        services = Stack(load(spark_heap="1g"))
        try:
            services.up()
            yield services
        finally:
            services.down()
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def answers(running):
    """What a stranger gets, by the name of the port."""
    ports = endpoints.read(running.home).ports
    return {
        "kafka": kafka(ports["kafka"]),
        "s3": s3(ports["s3"]),
        "s3_grpc": rpc(ports["s3_grpc"], FILER),
        "s3_master": http(ports["s3_master"], "/dir/assign"),
        "s3_volume": http(ports["s3_volume"], "/1,01637037d6"),
        "s3_filer": http(ports["s3_filer"], "/buckets/lakehouse/"),
        "s3_filer_grpc": rpc(ports["s3_filer_grpc"], FILER),
        "s3_master_grpc": rpc(ports["s3_master_grpc"], "/master_pb.Seaweed/Statistics"),
        "s3_volume_grpc": rpc(ports["s3_volume_grpc"], "/volume_server_pb.VolumeServer/VolumeServerStatus"),
        "s3_admin": http(ports["s3_admin"], "/"),
        "spark": spark(""),
        "postgres": postgres(ports["postgres"]),
        "dagster": http(ports["dagster"], "/graphql", b'{"query": "{ version }"}'),
    }


def kafka(port: int) -> str:
    client = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}"})
    return f"{len(client.list_topics(timeout=SECONDS).brokers)} broker"


def s3(port: int) -> str:
    config = Config(proxies={}, s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "stranger", "aws_secret_access_key": "guess", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", config=config, **keys)
    with pytest.raises(ClientError) as refused:
        client.list_buckets()
    return str(refused.value.response["ResponseMetadata"]["HTTPStatusCode"])


def http(port: int, path: str, body: bytes | None = None) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=SECONDS) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return str(error.code)


def rpc(port: int, method: str) -> str:
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            channel.unary_unary(method)(b"", timeout=SECONDS)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "answers"


def spark(token: str) -> str:
    try:
        connect(load().model_copy(update={"spark_token": SecretStr(token)}), str(uuid4())).stop()
    except SettingsError as error:
        return error.what
    return "answers"


def postgres(port: int) -> str:
    with pytest.raises(psycopg2.OperationalError) as refused:
        psycopg2.connect(host="127.0.0.1", port=port, user="lakehouse", password="guess", dbname="postgres")
    return "password" if "password authentication failed" in str(refused.value) else str(refused.value)


class TestStack:
    """One stack for all of them."""

    pytestmark = SERVED

    def test_what_each_port_answers_to_a_stranger(self, answers):
        assert answers == {
            "kafka": "1 broker",
            "s3": "403",
            "s3_grpc": "UNAVAILABLE",
            "s3_master": "404",
            "s3_volume": "401",
            "s3_filer": "404",
            "s3_filer_grpc": "UNAVAILABLE",
            "s3_master_grpc": "UNAVAILABLE",
            "s3_volume_grpc": "UNAVAILABLE",
            "s3_admin": "404",
            "spark": "it refuses the token",
            "postgres": "password",
            "dagster": "200",
        }

    def test_a_wrong_token_is_refused_and_the_right_one_taken(self, running):
        assert spark("wrong") == "it refuses the token"
        assert spark(load().spark_token.get_secret_value()) == "answers"

    def test_every_port_that_listens_is_known(self, running):
        """The others are Spark's own, which ask for a secret of their own, and the two sides of SeaweedFS's admin."""
        ports = endpoints.read(running.home).ports
        known = {*ports.values(), ports["s3_admin"] + endpoints.ADMIN_GRPC_OFFSET}
        others = {
            (" ".join(process.cmdline())[-60:], connection.laddr.port)
            for process in running.leftovers()
            for connection in process.net_connections()
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port not in known
        }
        assert {command for command, _ in others if running.pid("spark") and "java.args" not in command} == set()

    def test_unix_sockets_are_the_owners_own(self, running):
        sockets = list(running.home.sockets.glob("*.sock"))

        assert {"code.sock", "supervisor.sock"} <= {path.name for path in sockets}
        assert stat.S_IMODE(running.home.sockets.stat().st_mode) == 0o700

    def test_no_command_line_and_no_answer_of_dagster_shows_a_secret(self, running):
        kept = endpoints.read(running.home)
        hidden = [kept.s3_secret_key, kept.s3_access_key, *kept.credentials.values()]
        listed = " ".join(" ".join(process.cmdline()) for process in running.leftovers())

        assert not [secret for secret in hidden if secret in listed]
        assert not [secret for secret in hidden if secret in everything_in(kept.postgres_url)]


def everything_in(url: str) -> str:
    """Every row of every table of Dagster's database as text."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            names = [name for (name,) in cursor.fetchall()]
            rows = []
            for name in names:
                cursor.execute(f'SELECT t::text FROM "{name}" t')
                rows += cursor.fetchall()
    finally:
        connection.close()
    return json.dumps(rows)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "::", "house.example"])
def test_the_webserver_answers_beyond_this_machine_only_by_consent(monkeypatch, host):
    monkeypatch.setenv("LAKEHOUSE_DAGSTER_HOST", host)
    with pytest.raises(ServiceError, match="no login"):
        require_consent(load())

    monkeypatch.setenv("LAKEHOUSE_DAGSTER_OPEN", "yes")
    require_consent(load())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_the_webserver_answers_this_machine_without_it(host):
    require_consent(load(dagster_host=host))
