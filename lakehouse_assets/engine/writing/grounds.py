"""Whether a plan still has ground under it: what came since, up to the version that is committed from, and after."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from deltalake import DeltaTable

from lakehouse_assets.engine.history.lake import Lake, commits
from lakehouse_assets.engine.history.ledger import Commit
from lakehouse_assets.engine.writing import conflicts
from lakehouse_assets.errors import LossError

if TYPE_CHECKING:
    from lakehouse_assets.engine.writing.publication import Publication

_CONTENDING: Final = frozenset({"increment", "rebuild", "replay", "widened", "fence"})


def require_ground(lake: Lake, publication: Publication, table: DeltaTable) -> None:
    """Looks at all that came since the plan, up to the very version that is committed from."""
    read_up_to, newer = None, list[Commit]()
    while read_up_to != table.version():
        newer = _since(publication, commits(lake, table, publication.table.key))
        read_up_to = newer[0].version if newer else publication.before.version
    _require_unrivalled(publication, newer)


def require_standing(lake: Lake, publication: Publication) -> None:
    """Looks at what came since the plan; an acceptance may: it counts for the next batch."""
    _require_unrivalled(publication, _newer(lake, publication))


def is_next(lake: Lake, publication: Publication) -> bool:
    """Whether the table still stands where this was planned, whatever maintenance did."""
    newer = _newer(lake, publication)
    return not any(each.restored_to is not None or _is_rival(each, publication) for each in newer)


def confirm(lake: Lake, publication: Publication) -> Commit:
    """The commit of this run; compares the whole position, because a transaction version alone proves nothing.

    What a RESTORE that won the race left to follow on is not stated by it: the ledger reads past it.
    """
    wanted, newer = publication.statement, _newer(lake, publication)
    own = next(
        (
            each
            for each in newer
            if each.statement and each.statement.run_id == wanted.run_id and each.statement.kind == wanted.kind
        ),
        None,
    )
    _refuse_restored(publication, [each for each in newer if own is None or each.version < own.version])
    if own is None or own.statement is None or own.statement.position != wanted.position:
        raise conflicts.superseded(publication.table.key)
    return own


def _require_unrivalled(publication: Publication, newer: list[Commit]) -> None:
    _refuse_restored(publication, newer)
    if any(_is_rival(commit, publication) for commit in newer):
        raise conflicts.superseded(publication.table.key)


def _newer(lake: Lake, publication: Publication) -> list[Commit]:
    """The commits since the plan, newest first."""
    return _since(publication, lake.newly(publication.table.key).commits(publication.table.key))


def _since(publication: Publication, history: Iterable[Commit]) -> list[Commit]:
    return [*takewhile(lambda each: each.version > publication.before.version, history)]


def _refuse_restored(publication: Publication, newer: list[Commit]) -> None:
    for commit in newer:
        if commit.restored_to is not None:
            raise LossError(
                f"version {commit.version} is a RESTORE that came after this batch was planned: rows went back",
                where=publication.table.key,
                do=f"Run `lakehouse accept {publication.table.key}` to go on from the table's position",
            )


def _is_rival(commit: Commit, publication: Publication) -> bool:
    """Whether another plan than this one wrote rows; only what was planned from one ledger contends."""
    said = commit.statement
    if said is None or said.kind not in _CONTENDING:
        return False
    return not (said.kind == "widened" and said.run_id == publication.statement.run_id)
