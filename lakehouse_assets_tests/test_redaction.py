"""No error that leaves the project's code says a secret: Dagster would keep and show it."""

from __future__ import annotations

import json
import traceback

import pytest
from botocore.exceptions import ClientError
from dagster import DagsterInstance, job, op
from pyspark.errors import PySparkException

from lakehouse_assets.redaction import HIDDEN, remember, shielded

SECRET = "s3cr3t-of-a-test"


@pytest.fixture(autouse=True)
def known():
    remember([SECRET])


def noted() -> Exception:
    error = ValueError("bad")
    error.add_note(f"while it used {SECRET}")
    return error


FOREIGN = [
    ClientError({"Error": {"Code": "403", "Message": f"key {SECRET} is not known"}}, "GetObject"),
    PySparkException(f"option password={SECRET}"),
    OSError(5, f"cannot open s3://user:{SECRET}@host"),
    noted(),
]


@shielded()
def fail(error: Exception) -> None:
    """As a library does it: while it handles another error."""
    try:
        raise RuntimeError(f"first {SECRET}")
    except RuntimeError:
        raise error  # noqa: B904


@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
def test_errors_of_others_keep_their_type_and_lose_the_secret(error):
    """Their causes too, which a traceback shows."""
    with pytest.raises(type(error)) as raised:
        fail(error)
    shown = "".join(traceback.format_exception(raised.value))
    assert SECRET not in shown
    assert shown.count(HIDDEN) >= 2


def test_what_dagster_keeps_of_a_failed_step_has_no_secret():
    """As the UI shows it: message, cause and all."""

    @op
    def failing() -> None:
        with shielded():
            raise ConnectionError(f"no login with {SECRET}") from OSError(SECRET)

    @job
    def work() -> None:
        failing()

    with DagsterInstance.ephemeral() as instance:
        run = work.execute_in_process(instance=instance, raise_on_error=False)
        kept = [
            json.dumps(str(event.event_log_entry if hasattr(event, "event_log_entry") else event))
            for event in run.all_events
        ]
    assert any(HIDDEN in each for each in kept)
    assert not any(SECRET in each for each in kept)
