"""Why sources cannot go on, noted in the state folder by whoever watches them, for the alerts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.settings import Settings

FILE: Final = "complaints.json"
_MOST_CHARACTERS: Final = 500


def read(settings: Settings) -> dict[str, str]:
    """What was noted last, by the key of the source's table; nothing where that cannot be read."""
    try:
        found = json.loads((settings.home / FILE).read_text())
        return {str(key): str(said) for key, said in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def note(settings: Settings, errors: Mapping[str, Exception]) -> None:
    """Keeps what is wrong now."""
    said = {key: in_words(error) for key, error in errors.items()}
    if said == read(settings):
        return
    made = settings.home / f"{FILE}.new"
    made.write_text(json.dumps(said, sort_keys=True, indent=1))
    made.replace(settings.home / FILE)


def in_words(error: Exception) -> str:
    """The message of an error of ours; of a foreign one its name alone, because it might quote a row or a secret."""
    return (
        " ".join(str(error).split())[:_MOST_CHARACTERS] if isinstance(error, LakehouseError) else type(error).__name__
    )
