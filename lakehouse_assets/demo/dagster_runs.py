"""Asks the running Dagster webserver which runs failed, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from lakehouse_assets.engine.orchestration import webserver
from lakehouse_assets.errors import UnavailableError

FAILED_RUNS: Final = """query ($since: Float!) {
  runsOrError(filter: {statuses: [FAILURE], updatedAfter: $since}, limit: 20) {
    ... on Runs { results { runId jobName endTime } }
  }
}"""
RUN_ERRORS: Final = """query ($run: ID!) {
  logsForRun(runId: $run, limit: 5000) {
    ... on EventConnection { events {
      ... on ExecutionStepFailureEvent { error { message errorChain { error { message } } } }
      ... on RunFailureEvent { message error { message errorChain { error { message } } } }
    } }
  }
}"""


@dataclass(frozen=True)
class FailedRun:
    """A run that failed."""

    run_id: str
    job: str


def failed_runs(dagster_url: str, since: float) -> list[FailedRun]:
    """Runs that failed after a time in seconds since 1970; none while the webserver does not answer."""
    data = _ask(dagster_url, FAILED_RUNS, {"since": since})
    found = (data.get("runsOrError") or {}).get("results") or []
    return [FailedRun(run["runId"], run["jobName"]) for run in found]


def reason(dagster_url: str, run: FailedRun) -> str:
    """The innermost error of a failed run, on one line."""
    data = _ask(dagster_url, RUN_ERRORS, {"run": run.run_id})
    events = (data.get("logsForRun") or {}).get("events") or []
    texts = [text for event in events if (text := _message(event))]
    return texts[0] if texts else "Dagster states no reason"


def _message(event: dict[str, Any]) -> str:
    error = event.get("error") or {}
    chain = [error.get("message"), *(link["error"]["message"] for link in error.get("errorChain") or [])]
    texts = [text for text in (*chain, event.get("message")) if text]
    known = [text for text in texts if "errors." in text]
    innermost = (known or [text for text in texts if text][-2:-1] or texts or [""])[0]
    return " ".join(innermost.split())[:400]


def _ask(dagster_url: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    try:
        return webserver.ask(dagster_url, query, variables)
    except UnavailableError:
        return {}
