"""What a worker without a run does meanwhile: it opens a session to clone others from, and rehearses every table.

In small steps, so that a run that comes waits for one step only.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from math import inf
from uuid import uuid4

from lakehouse_assets.engine import sessions
from lakehouse_assets.engine.orchestration.rehearsal import rehearse
from lakehouse_assets.engine.project import registry
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.settings import load

ASK_SECONDS = 30.0
"""How often a warm worker asks whether the server is still the one that it has warmed."""
AWAY_SECONDS = 2.0
"""A server that does not answer is asked again after so long."""
WARM, COLD = "warm", "cold: Spark does not answer"

_log = logging.getLogger("lakehouse.worker")


class Warming:
    """The rehearsal of one worker; again after the server was started anew.

    Args:
        tell: called with how far it is, in words, when that changes.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._said = tell, ""
        self._steps: Iterator[str] | None = None
        self._asked = -inf

    @property
    def rest_seconds(self) -> float:
        """How long there is nothing to do."""
        return 0.0 if self._steps is not None else max(0.0, self._asked + self._pause - time.monotonic())

    def step(self) -> None:
        """Does a little, if there is something to do."""
        if self._steps is None and not self.rest_seconds:
            self._asked = time.monotonic()
            self._steps = None if self._is_warm else _steps()
        if self._steps is not None:
            self._say(self._stepped())

    @property
    def _pause(self) -> float:
        return ASK_SECONDS if self._said == WARM else AWAY_SECONDS

    @property
    def _is_warm(self) -> bool:
        settings = load()
        return not settings.spark_remote or sessions.keeps(settings)

    def _stepped(self) -> str:
        assert self._steps is not None
        try:
            return next(self._steps)
        except StopIteration:
            self._end()
            return WARM
        except Exception as error:
            self._end()
            _log.info("not rehearsed: %s", error if isinstance(error, LakehouseError) else type(error).__name__)
            return COLD

    def _end(self) -> None:
        self._steps, self._asked = None, time.monotonic()

    def _say(self, said: str) -> None:
        if said != self._said:
            self._said = said
            self._tell(said)


def _steps() -> Iterator[str]:
    settings = load()
    sessions.keep(settings)
    yield "rehearses"
    session = sessions.cloned(settings, str(uuid4()))
    try:
        for at in rehearse(session, settings, registry().tables):
            yield f"rehearses, round {at.rounds + 1}"
    finally:
        session.stop()
