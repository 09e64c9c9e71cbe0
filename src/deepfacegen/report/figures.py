"""The two kinds of charts on the page: dots with intervals, row by row, and curves with bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from deepfacegen.report import chart
from deepfacegen.report.values import MINUS, Estimate, decimal, percent, said

TEXT_PX = 12.5
# Natural widths: one for a card of its own, one for a phone or a place beside others. Text of either is read
# at about its natural size.
WIDE_PX, SMALL_PX = 720, 320
# kind -> paint, width of the line, whether the dot is hollow. Hollow and thin is plain, full and thick is
# centred, full and thin the system's own: told apart without colour, too.
LOOKS = {
    "plain": ("accent", 1.4, True),
    "centred": ("accent", 3.0, False),
    "features": ("ink", 1.4, False),
    **{f"run{k}": (f"run{k}", 2.2, k % 2 == 0) for k in range(1, 7)},
}
REFERENCES = {"oracle": "mark", "upper_bound": "ink", "shuffled": "mark"}


@dataclass(frozen=True)
class Row:
    """One row of dots: (kind, value) each, and references, each beside the dot of a kind or, beside None,
    across the row.

    `names`: what its kinds are called when read out, where that is not the same in all rows of a chart.
    """

    label: str
    dots: tuple[tuple[str, Estimate | None], ...]
    references: tuple[tuple[str, float | None, str | None], ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scale:
    """The axis of values, and the one value against which all are read."""

    low: float
    high: float
    step: float
    zero: float
    zero_name: str
    as_percent: bool = True

    def show(self, value: float) -> str:
        return percent(value, 0) + " %" if self.as_percent else decimal(value, 1 if self.step >= 0.1 else 2)


def accuracy_scale(found: Sequence[Estimate | None]) -> Scale:
    """From 40 %, or as low as an interval reaches, to 100 %."""
    lowest = min((e.value if e.low is None else e.low for e in found if e), default=0.4)
    return Scale(min(0.4, np.floor(lowest * 10) / 10), 1.0, 0.1, 0.5, "chance")


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers, evenly spaced, that enclose a range."""
    return list(
        MaxNLocator(most - 1, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high if high > low else low + 1)
    )


@dataclass(frozen=True)
class Series:
    """One curve: x [P], y [P] and, if it has a band, low and high [P]. `kind` decides how it looks; `name` is
    read out."""

    kind: str
    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


def dot_chart(
    rows: Sequence[Row],
    scale: Scale,
    described: str,
    *,
    wide: bool = False,
    names: Mapping[str, str] | None = None,
) -> str:
    """Dots with intervals against references. A wide chart comes twice, once for narrow screens; the page
    shows one of them.

    `names`: what kinds are called when read out, if not by themselves.
    """
    rows = [row for row in rows if any(found for _, found in row.dots)]
    if not rows:
        return ""
    rows = [replace(row, names={**(names or {}), **row.names}) for row in rows]
    told = [
        f"{row.label}: {', '.join(f'{row.names.get(kind, kind)} {said(e, as_percent=scale.as_percent)}' for kind, e in row.dots if e)}"
        for row in rows
    ]
    words = f"{described}. {'; '.join(told)}"
    if wide:
        return _dots(rows, scale, words, "dots wide", WIDE_PX) + _dots(
            rows, scale, words, "dots narrow", SMALL_PX
        )
    return _dots(rows, scale, words, "dots", SMALL_PX)


def _dots(rows: Sequence[Row], scale: Scale, words: str, kind: str, width: int) -> str:
    lines = max(len(row.dots) for row in rows)
    step = 27 + 15 * lines
    height = step * len(rows) + 58

    def draw(axes: Axes) -> None:
        axes.set_xlim(scale.low, scale.high)
        axes.set_ylim(step * len(rows), 0)
        bottom = step * len(rows)
        every = (
            scale.step
            if width == WIDE_PX
            else scale.step * max(1, round((scale.high - scale.low) / scale.step / 3))
        )
        for value in np.arange(round((scale.high - scale.low) / every) + 1) * every + scale.low:
            axes.plot([value, value], [0, bottom], color=chart.paint("line"), linewidth=1)
            axes.text(
                value,
                bottom + 19,
                scale.show(value),
                ha="center",
                fontsize=TEXT_PX,
                color=chart.paint("quiet"),
            )
        (zero,) = axes.plot(
            [scale.zero, scale.zero], [-4, bottom], color=chart.paint("mark"), linewidth=1.4, dashes=(2.5, 3)
        )
        chart.tell(zero, "zero", f"{scale.zero_name}: {scale.show(scale.zero)}")
        axes.text(scale.zero, -10, scale.zero_name, ha="center", fontsize=TEXT_PX, color=chart.paint("quiet"))
        for i, row in enumerate(rows):
            top = step * i
            label = axes.text(
                scale.low,
                top + 17,
                row.label,
                fontsize=TEXT_PX + 1,
                fontweight="bold",
                color=chart.paint("ink"),
            )
            chart.tell(label, "label")
            level = {name: top + 32 + 15 * k for k, (name, _) in enumerate(row.dots)}
            for name, value, beside in row.references:
                if value is not None:
                    _reference(
                        axes,
                        scale,
                        name,
                        value,
                        level[beside] if beside else (top + 32 + 7.5 * (lines - 1)),
                        6.5 if beside else 6.5 * lines,
                    )
            for name, found in row.dots:
                if found:
                    _dot(axes, name, found, level[name], scale, f"{row.label}, {row.names.get(name, name)}")

    return chart.svg(kind, words, width, height, draw, (20, 26, 26, 32))


def _reference(axes: Axes, scale: Scale, name: str, value: float, y: float, half: float) -> None:
    value = min(max(value, scale.low), scale.high)
    (line,) = axes.plot(
        [value, value],
        [y - half, y + half],
        color=chart.paint(REFERENCES[name]),
        linewidth=3,
        solid_capstyle="butt",
    )
    chart.tell(line, name, f"{name}: {percent(value) + ' %' if scale.as_percent else decimal(value, 2)}")


def _dot(axes: Axes, kind: str, found: Estimate, y: float, scale: Scale, label: str) -> None:
    paint, width, hollow = LOOKS[kind]
    low, value, high = (
        np.clip(v if v is not None else found.value, scale.low, scale.high)
        for v in (found.low, found.value, found.high)
    )
    words = f"{label}: {said(found, as_percent=scale.as_percent)}"
    (bar,) = axes.plot([low, high], [y, y], color=chart.paint(paint), linewidth=width, solid_capstyle="round")
    chart.tell(bar, kind, words)
    (dot,) = axes.plot(
        [value], [y], "o", markersize=8.5, color=chart.paint("card" if hollow else paint), markeredgewidth=2
    )
    dot.set_markeredgecolor(chart.paint(paint))
    chart.tell(dot, kind, words)


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

    def show(value: float) -> str:
        return said(Estimate(value), as_percent=as_percent, digits=3)

    told = [
        f"{s.name}: from {show(s.y[0])} at {x_form.format(s.x[0])} to {show(s.y[-1])} at {x_form.format(s.x[-1])}"
        for s in (*series, *references)
    ]
    grey: dict[str, Any] = {"fontsize": TEXT_PX, "color": chart.paint("quiet"), "textcoords": "offset points"}

    def draw(axes: Axes) -> None:
        first, last, floor = min(x_ticks), max(x_ticks), min(y_ticks)
        axes.set_xlim(first, last if last > first else first + 1)
        axes.set_ylim(floor, max(y_ticks))
        for value in y_ticks:
            axes.plot([first, last], [value, value], color=chart.paint("line"), linewidth=1)
            mark = f"{percent(value, 0)} %" if as_percent else f"{value:.3g}".replace("-", MINUS)
            axes.annotate(mark, (first, value), (-10, -4), ha="right", **grey)
        for value in x_ticks:
            place, shift = (
                ("left", -3) if value == first else ("right", 8) if value == last else ("center", 0)
            )
            axes.annotate(
                x_form.format(value) if value == last else f"{value:g}",
                (value, floor),
                (shift, -20),
                ha=place,
                **grey,
            )
        for s in references:
            (line,) = axes.plot(s.x, s.y, color=chart.paint("mark"), linewidth=1.6, dashes=(2.5, 3))
            chart.tell(line, s.kind, s.name)
        for s in series:
            _curve(axes, s, x_form, as_percent=as_percent, training=training)

    kind, height = ("curve", 150) if training else ("lines", 216)
    return chart.svg(kind, f"{described}. {'; '.join(told)}", SMALL_PX, height, draw, (52, 16, 12, 30))


def _curve(axes: Axes, s: Series, x_form: str, *, as_percent: bool, training: bool) -> None:
    paint, width, hollow = LOOKS[s.kind]
    if s.low is not None and s.high is not None:
        axes.fill_between(s.x, s.low, s.high, color=chart.paint(paint), alpha=0.13, linewidth=0)
    (line,) = axes.plot(
        s.x, s.y, color=chart.paint(paint), linewidth=1.8 if training else width, solid_joinstyle="round"
    )
    chart.tell(line, s.kind, s.name)
    for k in (len(s.x) - 1,) if training else range(len(s.x)):
        (dot,) = axes.plot(
            [s.x[k]],
            [s.y[k]],
            "o",
            markersize=6,
            color=chart.paint("card" if hollow else paint),
            markeredgewidth=1.6,
        )
        dot.set_markeredgecolor(chart.paint(paint))
        interval = Estimate(s.y[k], s.low[k] if s.low else None, s.high[k] if s.high else None)
        chart.tell(
            dot,
            s.kind,
            f"{s.name}, {x_form.format(s.x[k])}: {said(interval, as_percent=as_percent, digits=3)}",
        )


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
        ticks = (low, high) if high > low else (low - 0.5, low + 0.5)
        series = Series("centred", name, x.tolist(), y.tolist())
        drawn = line_chart(
            [series],
            name,
            x_form="step {:g}",
            x_ticks=(0, max(float(steps.max()), 1.0)),
            y_ticks=ticks,
            as_percent=False,
            training=True,
        )
        charts.append((name, drawn, float(y[-1])))
    return charts
