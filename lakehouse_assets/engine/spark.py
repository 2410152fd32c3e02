"""Spark in Dagster's runs: a session for each run, named after it, so that a dead run's work can be ended."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from dagster import InitResourceContext
from dagster_pyspark import PySparkResource
from pydantic import PrivateAttr
from pyspark.sql import SparkSession

from lakehouse_assets.engine.sessions import SMALL_RECORDS, activate, cloned, connect, fit
from lakehouse_assets.errors import UnavailableError
from lakehouse_assets.settings import load

__all__ = ["SMALL_RECORDS", "SparkConnect", "activate", "connect", "fit"]

_CLOSED = "SESSION_CLOSED"


class SparkConnect(PySparkResource):
    """A `PySparkResource` whose session attaches to the settings' Spark Connect server on first use.

    It holds neither address nor token: Dagster keeps a resource's configuration in its database and shows it.
    """

    spark_config: dict[str, Any] = {}  # noqa: RUF012
    _session_id: str = PrivateAttr(default_factory=lambda: str(uuid4()))

    def setup_for_execution(self, context: InitResourceContext) -> None:
        """Names the session after the run; connects nowhere yet."""
        if context.run:
            self._session_id = context.run.run_id

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        """Ends the session, if there is one."""
        if self._spark_session is not None:
            self._spark_session.stop()
            self._spark_session = None

    @property
    def spark_session(self) -> SparkSession:
        """The run's session."""
        if self._spark_session is None:
            self._spark_session = cloned(load(), self._session_id)
        return self._spark_session

    def interrupt(self, run_id: str) -> None:
        """Ends whatever the server still does for another run, and closes that run's session for good."""
        try:
            session = connect(load(), run_id)
        except UnavailableError as error:
            if _CLOSED in error.what:
                return
            raise
        session.interruptAll()
        session.stop()
