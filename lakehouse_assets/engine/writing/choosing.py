"""Which of the two writers takes a publication: by what kind of rows it has, how many, how large, and where they go."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.sessions import SMALL_RECORDS
from lakehouse_assets.engine.writing import grounds, meeting_rows, writers
from lakehouse_assets.engine.writing.delta import Target
from lakehouse_assets.engine.writing.rows import Rows, fits
from lakehouse_assets.engine.writing.writers import Writer

if TYPE_CHECKING:
    from lakehouse_assets.engine.writing.publication import Publication


def writer(target: Target, publication: Publication) -> Writer:
    """Of rows that may be there already Spark looks at each; of others it is enough that nobody else wrote them."""
    lake, near = target.lake, target.lake.settings.near_rows
    stands = partial(grounds.require_ground, lake, publication)
    if publication.mode == "replace" and not publication.statement.days:
        return writers.sayer_of(target, stands, near=near > 0)
    may_be_there = publication.mode == "append" and not publication.is_all_new
    few = near > 0 and not may_be_there and _are_few(publication, near) and _may_meet(lake, publication)
    return writers.writer_of(target, Rows(publication.rows, publication.here), stands, few=few)


def _are_few(publication: Publication, near: int) -> bool:
    """Of many that are not here it is asked how large they are, before they are."""
    if publication.here is not None:
        return True
    rows = publication.audit.good_rows
    if rows > near:
        return False
    return rows <= SMALL_RECORDS or (publication.computed is not None and fits(publication.computed))


def _may_meet(lake: Lake, publication: Publication) -> bool:
    """Whether this process may look for the rows that those of a merge meet."""
    if publication.mode != "merge" or publication.audit.good_rows <= meeting_rows.MOST_NAMED:
        return True
    return lake.rows_in(publication.table.key, publication.statement.days) <= meeting_rows.MOST_READ
