"""A session asks for what the code means, sends its token to nobody else, and its failure shows no secret."""

from __future__ import annotations

import traceback
from uuid import uuid4

import pyspark.sql.functions as F
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value
from pydantic import SecretStr
from pyspark.errors.exceptions.connect import NumberFormatException

import lakehouse_assets
from lakehouse_assets.building import build_definitions
from lakehouse_assets.engine.meaning import MEANING, strange
from lakehouse_assets.engine.spark import SparkConnect, connect
from lakehouse_assets.errors import SettingsError, UnavailableError

TOKEN = "the+secret/token=="


def test_a_session_is_set_to_what_the_code_means(services):
    session = connect(services, str(uuid4()))
    found = session.conf.getAll
    session.stop()

    assert {name: found[name] for name in MEANING} == dict(MEANING)
    assert strange(found) == []


@pytest.mark.services
def test_an_error_of_spark_leaves_no_value_in_the_log(services, capfd):
    """pyspark would write it by itself, before anybody decides what may be shown."""
    session = connect(services, str(uuid4()))
    with pytest.raises(NumberFormatException, match="hunter2"):
        session.createDataFrame([("hunter2",)], "a string").select(F.col("a").cast("int")).collect()
    session.stop()

    assert "hunter2" not in "".join(capfd.readouterr())


@pytest.mark.filterwarnings("ignore:Failed to set")
def test_a_setting_that_no_session_can_be_given_is_refused(services, monkeypatch):
    monkeypatch.setattr("lakehouse_assets.engine.meaning.MEANING", {"spark.sql.ansi.enabled": "perhaps"})

    with pytest.raises(SettingsError, match=r"spark.sql.ansi.enabled=None in place of perhaps"):
        connect(services, str(uuid4()))


@pytest.mark.parametrize(
    "remote", ["sc://127.0.0.1:9", "sc://127.0.0.1:9/;use_ssl=true;x-key=the+secret/token==", "sc://"]
)
def test_an_address_that_does_not_answer_is_told_without_any_secret(services, remote, monkeypatch):
    monkeypatch.setattr("pyspark.sql.connect.client.retries.DefaultPolicy.can_retry", lambda *_: False)
    other = services.model_copy(update={"spark_remote": remote, "spark_token": SecretStr(TOKEN)})

    with pytest.raises(UnavailableError) as raised:
        connect(other, str(uuid4()))

    assert TOKEN not in "".join(traceback.format_exception(raised.value))


def test_the_resource_has_no_configuration_to_be_stored():
    assert list(SparkConnect().model_dump()) == ["spark_config"]


def test_no_snapshot_that_dagster_keeps_holds_a_token(monkeypatch, tmp_path):
    """It stood there 38 times: in the database, and in the UI's launchpad."""
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path))
    monkeypatch.setenv("SPARK_REMOTE", "sc://host.example:443/;token=hunter2;use_ssl=true")
    repository = build_definitions(lakehouse_assets).get_repository_def()
    kept = [RepositorySnap.from_def(repository), *(job.get_job_snapshot() for job in repository.get_all_jobs())]

    assert not [each for each in map(serialize_value, kept) if "hunter2" in each or "host.example" in each]
