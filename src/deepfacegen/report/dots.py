"""Charts of dots with intervals, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from deepfacegen.report import svg
from deepfacegen.report.values import Estimate, decimal, percent, with_interval, words

LABEL_PX = 23  # height of a row's label
REFERENCES = {"oracle": "mark", "upper_bound": "ink", "shuffled": "mark"}  # CSS class -> paint


@dataclass(frozen=True)
class Row:
    """One row of dots: (kind, value) each, and references, each beside the dot of a kind or, beside None,
    across the row.

    `names`: names of its kinds in the description, where not the same in all rows of a chart.
    """

    label: str
    dots: tuple[tuple[str, Estimate | None], ...]
    references: tuple[tuple[str, float | None, str | None], ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scale:
    """The axis of values, and the reference value `zero`."""

    low: float
    high: float
    step: float
    zero: float
    zero_name: str
    as_percent: bool = True

    def show(self, value: float) -> str:
        return percent(value, 0) + " %" if self.as_percent else decimal(value, 1 if self.step >= 0.1 else 2)


def accuracy_chart(
    rows: Sequence[Row], described: str, *, wide: bool = False, names: Mapping[str, str] | None = None
) -> str:
    """A dot chart from 40 %, or as low as an interval reaches, to 100 %, against chance; `names`: see
    `dot_chart`."""
    found = [e for row in rows for _, e in row.dots if e]
    lowest = min((e.value if e.low is None else e.low for e in found), default=0.4)
    scale = Scale(min(0.4, np.floor(lowest * 10) / 10), 1.0, 0.1, 0.5, "chance")
    return dot_chart(rows, scale, described, wide=wide, names=names)


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

    `names`: names of the kinds in the description, if not their own.
    """
    rows = [row for row in rows if any(found for _, found in row.dots)]
    if not rows:
        return ""
    rows = [replace(row, names={**(names or {}), **row.names}) for row in rows]
    parts = []
    for row in rows:
        dots = [(row.names.get(kind, kind), e) for kind, e in row.dots if e]
        values = (f"{name} {with_interval(e, as_percent=scale.as_percent)}" for name, e in dots)
        parts.append(f"{row.label}: {', '.join(values)}")
    text = f"{described}. {'; '.join(parts)}"
    if not wide:
        return _dots(rows, scale, text, "dots", svg.SMALL_PX)
    return "".join(
        _dots(rows, scale, text, kind, width)
        for kind, width in (("dots wide", svg.WIDE_PX), ("dots narrow", svg.SMALL_PX))
    )


def _dots(rows: Sequence[Row], scale: Scale, described: str, kind: str, width: int) -> str:
    lines = max(len(row.dots) for row in rows)
    step = 27 + 15 * lines
    bottom = step * len(rows)
    span = scale.high - scale.low
    every = scale.step if width == svg.WIDE_PX else scale.step * max(1, round(span / scale.step / 3))
    text: dict[str, Any] = {"ha": "center", "fontsize": svg.TEXT_PX, "color": svg.paint("quiet")}

    def draw(axes: Axes) -> None:
        axes.set_xlim(scale.low, scale.high)
        axes.set_ylim(bottom, 0)
        # Upright lines end below the label of each row, so that no label has a line in it.
        ends = [y for top in range(0, bottom, step) for y in (top + LABEL_PX, top + step, np.nan)][:-1]
        for value in np.arange(round(span / every) + 1) * every + scale.low:
            axes.plot([value] * len(ends), ends, color=svg.paint("line"), linewidth=1)
            axes.text(value, bottom + 19, scale.show(value), **text)
        x = [scale.zero] * len(ends)
        (zero,) = axes.plot(x, ends, color=svg.paint("mark"), linewidth=1.4, dashes=(2.5, 3))
        svg.annotate(zero, "zero", f"{scale.zero_name}: {scale.show(scale.zero)}")
        axes.text(scale.zero, -10, scale.zero_name, **text)
        for top, row in zip(range(0, bottom, step), rows, strict=True):
            bold: dict[str, Any] = {
                "fontsize": svg.TEXT_PX + 1,
                "fontweight": "bold",
                "color": svg.paint("ink"),
            }
            svg.annotate(axes.text(scale.low, top + 17, row.label, **bold), "label")
            level = {name: top + 32 + 15 * k for k, (name, _) in enumerate(row.dots)}
            for name, value, beside in row.references:
                if value is not None:
                    y = level[beside] if beside else top + 32 + 7.5 * (lines - 1)
                    _reference(axes, scale, name, value, y, 6.5 if beside else 6.5 * lines)
            for name, found in row.dots:
                if found:
                    _dot(axes, name, found, level[name], scale, f"{row.label}, {row.names.get(name, name)}")

    return svg.render(kind, described, width, bottom + 58, draw, (20, 26, 26, 32))


def _reference(axes: Axes, scale: Scale, name: str, value: float, y: float, half: float) -> None:
    value = min(max(value, scale.low), scale.high)
    color = svg.paint(REFERENCES[name])
    (line,) = axes.plot([value, value], [y - half, y + half], color=color, linewidth=3, solid_capstyle="butt")
    text = with_interval(Estimate(value), as_percent=scale.as_percent)
    svg.annotate(line, name, f"{words(name)}: {text}")


def _dot(axes: Axes, kind: str, found: Estimate, y: float, scale: Scale, label: str) -> None:
    paint, width, _ = svg.LOOKS[kind]
    low, value, high = (
        np.clip(v if v is not None else found.value, scale.low, scale.high)
        for v in (found.low, found.value, found.high)
    )
    tooltip = f"{label}: {with_interval(found, as_percent=scale.as_percent)}"
    (bar,) = axes.plot([low, high], [y, y], color=svg.paint(paint), linewidth=width, solid_capstyle="round")
    svg.annotate(bar, kind, tooltip)
    svg.marker(axes, kind, value, y, (8.5, 2), tooltip)
