"""`lakehouse alerts`: what is open, what waits, who is told; and a test message that really arrives."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from lakehouse_assets.cli import app
from lakehouse_assets.engine.alerts import rounds
from lakehouse_assets.engine.alerts.conditions import Condition
from lakehouse_assets.engine.alerts.incidents import Rules, step
from lakehouse_assets.engine.alerts.messages import message
from lakehouse_assets.engine.alerts.outbox import Outcome
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.alerts.receivers import Hook, Mail

SECRETS = ("S3cretToken", "team@example.org")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def route(home, mail: Mail, hook: Hook) -> None:
    channels = f'default = ["mail", "hook"]\n[channels]\nmail = "{mail.url}"\nhook = "{hook.url}"\n'
    (home / "alerts.toml").write_text(
        channels + '[[routes]]\nowner = "team:*"\nchannels = ["mail"]\nremind_hours = 4\n'
    )


def test_a_test_message_says_which_channel_took_it(home):
    """Exit code 1 when one did not; no secret in what is said."""
    with Mail().up() as mail:
        down = Hook()
        route(home, mail, down)
        said = CliRunner().invoke(app, ["alerts", "test"])
        assert said.exit_code == 1
        assert said.output.splitlines()[0] == "mail: accepted"
        assert said.output.splitlines()[1].startswith("hook: not accepted: ")
        assert mail.titles == ["[TEST] lakehouse alerts"]
        with down.up():
            assert CliRunner().invoke(app, ["alerts", "test", "--channel", "hook"]).exit_code == 0
        assert down.titles == ["[TEST] lakehouse alerts"]
    assert not any(secret in said.output for secret in SECRETS)


def test_an_unknown_channel_is_refused(home):
    route(home, Mail(), Hook())
    found = CliRunner().invoke(app, ["alerts", "test", "--channel", "pager"])
    assert isinstance(found.exception, LakehouseError)
    assert "Give one of: mail, hook" in str(found.exception)


def test_routes_are_shown_without_secrets(home):
    route(home, Mail(), Hook())
    shown = CliRunner().invoke(app, ["alerts", "routes"]).output
    assert "mailto://***" in shown
    assert "team:*" in shown
    assert "every 4 h" in shown
    assert not any(secret in shown for secret in SECRETS)


def test_open_incidents_and_waiting_messages_are_listed(home):
    """Without a file of routes it says that nobody is told."""
    settings = load()
    outbox = rounds.outbox_of(settings)
    assert "Nobody is told" in CliRunner().invoke(app, ["alerts"]).output

    failing = Condition("k", True, 0.0, subject="gold/x/y", says="amount ge 0 fails", partition="2017-03-01")
    found, notices = step({}, [failing], 1.0, Rules())
    told = tuple((message(each, ""), each.incident.first) for each in notices)
    outbox.commit({}, Outcome(found, told), lambda _condition: ["mail"])
    waiting = outbox.waiting()[0]
    outbox.failed(waiting, "connection refused", 0.0)

    shown = CliRunner().invoke(app, ["alerts"]).output
    for part in (
        "Open incidents: 1",
        next(iter(found))[:6],
        "gold/x/y: amount ge 0 fails",
        "2017-03-01",
        "Waiting to be sent: 1",
        "refused",
    ):
        assert part in shown


def test_an_incident_is_closed_by_hand_with_a_reason(home):
    """Told where its start was told, once a round has routed it; what was never told ends in silence."""
    outbox = rounds.outbox_of(load())
    failing = [
        Condition(name, True, 0.0, subject=f"gold/x/{name}", says="a fails", over="a passes again") for name in "yz"
    ]
    found, notices = step({}, failing, 1.0, Rules())
    told = tuple((message(each, ""), each.incident.first) for each in notices)
    outbox.commit({}, Outcome(found, told), lambda _condition: ["mail"])
    one, two = found

    for words in (["close", one[:6], "--reason", " "], ["close", "nope", "--reason", "x"]):
        assert isinstance(CliRunner().invoke(app, ["alerts", *words]).exception, LakehouseError)
    said = CliRunner().invoke(app, ["alerts", "close", one[:6], "--reason", "the rule was wrong"])
    assert said.exit_code == 0
    assert "is closed: gold/x/y: a fails." in said.output
    assert [*outbox.incidents()] == [two]

    outbox.commit(found, Outcome(outbox.incidents()), lambda _condition: [])
    last = outbox.waiting()[-1].message
    assert last.title == "[CLOSED] gold/x/y: a fails"
    assert last.body.startswith("Reason: the rule was wrong (closed by ")
    assert (last.incident, last.phase) == (one, "recovery")
