"""Alerts of the whole lakehouse: bad records are told by mail and webhook once, and once more when it is over.

The webhook is down when it starts, and the daemon and the code server, in which the alerts run, are killed meanwhile.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter

import pytest
from deltalake import DeltaTable

from lakehouse_assets_tests.engine.alerts.receivers import Hook, Mail, Receiver
from lakehouse_assets_tests.faults.site import Site, until

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(1200)]

ROWS = 2000
FEW_ROWS = 5
"""So few that most batches of them are clean."""
MOST_BATCHES = 6
SECONDS_TO_TELL = 240.0
SECONDS_TO_MARK = 1.0
"""A kill between a delivery and its mark would repeat it, rightly."""
HOLD_SECONDS = 20.0
ROUTES = 'default = ["mail", "hook"]\n[channels]\nmail = "{mail}"\nhook = "{hook}"\n'
SILVER = "silver/sales/transactions"


@pytest.fixture
def routes(site: Site):
    file = site.settings.home / "alerts.toml"
    yield file
    file.unlink(missing_ok=True)


def test_bad_records_are_told_once_and_once_more_when_it_is_over(site: Site, routes):
    hook = Hook()
    with Mail().up() as mail:
        routes.write_text(ROUTES.format(mail=mail.url, hook=hook.url))
        site.send(ROWS)
        until(lambda: starts(mail, SILVER), SECONDS_TO_TELL, "a mail about silver")
        time.sleep(SECONDS_TO_MARK)
        for program in ("daemon", "code"):
            os.kill(site.stack.pid(program), signal.SIGKILL)
        site.wait_caught_up()
        assert quarantined(site) > 0
        with hook.up():
            until(lambda: starts(hook, SILVER), SECONDS_TO_TELL, "the webhook to get what waited")
            calm_down(site, mail)
            until(lambda: {*hook.ids} == {*mail.ids}, SECONDS_TO_TELL, "both to have the same")
    sys.stdout.write("\n" + "\n".join(mail.titles) + "\n\n" + mail.bodies[0] + "\n")
    for channel in (mail, hook):
        assert one_of_each(channel)
    site.assert_consistent()


def calm_down(site: Site, mail: Mail) -> None:
    """Few records at a time, until every incident is over."""
    for _ in range(MOST_BATCHES):
        site.send(FEW_ROWS)
        site.wait_caught_up()
        time.sleep(2 * HOLD_SECONDS)
        if is_over(mail):
            return
    until(lambda: is_over(mail), SECONDS_TO_TELL, "every incident to be over")


def starts(channel: Receiver, table: str) -> list[str]:
    return [title for title in channel.titles if title.startswith(("[WARN]", "[ERROR]")) and table in title]


def is_over(channel: Receiver) -> bool:
    begun = {each.rpartition("-")[0] for each in channel.ids if each.endswith("-start")}
    return begun == {each.rpartition("-")[0] for each in channel.ids if each.endswith("-recovery")}


def one_of_each(channel: Receiver) -> bool:
    """Each incident's start, then its recovery; nothing arrived twice."""
    phases: dict[str, list[str]] = {}
    for each in channel.ids:
        incident, _, phase = each.rpartition("-")
        phases.setdefault(incident, []).append(phase)
    repeated = [each for each, times in Counter(channel.ids).items() if times > 1]
    assert not repeated
    return bool(phases) and all(said == ["start", "recovery"] for said in phases.values())


def quarantined(site: Site) -> int:
    address = f"s3://{site.settings.bucket}/{SILVER}_quarantine"
    return DeltaTable(address, storage_options=site.storage_options).count()
