"""What every contender answers: how it starts and stops, and where its tables lie."""

from __future__ import annotations

from typing import Protocol


class Contender(Protocol):
    """One way from the topic to gold."""

    @property
    def prefix(self) -> str:
        """What its tables' keys begin with."""

    def start(self) -> None:
        """Returns once it looks at the topic."""

    def check(self) -> None:
        """Raises WrongResultError where it has ended by itself: nobody needs to wait for it."""

    def stop(self) -> None:
        """Ends all that was started."""
