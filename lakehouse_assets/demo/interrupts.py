"""Ctrl-C and TERM, held back while a C library may be calling our code.

A signal that raises inside a delivery report of librdkafka becomes a `SystemError` of its `poll`. So while records are
sent a signal is only noted, and raised between two records.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
Handler = Callable[[int, FrameType | None], None]


@contextmanager
def held_back() -> Iterator[Callable[[], None]]:
    """Gives a function that raises KeyboardInterrupt once a signal has come; the end of the block does so too."""
    noted: list[int] = []

    def check() -> None:
        if noted:
            raise KeyboardInterrupt

    with handled(lambda number, _frame: noted.append(number)):
        yield check
    check()


@contextmanager
def raised() -> Iterator[None]:
    """A TERM signal is a KeyboardInterrupt inside of the block, as Ctrl-C is."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with handled(interrupt):
        yield


@contextmanager
def ignored() -> Iterator[None]:
    """What is being stopped already is stopped to the end."""
    with handled(lambda _number, _frame: None):
        yield


@contextmanager
def handled(handler: Handler) -> Iterator[None]:
    """Both signals go to the handler inside of the block; a thread besides the main one gets none."""
    with ExitStack() as restored:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                restored.callback(signal.signal, number, signal.signal(number, handler))
        yield
