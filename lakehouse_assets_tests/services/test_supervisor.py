"""supervisord's configuration, and a state folder whose supervisor is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services.service import cause
from lakehouse_assets.services.supervisor import Program, render


def test_a_crashed_program_is_started_again_and_ends_with_its_children(home):
    text = render(home, [Program("one", ["/bin/sleep", "1"], Path("/"))])

    assert "[program:one]\ncommand=/bin/sleep 1\n" in text
    assert {"autorestart=true", "autostart=false", "stopasgroup=true", "killasgroup=true"} <= set(text.splitlines())
    assert "stdout_logfile_maxbytes=10MB" in text


def test_spaces_and_percent_signs_reach_the_program(home):
    text = render(home, [Program("one", ["/a b/c", "100%"], Path("/"), {"A": "50%"})])

    assert "command='/a b/c' 100%%\n" in text
    assert 'environment=A="50%%"\n' in text


def test_a_value_that_the_configuration_cannot_hold_is_refused(home):
    with pytest.raises(ServiceError, match="quotes"):
        render(home, [Program("one", ["/bin/true"], Path("/"), {"A": 'a"b'})])


def test_a_stale_pid_file_and_socket_are_recognised_and_removed(supervisor):
    supervisor.pid_file.write_text("1")
    supervisor.socket.touch()

    assert not supervisor.alive()
    assert supervisor.states() == {}
    supervisor.forget()
    assert not supervisor.pid_file.exists()
    assert not supervisor.socket.exists()


def test_the_cause_is_the_last_telling_line_of_the_log():
    log = ["starting", "ERROR Exiting: Address already in use", "\tat java.base/x", "Caused by nothing", "bye"]

    assert cause(log) == "its log says: ERROR Exiting: Address already in use"
    assert cause([]) == "its log says: its log is empty"
