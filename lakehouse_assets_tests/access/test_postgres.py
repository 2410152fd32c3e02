"""Dagster's database is opened by the driver that Dagster brings."""

from __future__ import annotations

import pytest

from lakehouse_assets.access import postgres
from lakehouse_assets.settings import Settings


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("postgresql://me:pw@h:1/d?sslmode=require", "postgresql+psycopg2://me:pw@h:1/d?sslmode=require"),
        ("postgres://h/d", "postgresql+psycopg2://h/d"),
        ("postgresql+pg8000://h/d", "postgresql+pg8000://h/d"),
    ],
)
def test_the_driver_is_named(given, taken):
    assert postgres.environment(Settings(dagster_postgres_url=given)) == {"DAGSTER_POSTGRES_URL": taken}


def test_without_a_database_there_is_nothing_to_tell():
    assert postgres.environment(Settings()) == {}
