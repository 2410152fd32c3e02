"""A table's main measure by day as a small picture: the days a run touched stand out."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING

from deltalake import DeltaTable, QueryBuilder

from lakehouse_assets.engine.history.lake import Lake

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DAYS = 90
LEAST_DAYS = 14
"""Width of the picture of a table that holds only a few days."""
MOST_BYTES = 40_000

_QUIET, _STRONG, _TEXT, _GRID = "#a8c5e8", "#1f5fa8", "#333333", "#e6e6e6"
_INCHES, _DOTS_PER_INCH = (8.0, 2.6), 100
_MARGINS = {"left": 0.065, "right": 0.99, "bottom": 0.1, "top": 0.81}
_THOUSANDS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def daily(lake: Lake, key: str, measure: str, version: int, newest: date) -> dict[date, float]:
    """The measure's sum by day: the last 90 days up to the table's newest day, or up to `newest` if that lies before.

    Source: the table as of a version, with `event_date` and the measure, a number.
    """
    table = DeltaTable(lake.uri(key), version=version, storage_options=lake.storage_options())
    days = sorted(date.fromisoformat(day) for part in table.partitions() if (day := part["event_date"]))
    first, last = window(days, newest)
    summed = (
        f'SELECT event_date AS day, CAST(SUM("{measure}") AS DOUBLE) AS total FROM t'
        f" WHERE event_date BETWEEN DATE '{first}' AND DATE '{last}' GROUP BY event_date ORDER BY event_date"
    )
    found = QueryBuilder().register("t", table).execute(summed).read_all()
    totals = zip(found.column("day").to_pylist(), found.column("total").to_pylist(), strict=True)
    return {day: total for day, total in totals if total is not None}


def window(days: Collection[date], newest: date) -> tuple[date, date]:
    """First and last of the 90 days to show: the table's last ones, or those up to an older touched day."""
    last = max(days, default=newest)
    if newest <= last - timedelta(days=DAYS):
        last = newest
    return last - timedelta(days=DAYS - 1), last


def markdown(image: bytes) -> str:
    """A PNG as a Markdown picture that needs no file beside it."""
    return f"![last {DAYS} days](data:image/png;base64,{base64.b64encode(image).decode()})"


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


def png(title: str, unit: str, totals: Mapping[date, float], touched: Collection[date]) -> bytes:
    """The bars as a PNG of 800 by 260 dots; `totals` holds at least one day."""
    prepare().result()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH)
    figure.subplots_adjust(**_MARGINS)
    FigureCanvasAgg(figure)
    _draw(figure, title, unit, totals, touched)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    return drawn.getvalue()


def _draw(figure: Figure, title: str, unit: str, totals: Mapping[date, float], touched: Collection[date]) -> None:
    axes = figure.add_subplot()
    colors = [_STRONG if day in touched else _QUIET for day in totals]
    axes.bar([_number(day) for day in totals], [*totals.values()], color=colors, width=0.8)
    axes.set_title(title, loc="left", fontsize=10, color=_TEXT, pad=18)
    axes.text(0, 1.04, unit, transform=axes.transAxes, fontsize=8, color=_TEXT)
    _label_axes(axes, [*totals])
    _name_colors(axes)


def _label_axes(axes: Axes, days: Sequence[date]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    newest = _number(max(days))
    axes.set_xlim(min(_number(min(days)) - 1, newest - LEAST_DAYS), newest + 1)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, prune="both"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: _name(number)))
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


def _number(day: date) -> float:
    return float(day.toordinal())


def _name(number: float) -> str:
    day = date.fromordinal(round(number))
    return f"{day.day} {day:%b %Y}"


def _name_colors(axes: Axes) -> None:
    from matplotlib.patches import Patch

    shades = [Patch(color=_STRONG, label="days of this run"), Patch(color=_QUIET, label="other days")]
    axes.legend(handles=shades, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=8)
