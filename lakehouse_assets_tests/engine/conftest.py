"""Fixtures of the engine's tests: one lab for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from pyspark.sql import SparkSession

from lakehouse_assets.engine.spark import fit
from lakehouse_assets_tests.engine.lab import Lab

settings.register_profile(
    "engine", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
settings.load_profile("engine")


@pytest.fixture
def lab(services, spark) -> Lab:
    """A topic of one partition and tables that do not exist yet."""
    return Lab(services, spark).create_topic()


@pytest.fixture
def interpreted(spark) -> Iterator[SparkSession]:
    """Spark as the engine sets it for few rows, for tests of many small statements."""
    fit(spark, records=1)
    yield spark
    spark.conf.unset("spark.sql.codegen.wholeStage")
    spark.conf.unset("spark.sql.codegen.factoryMode")
