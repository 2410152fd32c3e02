"""Secrets that this process knows, and texts without them: every error of the project goes through here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

SHORTEST: Final = 4
"""A shorter text is no secret: taking it out would only garble messages."""
HIDDEN: Final = "***"
_OF_AN_OSERROR: Final = ("strerror", "filename", "filename2")
_known: set[str] = set()


def remember(secrets: Iterable[str]) -> None:
    """Has these secrets taken out of every later message of this process, a URL's password and query too."""
    for secret in secrets:
        for part in (secret, *_inside(secret)):
            _known.update(form for form in _forms(part) if len(form) >= SHORTEST)


def redact(text: str) -> str:
    """The text with `***` in place of every secret."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


@contextmanager
def shielded() -> Iterator[None]:
    """Takes secrets out of whatever error leaves, and out of its causes: Dagster keeps and shows their texts.

    The error stays of its type, so that whoever tells errors apart still can.
    """
    try:
        yield
    except Exception as error:
        for each in _with_causes(error):
            _hide(each)
        raise


def _with_causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is not None and all(each is not known for known in found):
            found.append(each)
            left += [each.__cause__, each.__context__]
    return found


def _hide(error: BaseException) -> None:
    error.args = tuple(redact(each) if isinstance(each, str) else each for each in error.args)
    for name in (*vars(error), *_OF_AN_OSERROR):
        value = getattr(error, name, None)
        if isinstance(value, str):
            setattr(error, name, redact(value))
    if notes := getattr(error, "__notes__", None):
        notes[:] = map(redact, notes)


def _forms(secret: str) -> set[str]:
    """The secret as it stands in addresses, in JSON and Python's texts, and in Java's login lines."""
    octal = "".join(each if each.isalnum() or each in "-_." else f"\\{ord(each):03o}" for each in secret)
    return {secret, quote(secret, safe=""), quote_plus(secret), unquote(secret), json.dumps(secret)[1:-1], octal}


def _inside(secret: str) -> list[str]:
    """A URL's password: drivers quote it without the rest."""
    try:
        return [part for part in (urlsplit(secret).password,) if part] if "://" in secret else []
    except ValueError:
        return []
