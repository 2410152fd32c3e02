"""Outages: a service that does not answer for a moment, which is nobody's fault and over soon."""

from __future__ import annotations

from typing import Final

from deltalake.exceptions import DeltaError

from lakehouse_assets.errors import UnavailableError

MOST_IN_A_ROW: Final = 5
"""A table that has met so many one after the other has another fault."""
AGAIN_SECONDS: Final = 0.5
"""Between two looks whether a service answers again."""
_NOT_SENT: Final = "error sending request"
"""What delta-rs says where there was no answer at all, whatever kept it from one."""


def is_outage(error: Exception) -> bool:
    """Whether a service did not answer: not that it answered something else, nor that one thing in it is not there."""
    if isinstance(error, UnavailableError):
        return type(error) is UnavailableError
    return isinstance(error, OSError | DeltaError) and _NOT_SENT in str(error)
