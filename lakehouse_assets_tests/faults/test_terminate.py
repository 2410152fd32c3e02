"""A run terminated from the UI: it ends as cancelled, and nothing is lost or counted twice."""

from __future__ import annotations

import json
import time
import urllib.request

import pytest
from dagster import DagsterRunStatus

from lakehouse_assets_tests.faults.site import Site, until

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(1200)]

ROWS = 1500
SECONDS_TO_END = 60.0
TERMINATE = 'mutation { terminateRun(runId: "%s") { __typename } }'


def ask(site: Site, query: str) -> str:
    """The type of the webserver's answer."""
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"{site.settings.dagster_url}/graphql", body, {"Content-Type": "application/json"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=60) as answer:
        return json.load(answer)["data"]["terminateRun"]["__typename"]


def test_a_run_terminated_from_the_ui(site):
    """The sensor's next run takes the batch up where the terminated one was."""
    known = set(site.runs())
    site.send(ROWS)
    run_id, _, _ = site.next_process(known)
    until(lambda: site.runs()[run_id].status == DagsterRunStatus.STARTED, 60, "the run to start")
    time.sleep(3)

    assert ask(site, TERMINATE % run_id) == "TerminateRunSuccess", site.phase(run_id)
    until(lambda: site.runs()[run_id].is_finished, SECONDS_TO_END, "the run to end")
    assert site.runs()[run_id].status == DagsterRunStatus.CANCELED, site.phase(run_id)
    site.assert_consistent()
