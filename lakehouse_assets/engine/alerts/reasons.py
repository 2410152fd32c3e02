"""Why something failed, in words that may leave the house: a foreign error's message might quote a row or a secret."""

from __future__ import annotations

from typing import Any

from lakehouse_assets.engine.orchestration.pipeline_log import redact
from lakehouse_assets.engine.writing.publication import RefusedError
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.settings import Settings

MOST_CHARACTERS = 500


def why(settings: Settings, error: Any) -> str:
    """The message of the project's own error in Dagster's chain of causes, or the name of the innermost foreign one."""
    family, name = {each.__name__ for each in _family(LakehouseError)}, "an error"
    while error is not None:
        if error.cls_name in family:
            return redact(settings, " ".join(str(error.message).split()))[:MOST_CHARACTERS]
        name, error = error.cls_name or name, error.cause
    return name


def is_refusal(error: Any) -> bool:
    """Whether a table refused a batch for a rule that it breaks."""
    while error is not None and error.cls_name != RefusedError.__name__:
        error = error.cause
    return error is not None


def _family(error: type[Exception]) -> set[type[Exception]]:
    return {error}.union(*(_family(child) for child in error.__subclasses__()))
