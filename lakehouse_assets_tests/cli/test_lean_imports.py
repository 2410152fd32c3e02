"""What a command does not need it does not import: Dagster alone costs as much as all that `status` reads."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lakehouse_assets.engine.sources import landing

STATUS = "lakehouse_assets.registry, lakehouse_assets.engine.project, lakehouse_assets.engine.orchestration.progress"
CLIENT = "from lakehouse_assets.engine.sources import landing; landing.client(lakehouse_assets.settings.load())"
BACKFILL = "lakehouse_assets.engine.orchestration.backfills"
SHOW = "lakehouse_assets.cli.rows, lakehouse_assets.reading, lakehouse_assets.engine.display.table_reading"
SERVICES = "lakehouse_assets.services.stack, lakehouse_assets.cli.lag"
MODELS = frozenset({"pandera", "pandas"})
"""What a table's file needs; a table's log does not."""


@pytest.mark.parametrize(
    ("needed", "spared"),
    [
        (f"{STATUS}, {BACKFILL}; {CLIENT}", {"dagster"}),
        (SHOW, {"dagster", "pyspark.sql.connect", *MODELS}),
        (SERVICES, {"dagster", "pyspark", *MODELS}),
    ],
)
def test_a_command_imports_only_what_it_needs(needed: str, spared: set[str]):
    """In a process of its own, with every command registered."""
    code = f"import sys, lakehouse_assets.cli, {needed}; print(*({spared!r} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_both_makers_of_the_stores_client_make_the_same_one():
    """Address, region, keys, tries and waits."""
    how = {"endpoint_url": "http://127.0.0.1:9", "region_name": "eu-north-1"}
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    made = [make(how | keys) for make in (landing.by_dagster, landing.by_boto3)]

    configs = [{**vars(each.meta.config)} for each in made]
    assert configs[0] == configs[1]
    assert configs[0]["retries"] == {"mode": "standard", "total_max_attempts": 3}
    signed = [each._request_signer._credentials.get_frozen_credentials() for each in made]
    assert signed[0] == signed[1]
    assert {each.meta.endpoint_url for each in made} == {how["endpoint_url"]}
