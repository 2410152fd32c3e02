"""An incident that somebody closes by hand, with a reason: it is told where its start was told, and forgotten.

What goes on failing begins a new incident at the next look that finds it so.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from lakehouse_assets.engine.alerts.incidents import Incident, Notice
from lakehouse_assets.engine.alerts.messages import Message, message, over, says
from lakehouse_assets.engine.alerts.outbox import Outbox, Outcome
from lakehouse_assets.errors import LakehouseError, UnavailableError

PATIENCE_SECONDS = 30.0


def close(outbox: Outbox, incident: str, reason: str, by: str, dagster_url: str = "") -> Incident:
    """Takes an incident out, by its id or the beginning of it; the incident.

    Raises:
        LakehouseError: there is no such incident, or several; or no reason is given.
        UnavailableError: the alerts' own round does not end.
    """
    if not reason.strip():
        raise LakehouseError(
            "no reason is given", where=f"incident {incident}", do="Say why it is closed: --reason TEXT"
        )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with outbox.turn() as mine:
            if mine:
                return _closed(outbox, incident, f"{reason.strip()} (closed by {by})", dagster_url)
        time.sleep(0.1)
    raise UnavailableError("another process is at the alerts", where="alerts", do="Try again in a moment")


def _closed(outbox: Outbox, asked: str, reason: str, dagster_url: str) -> Incident:
    before = outbox.incidents()
    found = _the_one(before, asked)
    after = {key: each for key, each in before.items() if key != found.id}
    told = ((_farewell(found, reason, dagster_url), found.first),) if found.told else ()
    outbox.commit(before, Outcome(after, told), None)
    return found


def _the_one(known: Mapping[str, Incident], asked: str) -> Incident:
    found = [each for key, each in known.items() if asked and key.startswith(asked)]
    if len(found) != 1:
        what = "there is no such incident" if not found else f"{len(found)} incidents begin so"
        raise LakehouseError(what, where=asked or "(none)", do="`lakehouse alerts` lists the open ones with their ids")
    return found[0]


def _farewell(incident: Incident, reason: str, dagster_url: str) -> Message:
    said = message(Notice("recovery", incident, time.time()), dagster_url)
    title = said.title.replace("[RECOVERED]", "[CLOSED]", 1).replace(over(incident), says(incident), 1)
    return replace(said, title=title, body=f"Reason: {reason}\n{said.body}")
