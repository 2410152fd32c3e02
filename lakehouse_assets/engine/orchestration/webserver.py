"""The Dagster webserver as a client sees it: one GraphQL question, past any proxy."""

from __future__ import annotations

import json
import urllib.request
from typing import Any, Final
from urllib.error import HTTPError

from lakehouse_assets.errors import UnavailableError

TIMEOUT_SECONDS: Final = 30.0


def ask(dagster_url: str, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    """The answer's `data`.

    Raises:
        UnavailableError: the webserver does not answer, or not with data.
    """
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    request = urllib.request.Request(f"{dagster_url}/graphql", body, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            said: dict[str, Any] = json.load(answer)
    except HTTPError as error:
        raise _unavailable(dagster_url, f"{error}: {error.read().decode(errors='replace')[:300]}") from error
    except (OSError, ValueError) as error:
        raise _unavailable(dagster_url, str(error)) from error
    if not said.get("data"):
        raise _unavailable(dagster_url, str(said.get("errors"))[:300])
    data: dict[str, Any] = said["data"]
    return data


def reload(dagster_url: str) -> None:
    """Has the definitions loaded anew, as the UI's button does.

    Raises:
        UnavailableError: the webserver does not answer.
    """
    ask(dagster_url, "mutation { reloadWorkspace { __typename } }")


def _unavailable(dagster_url: str, why: str) -> UnavailableError:
    return UnavailableError(f"no answer ({why})", where=f"Dagster {dagster_url}", do="Start it by `lakehouse up`")
