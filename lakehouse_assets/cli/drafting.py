"""From an order to the files of its drafts, by layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from lakehouse_assets.cli import draft_answers, draft_views, drafts, fields
from lakehouse_assets.cli.fields import Column
from lakehouse_assets.cli.orders import Order
from lakehouse_assets.engine.grids import DAILY, UNPARTED, Grid
from lakehouse_assets.engine.table import Table
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.project import Project

Texts = dict[str, str]
_IN_FILES: Final = frozenset({"T.StringType", "T.DateType", "T.TimestampType"})


def bronze(order: Order, project: Project) -> Texts:
    """A source table, with the silver one over it."""
    found, grid = fields.columns(order.fields), drafts.GRID_OF.get(order.grid, DAILY)
    if order.drop:
        _check_files(order, found)
    write, origin = (drafts.drop, order.drop) if order.drop else (drafts.kafka, order.topic)
    silver_key = order.key.replace("bronze/", "silver/", 1)
    text = write(order.key, origin, found, grid)
    written = drafts.silver(silver_key, order.key, found, _grid(order, grid), bool(order.drop))
    test = drafts.silver_test(silver_key, found, _grid(order, grid), is_dated=True)
    return {
        _path(project, order.key): text,
        _test_path(project, order.key): drafts.bronze_test(order.key, found, grid, bool(order.drop)),
        _path(project, silver_key): written,
        _test_path(project, silver_key): test,
    }


def silver(order: Order, project: Project) -> Texts:
    """Events, or a dimension, of a source table that is there."""
    [source] = _tables(order, project)
    found, grid = fields.columns(order.fields), _grid(order, source.grid)
    is_of_files = "csv" in source.sources[0].origin_kinds
    if is_of_files:
        _check_files(order, found)
    return {
        _path(project, order.key): drafts.silver(order.key, source.key, found, grid, is_of_files),
        _test_path(project, order.key): drafts.silver_test(order.key, found, grid, is_dated=False),
    }


def gold(order: Order, project: Project) -> Texts:
    """Answers over tables that are there."""
    sources, grid = _tables(order, project), drafts.GRID_OF.get(order.grid, DAILY)
    draft_answers.check_answered(order.key, sources, grid)
    return {
        _path(project, order.key): draft_answers.gold(order.key, sources, grid, order.sql),
        _test_path(project, order.key): draft_answers.gold_test(order.key, sources, grid),
    }


def serve(order: Order, project: Project) -> Texts:
    """A view over a table that is there."""
    [source] = _tables(order, project)
    return {
        _path(project, order.key): draft_views.view(order.key, source),
        _test_path(project, order.key): draft_views.view_test(order.key, source),
    }


DRAFTS: Final[Mapping[str, Callable[[Order, Project], Texts]]] = {
    "bronze": bronze,
    "silver": silver,
    "gold": gold,
    "serve": serve,
}


def _grid(order: Order, below: Grid) -> Grid:
    return UNPARTED if order.is_dimension else below


def _check_files(order: Order, found: Sequence[Column]) -> None:
    """A line of a CSV file holds texts."""
    if wrong := [each.name for each in found if each.dtype.spark not in _IN_FILES]:
        raise LakehouseError(
            f"a CSV file holds texts, so {', '.join(wrong)} cannot be read as a number",
            where=order.key,
            do="Give text, date or timestamp; make numbers of them in the transform: "
            'F.col("Price").try_cast("decimal(18,2)")',
        )


def _tables(order: Order, project: Project) -> list[Table]:
    return [_table(order, project, key) for key in order.sources]


def _table(order: Order, project: Project, key: str) -> Table:
    """The table of this key, from its file.

    Raises:
        LakehouseError: there is no such file.
    """
    project.make_importable()
    layer = f"{project.package}.{key.split('/')[0]}"
    name = f"{layer}.{drafts.module_of(key)}"
    if find_spec(layer) is None or find_spec(name) is None:
        raise LakehouseError(
            f"there is no table {key}", where=order.key, do="`lakehouse catalog` lists the tables there are"
        )
    found: Table = import_module(name).table
    return found


def _path(project: Project, key: str) -> str:
    folder = (project.imports_from or project.root).relative_to(project.root) / project.package
    return str(folder / key.split("/")[0] / f"{drafts.module_of(key)}.py")


def _test_path(project: Project, key: str) -> str:
    return f"{project.tests}/{key.split('/')[0]}/test_{drafts.module_of(key)}.py"
