"""The chart of all systems on the first screen: their names at the left, one line for each way to compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from deepfacegen.report import svg
from deepfacegen.report.values import CHANCE, Estimate, percent, with_interval

WIDE_PX = 560
ROW_PX, HEAD_PX = 35, 27
LEAST_LABELS_PX, LETTER_PX = 106, 8.4  # width of the names
MARKS = (("ungrouped", "any other person"), ("grouped", "another person of the same gender"))


@dataclass(frozen=True)
class Line:
    """One line: a system, how it was compared, and its accuracy, ungrouped and grouped by gender."""

    name: str
    how: str
    ungrouped: Estimate | None
    grouped: Estimate | None


def chart(groups: Sequence[tuple[str, Sequence[Line]]], described: str) -> str:
    """Groups of lines, each below its heading; in two widths, of which the page shows one. "" without any
    value."""
    groups = [(head, [s for s in lines if s.ungrouped or s.grouped]) for head, lines in groups]
    groups = [(head, lines) for head, lines in groups if lines]
    if not groups:
        return ""
    found = [e for _, lines in groups for s in lines for e in (s.ungrouped, s.grouped) if e]
    lowest = min(e.value if e.low is None else e.low for e in found)
    low = min(0.4, int(lowest * 10) / 10)
    said = "; ".join(f"{s.name}, {s.how}: {_said(s)}" for _, lines in groups for s in lines)
    return "".join(
        _draw(groups, low, f"{described}. {said}", kind, width)
        for kind, width in (("dots wide", WIDE_PX), ("dots narrow", svg.SMALL_PX))
    )


def _said(line: Line) -> str:
    values = zip(MARKS, (line.ungrouped, line.grouped), strict=True)
    return ", ".join(f"{name} {with_interval(e)}" for (_, name), e in values if e)


def _draw(
    groups: Sequence[tuple[str, Sequence[Line]]], low: float, described: str, kind: str, width: int
) -> str:
    longest = max(len(line.name) for _, lines in groups for line in lines)
    labels = min(max(LEAST_LABELS_PX, round(LETTER_PX * longest)), width // 2)
    bottom = sum(HEAD_PX + ROW_PX * len(lines) for _, lines in groups)
    every = 0.1 if width == WIDE_PX else 0.2
    quiet: dict[str, Any] = {"fontsize": svg.TEXT_PX, "color": svg.paint("quiet")}
    bold: dict[str, Any] = {"fontsize": svg.TEXT_PX + 1, "fontweight": "bold", "color": svg.paint("ink")}
    beside: dict[str, Any] = {"textcoords": "offset points", "annotation_clip": False}

    def draw(axes: Axes) -> None:
        axes.set_xlim(low, 1.0)
        axes.set_ylim(bottom, 0)
        top = 0
        for head, lines in groups:
            end = top + HEAD_PX + ROW_PX * len(lines)
            _uprights(axes, low, every, top + HEAD_PX, end)
            axes.annotate(head, (low, top + 17), (-labels, 0), **beside, **quiet)
            for k, line in enumerate(lines):
                y = top + HEAD_PX + ROW_PX * k
                axes.annotate(line.name, (low, y + 15), (-labels, 0), **beside, **bold)
                axes.annotate(line.how, (low, y + 29), (-labels, 0), **beside, **quiet)
                for level, (mark, name), e in zip(
                    (11, 24), MARKS, (line.ungrouped, line.grouped), strict=True
                ):
                    if e:
                        _dot(axes, mark, e, y + level, low, f"{line.name}, {line.how}, {name}")
            top = end
        ticks = round((1 - low) / every)
        for k in range(ticks + 1):
            value = 1 - every * k
            axes.text(value, bottom + 18, f"{percent(value, 0)} %", ha="center", **quiet)

    return svg.render(kind, described, width, bottom + 26, draw, (labels + 4, 20, 2, 24))


def _uprights(axes: Axes, low: float, every: float, top: int, bottom: int) -> None:
    """The grid and the line of chance, beside the lines of one group."""
    for k in range(round((1 - low) / every) + 1):
        value = 1 - every * k
        axes.plot([value, value], [top, bottom], color=svg.paint("line"), linewidth=1)
    x = [CHANCE, CHANCE]
    (zero,) = axes.plot(x, [top, bottom], color=svg.paint("mark"), linewidth=1.4, dashes=(2.5, 3))
    svg.annotate(zero, "zero", f"chance: {percent(CHANCE, 0)} %")


def _dot(axes: Axes, mark: str, e: Estimate, y: float, low: float, label: str) -> None:
    paint, width, _ = svg.LOOKS[mark]
    ends = [max(low, e.value if v is None else v) for v in (e.low, e.high)]
    text = f"{label}: {with_interval(e)}"
    (bar,) = axes.plot(ends, [y, y], color=svg.paint(paint), linewidth=width, solid_capstyle="round")
    svg.annotate(bar, mark, text)
    svg.marker(axes, mark, max(low, e.value), y, (8, 2), text)
