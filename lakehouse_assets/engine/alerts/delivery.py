"""Delivery: sends what waits, each channel in its own thread and in order, and tries a channel that is down again.

The pause doubles from `retry_base_seconds` to `retry_cap_seconds` and the channel is tried for as long as it takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pydantic import SecretStr

from lakehouse_assets.engine.alerts import channels
from lakehouse_assets.engine.alerts.messages import Message
from lakehouse_assets.engine.alerts.outbox import Outbox, Waiting
from lakehouse_assets.settings import Settings

BUDGET_SECONDS = 15.0
"""No delivery begins later than this in a round; one takes `channels.TIMEOUT_SECONDS` at most."""

DOUBTFUL_TRIES = 10
"""After so many tries of a message the next one is tried too: one that is always refused must not hold up the rest."""

Send = Callable[[SecretStr, Message], str]


@dataclass(frozen=True)
class Drained:
    """What one channel did in a round."""

    channel: str
    sent: int
    why: str = ""
    """Why it stopped, without secrets; empty where it is empty or its pause is not over."""


def deliver(
    outbox: Outbox,
    urls: Mapping[str, SecretStr],
    settings: Settings,
    budget_seconds: float = BUDGET_SECONDS,
    send: Send = channels.send,
) -> list[Drained]:
    """One round over all channels; what it does not manage is left to the next one."""
    names = [name for name in outbox.channels() if name in urls]
    if not names:
        return []
    deadline = time.monotonic() + budget_seconds

    def drain(name: str) -> Drained:
        return _drain(outbox, name, urls[name], settings, deadline, send)

    with ThreadPoolExecutor(len(names), thread_name_prefix="alerts") as threads:
        return [*threads.map(drain, names)]


def _drain(outbox: Outbox, name: str, url: SecretStr, settings: Settings, deadline: float, send: Send) -> Drained:
    sent = 0
    while time.monotonic() < deadline:
        due = outbox.waiting(name, limit=1)
        if not due or due[0].next_try > time.time():
            break
        if why := send(url, due[0].message):
            if due[0].tries < DOUBTFUL_TRIES or not _takes_another(outbox, url, name, send):
                outbox.failed(due[0], why, time.time() + pause(settings, due[0]))
                return Drained(name, sent, why)
            outbox.put_off(due[0])
        else:
            outbox.delivered(due[0], time.time())
        sent += 1
    return Drained(name, sent)


def _takes_another(outbox: Outbox, url: SecretStr, name: str, send: Send) -> bool:
    """Whether the channel accepts the next message, and so is not down but refuses the first one."""
    waiting = outbox.waiting(name, limit=2)
    if len(waiting) < 2 or send(url, waiting[1].message):
        return False
    outbox.delivered(waiting[1], time.time())
    return True


def pause(settings: Settings, waiting: Waiting) -> float:
    """Seconds until the next try, after the one that just failed."""
    return float(min(settings.retry_base_seconds * 2 ** min(waiting.tries, 30), settings.retry_cap_seconds))
