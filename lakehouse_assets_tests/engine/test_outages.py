"""What is an outage, and what is an answer that somebody does not like."""

from __future__ import annotations

import pytest
from deltalake.exceptions import CommitFailedError, DeltaError

from lakehouse_assets.engine.outages import is_outage
from lakehouse_assets.engine.sources.kafka import TopicNotFoundError
from lakehouse_assets.engine.sources.landing import UnreadableError
from lakehouse_assets.errors import ContractError, UnavailableError

NO_ANSWER = (
    "Generic S3 error\n Error performing GET http://127.0.0.1:9/b in 2.3s, after 10 retries\n error sending request"
)
SAID = {"where": "it", "do": "Wait"}


@pytest.mark.parametrize(
    "error",
    [UnavailableError("no answer", **SAID), OSError(NO_ANSWER), DeltaError(NO_ANSWER), CommitFailedError(NO_ANSWER)],
)
def test_no_answer_is_an_outage(error):
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        UnreadableError("one file", **SAID),
        TopicNotFoundError("no topic", **SAID),
        ContractError("no contract", **SAID),
        OSError("Generic S3 error: 403 Forbidden"),
        DeltaError("invalid table version"),
        ValueError(NO_ANSWER),
    ],
)
def test_an_answer_is_none(error):
    assert not is_outage(error)
