"""A home for one test, and the endpoints of services that are never started."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.services import endpoints
from lakehouse_assets.services.endpoints import Endpoints
from lakehouse_assets.services.home import Home
from lakehouse_assets.services.service import Site
from lakehouse_assets.services.supervisor import Supervisor
from lakehouse_assets.settings import Settings

SECRETS = {name: f"the-secret-{name}" for name in endpoints.CREDENTIALS}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def site(home: Home) -> Site:
    ports = {name: 20_000 + number for number, name in enumerate(sum(endpoints.PORTS.values(), ()))}
    return placed(home, Endpoints(ports, "THE-KEY", "the-secret", "the-cluster", SECRETS))


def placed(home: Home, kept: Endpoints) -> Site:
    """A site whose settings name the embedded services."""
    return Site(home, Settings(home=home.root).model_copy(update=kept.as_settings()), kept)


@pytest.fixture
def supervisor(home: Home) -> Supervisor:
    return Supervisor(home)
