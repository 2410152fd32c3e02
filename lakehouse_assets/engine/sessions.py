"""Spark Connect sessions: opened by id, set to what the code means, and fit for the size of the work."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from importlib.util import find_spec
from typing import Any, cast
from uuid import uuid4

import grpc
from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession
from pyspark.sql.connect.client import DefaultChannelBuilder
from pyspark.sql.connect.client.retries import DefaultPolicy
from pyspark.sql.connect.session import SparkSession as Connected

from lakehouse_assets.access import spark as access
from lakehouse_assets.engine.meaning import settle
from lakehouse_assets.errors import LakehouseError, SettingsError, UnavailableError
from lakehouse_assets.redaction import remember
from lakehouse_assets.settings import Settings

SMALL_RECORDS = 10_000
_TRIES, _TRIES_APART_MS = 60, 1_000
_BY_THE_PLANNER = "org.apache.spark.sql.catalyst.optimizer.ConvertToLocalRelation"
_USER = "lakehouse"
_QUOTING = ("DataFrameQueryContextLogger", "SQLQueryContextLogger")
"""pyspark's own, which write each error to the run's log with the value that caused it; the error itself is raised."""


def connect(settings: Settings, session_id: str) -> SparkSession:
    """A session of this id, set to what the code means.

    Raises:
        UnavailableError: the server does not answer.
        SettingsError: the server refuses the token, would lose commits, or cannot be set to what the code means.
    """
    where, session = f"Spark Connect server {access.shown(settings.spark_remote)}", None
    remember(settings.secrets())
    for name in _QUOTING:
        PySparkLogger.getLogger(name).setLevel(logging.CRITICAL)
    _connects_only()
    try:
        session = Connected.builder.channelBuilder(_Channel(settings, session_id)).create()
        _set(session)
        activate(session)
        found = settle(session, where)
        _require_log_store(found.get(access.LOG_STORE_OPTION, ""), where)
    except Exception as error:
        if session is not None:
            session.client.close()
        raise _explained(error, where) from None
    return cast(SparkSession, session)


def _connects_only() -> None:
    """Or pyspark's functions look for a JVM, and at each call for IPython, which costs more than the call."""
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    if "IPython" not in sys.modules and find_spec("IPython") is None:
        sys.modules["IPython"] = None  # type: ignore[assignment]


_KEPT: dict[str, Connected] = {}
"""By address and token: a session of this process that nothing is done in, and others are cloned from."""


def keep(settings: Settings) -> None:
    """Opens the session from which `cloned` makes others.

    Raises:
        UnavailableError, SettingsError: as `connect`.
    """
    _KEPT[_door(settings)] = cast(Connected, connect(settings, str(uuid4())))


def keeps(settings: Settings) -> bool:
    """Whether there is such a session, and the server still knows it."""
    kept = _KEPT.get(_door(settings))
    if kept is None:
        return False
    try:
        kept.conf.get("spark.sql.session.timeZone")
    except Exception:  # the server is another one by now, or has forgotten the session
        _KEPT.pop(_door(settings)).client.close()
        return False
    return True


def cloned(settings: Settings, session_id: str) -> SparkSession:
    """A session of this id in one round trip, where this process keeps one; else as `connect`."""
    kept = _KEPT.get(_door(settings))
    if kept is None:
        return connect(settings, session_id)
    _connects_only()
    try:
        session = kept.cloneSession(session_id)
    except Exception:
        keeps(settings)
        return connect(settings, session_id)
    _complete(session)
    activate(session)
    return cast(SparkSession, session)


def twin(session: SparkSession) -> SparkSession:
    """Another session that is set as this one is, for work beside it; views and settings of each are its own."""
    found = cast(Connected, session).cloneSession()
    _complete(found)
    return cast(SparkSession, found)


def _complete(clone: Connected) -> None:
    clone.release_session_on_close = True  # pyspark's own clones lack it, and could not be stopped
    _set(clone)


def _set(session: Connected) -> None:
    """A server that is gone is asked once a second, and not at the end of the process, for minutes.

    By itself pyspark waits up to a minute between two tries: long after the server is back, without the session.
    """
    atexit.unregister(session.client._on_exit)
    session.client.set_retry_policies([DefaultPolicy(max_retries=_TRIES, max_backoff=_TRIES_APART_MS, jitter=200)])


def _door(settings: Settings) -> str:
    return f"{settings.spark_remote} {settings.spark_token.get_secret_value()}"


class _Channel(DefaultChannelBuilder):
    """Sends the token of the settings and no other, without TLS to this machine only."""

    def __init__(self, settings: Settings, session_id: str) -> None:
        super().__init__(access.session(settings.spark_remote, user_id=_USER, session_id=session_id))
        self._settings = settings

    def toChannel(self) -> grpc.Channel:  # noqa: N802
        """The channel to the server."""
        credentials = access.credentials(self._settings.spark_remote, self._settings.spark_token.get_secret_value())
        if credentials is None:
            return self._insecure_channel(self.endpoint)
        return self._secure_channel(self.endpoint, credentials)


def _explained(error: Exception, where: str) -> LakehouseError:
    """The error in our words; pyspark's own may quote the address with all of its parameters."""
    if isinstance(error, LakehouseError):
        return error
    said = str(error).partition("\n")[0] or type(error).__name__
    if "UNAUTHENTICATED" in str(error):
        return SettingsError("it refuses the token", where=where, do="Set LAKEHOUSE_SPARK_TOKEN to the server's own")
    return UnavailableError(
        f"no answer: {said}", where=where, do="Run `lakehouse status`; the supervisor restarts a server that died"
    )


def _require_log_store(log_store: str, where: str) -> None:
    if log_store != access.LOG_STORE:
        raise SettingsError(
            f"commits to S3 by {log_store or 'the log store that Delta brings'}: a second writer would lose commits",
            where=where,
            do=f"Start it with {access.LOG_STORE_OPTION}={access.LOG_STORE} and with lakehouse-logstore.jar",
        )


def fit(session: SparkSession, records: int) -> None:
    """Has small work interpreted: generating, compiling and warming up code for it takes longer than the work."""
    small = records <= SMALL_RECORDS
    session.conf.set("spark.sql.codegen.wholeStage", str(not small).lower())
    session.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN" if small else "FALLBACK")
    session.conf.set("spark.sql.optimizer.excludedRules", "" if small else _BY_THE_PLANNER)


def activate(session: Any) -> None:
    """Makes this the process's session: pyspark files checkpoints under that one, whichever session made them."""
    type(session)._default_session = session
    activate_here(session)


def activate_here(session: Any) -> None:
    """Makes it the session of this thread alone."""
    type(session)._active_session.session = session
