"""Who gets which message: `alerts.toml` in the state folder, or the file that `LAKEHOUSE_ALERTS_FILE` names.

default = ["ops"]                           # where no route fits

[channels]                                  # each one is an apprise URL; it holds secrets and is never shown
ops = "mailtos://user:password@example.org?to=ops@example.org"
hook = "jsons://example.org/alerts"

[[routes]]                                  # every route that fits adds its channels
owner = "team:sales-data"
severity = "error"
kinds = ["check", "run"]
tables = ["silver/sales/*"]
channels = ["ops", "hook"]
remind_hours = 4
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from lakehouse_assets.engine.alerts import channels
from lakehouse_assets.engine.alerts.conditions import Condition, Kind, Severity
from lakehouse_assets.errors import SettingsError
from lakehouse_assets.settings import Settings

FILE = "alerts.toml"


class Route(BaseModel):
    """Which incidents go to which channels; what is not given fits everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: tuple[str, ...] = Field(min_length=1)
    owner: str = "*"
    severity: Severity | None = None
    kinds: tuple[Kind, ...] = ()
    tables: tuple[str, ...] = ()
    """Patterns such as `silver/sales/*`."""
    remind_hours: float = Field(default=0.0, ge=0)
    """After so many hours it is told again that an incident goes on; 0 for never."""

    def fits(self, condition: Condition) -> bool:
        """Whether an incident that began with this condition takes this route."""
        return (
            fnmatchcase(condition.owner, self.owner)
            and self.severity in (None, condition.severity)
            and (not self.kinds or condition.kind in self.kinds)
            and (not self.tables or any(fnmatchcase(condition.table, each) for each in self.tables))
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    default: tuple[str, ...] = ()
    remind_hours: float = Field(default=0.0, ge=0)
    channels: Mapping[str, SecretStr] = {}
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True)
class Routes:
    """The routes as they were loaded."""

    urls: Mapping[str, SecretStr]
    """By channel."""
    routes: tuple[Route, ...]
    default: tuple[str, ...]
    remind: float = 0.0

    def channels_of(self, condition: Condition) -> tuple[str, ...]:
        """The channels that get an incident, each once."""
        named = (name for route in self._fitting(condition) for name in route.channels)
        return tuple(dict.fromkeys(named)) or self.default

    def remind_hours(self, condition: Condition) -> float:
        """The shortest time that was asked for; 0 for never."""
        asked = [route.remind_hours for route in self._fitting(condition)] or [self.remind]
        return min((hours for hours in asked if hours > 0), default=0.0)

    def _fitting(self, condition: Condition) -> Iterator[Route]:
        return (route for route in self.routes if route.fits(condition))


def path(settings: Settings) -> Path:
    """Where the routes are."""
    return settings.alerts_file or settings.home / FILE


def load(settings: Settings) -> Routes | None:
    """The routes; None where there is no file.

    Raises:
        SettingsError: the file cannot be read or understood; names the field, and no value of it.
    """
    file = path(settings)
    if not file.exists() and settings.alerts_file is None:
        return None
    try:
        read = _File.model_validate(tomllib.loads(file.read_text()))
    except OSError as error:
        raise _wrong(file, f"cannot read it ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise _wrong(file, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except ValueError as error:
        raise _wrong(file, f"it is no TOML: {error}") from None
    return Routes(_checked(file, read), read.routes, read.default, read.remind_hours)


def _checked(file: Path, read: _File) -> Mapping[str, SecretStr]:
    """The channels, once every name and URL is known to be good."""
    for name in (*read.default, *(name for route in read.routes for name in route.channels)):
        if name not in read.channels:
            raise _wrong(file, f"there is no channel {name!r} (there are: {', '.join(read.channels) or 'none'})")
    for name, url in read.channels.items():
        if not channels.is_valid(url):
            raise _wrong(file, f"channels.{name} is no URL that apprise understands")
    return read.channels


def _wrong(file: Path, what: str) -> SettingsError:
    return SettingsError(what, where=str(file), do="Mend the file, then run `lakehouse alerts routes`")
