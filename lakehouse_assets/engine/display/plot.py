"""A table's main measure by partition as a small picture: those that a run touched stand out."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from deltalake import DeltaTable, QueryBuilder

from lakehouse_assets.engine.grids import Grid, Partition, ordered, partition
from lakehouse_assets.engine.history.lake import Lake
from lakehouse_assets.engine.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_BARS = 90
LEAST_BARS = 14
"""Width of the picture of a table that holds only a few partitions."""
MOST_BYTES = 40_000

_QUIET, _STRONG, _TEXT, _GRID = "#a8c5e8", "#1f5fa8", "#333333", "#e6e6e6"
_INCHES, _DOTS_PER_INCH = (8.0, 2.6), 100
_MARGINS = {"left": 0.065, "right": 0.99, "bottom": 0.1, "top": 0.81}
_THOUSANDS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def totals(lake: Lake, table: Table, version: int, newest: Partition) -> dict[Partition, float]:
    """The measure's sum by partition: the last 90 up to the table's newest, or up to `newest` if that lies before.

    Source: the table as of a version, with its partition column and the measure, a number.
    """
    held = DeltaTable(lake.uri(table.key), version=version, storage_options=lake.storage_options())
    days = ordered(partition(day) for part in held.partitions() for day in part.values() if day)
    first, last = (table.grid.literal(day) for day in window(table.grid, days, newest))
    [by] = table.grid.columns
    summed = (
        f'SELECT "{by}" AS day, CAST(SUM("{table.measure}") AS DOUBLE) AS total FROM t'
        f' WHERE "{by}" BETWEEN {first} AND {last} GROUP BY "{by}" ORDER BY "{by}"'
    )
    found = QueryBuilder().register("t", held).execute(summed).read_all()
    by_day = zip(found.column("day").to_pylist(), found.column("total").to_pylist(), strict=True)
    return {day: total for day, total in by_day if total is not None}


def window(grid: Grid, days: Sequence[Partition], newest: Partition) -> tuple[Partition, Partition]:
    """First and last of the 90 partitions to show: the table's last ones, or those up to an older touched one."""
    last = max(days, default=newest, key=str)
    if str(newest) < str(back(grid, last, MOST_BARS - 1)):
        last = newest
    return back(grid, last, MOST_BARS - 1), last


def back(grid: Grid, day: Partition, steps: int) -> Partition:
    """The partition so many before it."""
    for _ in range(steps):
        day = grid.at(grid.span(day)[0] - timedelta(microseconds=1))
    return day


def markdown(grid: Grid, image: bytes) -> str:
    """A PNG as a Markdown picture that needs no file beside it."""
    return f"![last {MOST_BARS} {grid.unit}s](data:image/png;base64,{base64.b64encode(image).decode()})"


@cache
def prepare() -> Future[None]:
    """Loads the drawing library beside the caller's other work: it takes a second that only a plot is worth."""
    pool = ThreadPoolExecutor(1)
    loading = pool.submit(_load)
    pool.shutdown(wait=False)
    return loading


def _load() -> None:
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401


def png(grid: Grid, title: str, unit: str, totals: Mapping[Partition, float], touched: Collection[Partition]) -> bytes:
    """The bars as a PNG of 800 by 260 dots; `totals` holds at least one partition."""
    prepare().result()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH)
    figure.subplots_adjust(**_MARGINS)
    FigureCanvasAgg(figure)
    _draw(figure, grid, title, unit, totals, touched)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    return drawn.getvalue()


def _draw(
    figure: Figure,
    grid: Grid,
    title: str,
    unit: str,
    totals: Mapping[Partition, float],
    touched: Collection[Partition],
) -> None:
    axes = figure.add_subplot()
    colors = [_STRONG if day in touched else _QUIET for day in totals]
    days = [*grid.between(min(totals, key=str), max(totals, key=str))]
    places = {day: place for place, day in enumerate(days)}
    axes.bar([places[day] for day in totals], [*totals.values()], color=colors, width=0.8)
    axes.set_title(title, loc="left", fontsize=10, color=_TEXT, pad=18)
    axes.text(0, 1.04, unit, transform=axes.transAxes, fontsize=8, color=_TEXT)
    _label_axes(axes, days)
    _name_colors(axes, grid)


def _label_axes(axes: Axes, days: Sequence[Partition]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    newest = len(days) - 1
    axes.set_xlim(min(-1, newest - LEAST_BARS), newest + 1)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, prune="both"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda place, _: _name(days, place)))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.tick_params(labelsize=8, colors=_TEXT, length=0)
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def short(value: float) -> str:
    """A number in few characters: 12000 is `12 k`."""
    for factor, letter in _THOUSANDS:
        if abs(value) >= factor:
            return f"{value / factor:.4g} {letter}"
    return f"{value:.4g}"


def _name(days: Sequence[Partition], place: float) -> str:
    """Of a place left of the first bar nothing."""
    if not 0 <= place < len(days):
        return ""
    day = days[round(place)]
    return day if isinstance(day, str) else f"{day.day} {day:%b %Y}"


def _name_colors(axes: Axes, grid: Grid) -> None:
    from matplotlib.patches import Patch

    shades = [Patch(color=_STRONG, label=f"{grid.unit}s of this run"), Patch(color=_QUIET, label=f"other {grid.unit}s")]
    axes.legend(handles=shades, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=8)
