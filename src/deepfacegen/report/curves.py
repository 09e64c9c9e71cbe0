"""Charts of curves with bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from deepfacegen.report import svg
from deepfacegen.report.values import MINUS, Estimate, percent, with_interval


@dataclass(frozen=True)
class Series:
    """One curve: x [P], y [P] and, if it has a band, low and high [P]. `kind` is its CSS class."""

    kind: str
    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None

    @classmethod
    def of(cls, kind: str, name: str, points: Sequence[tuple[float, Estimate | None]]) -> Series:
        """The points that have an estimate, with a band of their intervals."""
        found = [(x, e) for x, e in points if e]
        low = [e.value if e.low is None else e.low for _, e in found]
        high = [e.value if e.high is None else e.high for _, e in found]
        return cls(kind, name, [x for x, _ in found], [e.value for _, e in found], low, high)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers, evenly spaced, that enclose a range."""
    top = high if high > low else low + 1
    return list(MaxNLocator(most - 1, steps=[1, 2, 2.5, 5, 10]).tick_values(low, top))


def line_chart(
    series: Sequence[Series],
    described: str,
    *,
    x_form: str,
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
    as_percent: bool = True,
    references: Sequence[Series] = (),
    training: bool = False,
) -> str:
    """Curves with bands, and dashed references. `x_form` names a place on the x axis ("{:g} faces"); the axes
    end at their outer ticks.

    A training curve is lower, and only its last point has a dot. Without any point there is no chart, but "".
    """
    series, references = [[s for s in found if len(s.x)] for found in (series, references)]
    if not series:
        return ""

    def end(s: Series, k: int) -> str:
        return (
            f"{with_interval(Estimate(s.y[k]), as_percent=as_percent, digits=3)} at {x_form.format(s.x[k])}"
        )

    parts = [f"{s.name}: from {end(s, 0)} to {end(s, -1)}" for s in (*series, *references)]
    text: dict[str, Any] = {
        "fontsize": svg.TEXT_PX,
        "color": svg.paint("quiet"),
        "textcoords": "offset points",
    }

    def draw(axes: Axes) -> None:
        first, last, floor = min(x_ticks), max(x_ticks), min(y_ticks)
        axes.set_xlim(first, last if last > first else first + 1)
        axes.set_ylim(floor, max(y_ticks))
        for value in y_ticks:
            axes.plot([first, last], [value, value], color=svg.paint("line"), linewidth=1)
            mark = f"{percent(value, 0)} %" if as_percent else f"{value:.3g}".replace("-", MINUS)
            axes.annotate(mark, (first, value), (-10, -4), ha="right", **text)
        for value in x_ticks:
            side, shift = ("left", -3) if value == first else ("right", 8) if value == last else ("center", 0)
            mark = x_form.format(value) if value == last else f"{value:g}"
            axes.annotate(mark, (value, floor), (shift, -20), ha=side, **text)
        for s in references:
            (line,) = axes.plot(s.x, s.y, color=svg.paint("mark"), linewidth=1.6, dashes=(2.5, 3))
            svg.annotate(line, s.kind, s.name)
        for s in series:
            _curve(axes, s, x_form, as_percent=as_percent, training=training)

    kind, height = ("curve", 150) if training else ("lines", 216)
    return svg.render(kind, f"{described}. {'; '.join(parts)}", svg.SMALL_PX, height, draw, (52, 16, 12, 30))


def _curve(axes: Axes, s: Series, x_form: str, *, as_percent: bool, training: bool) -> None:
    paint, width, _ = svg.LOOKS[s.kind]
    color = svg.paint(paint)
    if s.low is not None and s.high is not None:
        axes.fill_between(s.x, s.low, s.high, color=color, alpha=0.13, linewidth=0)
    (line,) = axes.plot(s.x, s.y, color=color, linewidth=1.8 if training else width, solid_joinstyle="round")
    svg.annotate(line, s.kind, s.name)
    for k in (len(s.x) - 1,) if training else range(len(s.x)):
        found = Estimate(s.y[k], s.low[k] if s.low else None, s.high[k] if s.high else None)
        text = with_interval(found, as_percent=as_percent, digits=3)
        svg.marker(axes, s.kind, s.x[k], s.y[k], (6, 1.6), f"{s.name}, {x_form.format(s.x[k])}: {text}")


def training_charts(steps: np.ndarray, curves: dict[str, np.ndarray]) -> list[tuple[str, str, float]]:
    """Steps [T], curves [T] by name -> (name, SVG, last value) of each; points that are not finite are left
    out, and so are curves without any."""
    charts = []
    for name, values in curves.items():
        here = np.isfinite(values)
        if not here.any():
            continue
        x, y = steps[here], values[here]
        low, high = float(y.min()), float(y.max())
        series = Series("centred", name, x.tolist(), y.tolist())
        chart = line_chart(
            [series],
            name,
            x_form="step {:g}",
            x_ticks=(0, max(float(steps.max()), 1.0)),
            y_ticks=(low, high) if high > low else (low - 0.5, low + 0.5),
            as_percent=False,
            training=True,
        )
        charts.append((name, chart, float(y[-1])))
    return charts
