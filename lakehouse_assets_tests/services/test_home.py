"""The state folder: private, with short socket paths, on a disk with room, for one command at a time."""

from __future__ import annotations

import os
import shutil
import stat
from collections import namedtuple
from pathlib import Path

import pytest

from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services import home as module
from lakehouse_assets.services.home import Home, write_private


def test_a_folder_that_was_open_is_closed(tmp_path):
    tmp_path.chmod(0o755)

    Home(tmp_path).folder("logs")

    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700


def test_a_file_where_a_folder_belongs_is_one_line(tmp_path):
    (tmp_path / "logs").touch()

    with pytest.raises(ServiceError, match="cannot make the folder") as raised:
        Home(tmp_path).folder("logs")

    assert "\n" not in str(raised.value)


def test_a_private_file_is_private_also_when_an_open_one_was_there(tmp_path):
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)

    write_private(path, "new")

    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_sockets_of_a_long_home_are_in_a_short_private_folder(tmp_path):
    home = Home(tmp_path / ("deep" * 30))

    sockets = home.sockets
    try:
        assert len(os.fsencode(sockets)) <= module.MAX_SOCKET_PATH_BYTES
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert sockets == home.sockets != Home(tmp_path / ("depp" * 30)).sockets
    finally:
        shutil.rmtree(sockets)
        shutil.rmtree(Home(tmp_path / ("depp" * 30)).sockets)


def test_sockets_of_a_short_home_are_in_it():
    assert len(os.fsencode(Path("/srv/lakehouse/run"))) <= module.MAX_SOCKET_PATH_BYTES


def test_a_full_disk_is_one_line_that_says_what_to_do(home, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 5 * 1024**2))

    with pytest.raises(ServiceError, match=r"only 5 MB are free.*Free at least 1024 MB") as raised:
        home.check_disk()

    assert "\n" not in str(raised.value)


def test_a_second_command_waits_and_then_says_who_holds_the_lock(home, monkeypatch):
    monkeypatch.setattr(module, "LOCK_TIMEOUT_SECONDS", 0.1)

    with home.lock(), pytest.raises(ServiceError, match="another lakehouse command"), home.lock():
        pass
    with home.lock():
        pass
