"""Spark Connect sessions: one for each Dagster run, named after it, so that a dead run's work can be ended."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from dagster import InitResourceContext
from dagster_pyspark import PySparkResource
from pydantic import PrivateAttr
from pyspark.sql import SparkSession

from lakehouse_assets.access import spark as access
from lakehouse_assets.errors import SettingsError, UnavailableError

SMALL_RECORDS = 50_000
_USER = "lakehouse"
_CLOSED = "SESSION_CLOSED"
_NESTED_TWICE = "spark.sql.variant.allowDuplicateKeys"
"""A name given twice inside of a nested field harms nobody: no table reads it."""


class SparkConnect(PySparkResource):
    """A `PySparkResource` whose session attaches to a Spark Connect server on first use and ends with the run."""

    remote: str
    """Spark Connect address, `sc://host:port`."""
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
            self._spark_session = connect(self.remote, self._session_id)
        return self._spark_session

    def interrupt(self, run_id: str) -> None:
        """Ends whatever the server still does for another run, and closes that run's session for good."""
        try:
            session = connect(self.remote, run_id)
        except UnavailableError as error:
            if _CLOSED in error.what:
                return
            raise
        session.interruptAll()
        session.stop()


def connect(remote: str, session_id: str) -> SparkSession:
    """A session of this id.

    Raises:
        UnavailableError: the server does not answer.
        SettingsError: the server would lose commits of other writers, or have its own lost.
    """
    session: Any = None
    try:
        address = access.session(remote, user_id=_USER, session_id=session_id)
        session = SparkSession.builder.remote(address).create()
        log_store = session.conf.get(access.LOG_STORE_OPTION, "")  # the first call that reaches the server
    except Exception as error:
        if session is not None:
            session.client.close()
        raise UnavailableError(
            f"no answer: {str(error).splitlines()[0]}",
            where=f"Spark Connect server {access.shown(remote)}",
            do="Run `lakehouse status`; the supervisor restarts a server that died",
        ) from error
    if log_store != access.LOG_STORE:
        session.stop()
        raise _unsafe(remote, log_store)
    session.conf.set(_NESTED_TWICE, "true")
    activate(session)
    return session


def _unsafe(remote: str, log_store: str) -> SettingsError:
    return SettingsError(
        f"commits to S3 by {log_store or 'the log store that Delta brings'}: a second writer would lose commits",
        where=f"Spark Connect server {access.shown(remote)}",
        do=f"Start it with {access.LOG_STORE_OPTION}={access.LOG_STORE} and lakehouse-logstore.jar on its class path",
    )


def fit(session: SparkSession, records: int) -> None:
    """Has small work interpreted: generating, compiling and warming up code for it takes longer than the work."""
    small = records <= SMALL_RECORDS
    session.conf.set("spark.sql.codegen.wholeStage", str(not small).lower())
    session.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN" if small else "FALLBACK")


def activate(session: Any) -> None:
    """Makes this the process's session: pyspark files checkpoints under that one, whichever session made them."""
    kind = type(session)
    kind._default_session = session
    kind._active_session.session = session
