"""The session's services: one broker, one S3 server and one Spark server for every test that asks for `stack`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse_assets.services.stack import Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Kafka, S3 and Spark in a home of their own, stopped at the end whatever happens."""
    home = Path(tempfile.mkdtemp(prefix="lakehouse-tests-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_HOME", str(home))
        patch.setenv("LAKEHOUSE_RETRY_BASE_SECONDS", "1")
        patch.setenv("LAKEHOUSE_MAX_ROWS_PER_PIECE", "5000")
        services = Stack(home)
        try:
            services.up("kafka", "s3", "spark")
            yield services
        finally:
            services.down()
            shutil.rmtree(home, ignore_errors=True)
