"""Channels: one apprise URL each (mail, Slack, Teams, PagerDuty, webhooks ...). Their URLs hold secrets.

apprise stays behind this file. Its own log is switched off: it may quote a URL or a body.
"""

from __future__ import annotations

import logging
import re
from typing import Final
from urllib.parse import unquote

from pydantic import SecretStr

from lakehouse_assets.engine.alerts.messages import Message
from lakehouse_assets.settings import bypass_proxy_on_loopback

TIMEOUT_SECONDS: Final = 10.0
"""Longest that one delivery may take."""
_WHY_CHARACTERS = 300
_SHORTEST_SECRET = 3


def is_valid(url: SecretStr) -> bool:
    """Whether apprise understands the URL; asks nobody."""
    import apprise

    _quiet()
    return apprise.Apprise.instantiate(url.get_secret_value(), suppress_exceptions=True) is not None


def shown(url: SecretStr) -> str:
    """The kind of channel and nothing else: in many URLs the host is a token."""
    return f"{url.get_secret_value().partition('://')[0]}://***"


def send(url: SecretStr, message: Message) -> str:
    """Delivers a message; returns why it could not be, without secrets, empty once it is accepted."""
    import apprise

    _quiet()
    bypass_proxy_on_loopback()
    channel = apprise.Apprise()
    if not channel.add(url.get_secret_value()):
        return "apprise does not understand its URL"
    try:
        result = channel.notify(
            body=message.body,
            title=message.title,
            notify_type=_look(message),
            body_format=apprise.NotifyFormat.TEXT,
            timeout=TIMEOUT_SECONDS,
        )
    except Exception as error:  # whatever a plugin raises, the message has to be tried again
        return redact(url, f"{type(error).__name__}: {error}")
    if result:
        return ""
    said = "; ".join(entry.message for entry in result.logs())
    return redact(url, said or f"no success ({result.status.name})")


def _look(message: Message) -> str:
    """As apprise calls it: a colour or a picture in some channels."""
    if message.phase == "recovery":
        return "success"
    return "warning" if message.severity == "warn" else "failure"


def redact(url: SecretStr, text: str) -> str:
    """The text without any part of the URL but its scheme, on one line."""
    rest = url.get_secret_value().partition("://")[2]
    parts = {each for part in re.split(r"[/?&=:@,#+]+", rest) for each in (part, unquote(part))}
    for part in sorted((each for each in parts if len(each) >= _SHORTEST_SECRET), key=len, reverse=True):
        text = text.replace(part, "***")
    return " ".join(text.split())[:_WHY_CHARACTERS]


def _quiet() -> None:
    logger = logging.getLogger("apprise")
    if logger.propagate:
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
