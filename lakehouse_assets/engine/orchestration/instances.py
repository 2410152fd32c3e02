"""Dagster's instance for sensors, made once a process: made for each tick it reads all migrations of its databases."""

from __future__ import annotations

from typing import Final

from dagster import DagsterInstance, SensorEvaluationContext

_STANDING: Final[dict[str, DagsterInstance]] = {}
"""By what it is made from."""


def of(context: SensorEvaluationContext) -> DagsterInstance:
    """The one that the context would make; the one that it was given, where there is one."""
    made_from = context.instance_ref
    if made_from is None:
        return context.instance
    key = repr(made_from)
    if key not in _STANDING:
        _STANDING[key] = DagsterInstance.from_ref(made_from)
    return _STANDING[key]
