"""Matplotlib charts as inline SVG that takes its colours and its font from the page."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from html import escape

import matplotlib.style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# One unit of a chart is one point of matplotlib's and, at natural size, one pixel of the page.
POINTS_PER_INCH = 72
# Named like CSS variables of the page. Matplotlib gets a stand-in colour, which the variable then replaces.
PAINTS = ("ink", "quiet", "line", "accent", "soft", "card", "mark", *(f"run{k}" for k in range(1, 7)))
_STAND_INS = {name: f"#01{k:02x}01" for k, name in enumerate(PAINTS)}
# Independent of anybody's matplotlibrc; text stays text, and a dollar in somebody's name stays a dollar.
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "deepfacegen",
    "text.parse_math": False,
    "path.simplify": False,
}
TEXT_PX = 12.5
# Natural widths: for a card of its own, and for a phone or a panel.
WIDE_PX, SMALL_PX = 720, 320
# CSS class -> paint, width of the line, whether the dot is hollow: distinct without colour, too.
LOOKS = {
    "plain": ("accent", 1.4, True),
    "centred": ("accent", 3.0, False),
    "features": ("ink", 1.4, False),
    "ungrouped": ("run1", 2.2, False),
    "grouped": ("run2", 2.2, True),
    **{f"run{k}": (f"run{k}", 2.2, k % 2 == 0) for k in range(1, 7)},
}
_SVG, _HREF, _OWN = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href", "own:"


def paint(name: str) -> str:
    """The colour for matplotlib that becomes the page's `--<name>`."""
    return _STAND_INS[name]


def annotate(artist: Artist, kind: str, tooltip: str = "") -> None:
    """Give an artist a CSS class, and a tooltip."""
    artist.set_gid(f"{_OWN}{kind}|{tooltip}")


def marker(axes: Axes, kind: str, x: float, y: float, size: tuple[float, float], tooltip: str) -> None:
    """One dot; `size`: diameter and width of its edge, in points."""
    name, _, hollow = LOOKS[kind]
    color = paint("card" if hollow else name)
    (dot,) = axes.plot([x], [y], "o", markersize=size[0], color=color, markeredgewidth=size[1])
    dot.set_markeredgecolor(paint(name))
    annotate(dot, kind, tooltip)


def render(
    kind: str,
    described: str,
    width: int,
    height: int,
    draw: Callable[[Axes], None],
    margins: tuple[int, int, int, int],
) -> str:
    """Empty axes within margins (left, right, top, bottom; units), filled by `draw` -> inline SVG.

    Deterministic. `described` is the accessible description (aria-label); `kind` becomes a CSS class.
    """
    left, right, top, bottom = margins
    with matplotlib.style.context([_STYLE], after_reset=True):
        figure = Figure(figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH), dpi=POINTS_PER_INCH)
        axes = figure.add_axes(
            (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
        )
        axes.set_axis_off()
        draw(axes)
        for artist in axes.get_children():
            artist.set_clip_on(False)
        buffer = io.StringIO()
        figure.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")),
        )
    tree = ET.fromstring(buffer.getvalue())
    shapes = {path.get("id", ""): path.get("d", "") for path in tree.iter(f"{_SVG}path") if path.get("id")}
    inside = "".join(_element(child, shapes) for child in tree)
    for name, stand_in in _STAND_INS.items():
        inside = inside.replace(stand_in, f"var(--{name})")
    start = f'<svg class="{escape(kind)}" viewBox="0 0 {width} {height}" role="img"'
    return f'{start} aria-label="{escape(described)}">{inside}</svg>'


def _element(found: ET.Element, shapes: Mapping[str, str]) -> str:
    """An element without ids and empty groups, with numbers to a tenth of a unit."""
    tag, style = found.tag.removeprefix(_SVG), _style(found.get("style", ""))
    if tag == "g":
        inside = "".join(_element(child, shapes) for child in found)
        name = found.get("id", "")
        if not inside or not name.startswith(_OWN):
            return inside
        kind, _, tooltip = name.removeprefix(_OWN).partition("|")
        title = f"<title>{escape(tooltip)}</title>" if tooltip else ""
        return f'<g class="{escape(kind)}">{title}{inside}</g>'
    if tag == "path":
        d = found.get("d", "")
        return f'<path d="{_rounded(d)}" style="{style}"/>' if "L" in d and style != "fill:none" else ""
    if tag == "use":
        x, y = (_rounded(found.get(axis, "")) for axis in "xy")
        d = shapes[found.get(_HREF, "").removeprefix("#")]
        if "C" in d:  # the only curved marker is the circle, whose path starts right below its centre
            return f'<circle cx="{x}" cy="{y}" r="{_rounded(d.split()[2])}" style="{style}"/>'
        return f'<path d="{_rounded(d)}" transform="translate({x} {y})" style="{style}"/>'
    place = f'x="{_rounded(found.get("x", ""))}" y="{_rounded(found.get("y", ""))}"'
    return f'<text {place} style="{style}">{escape(found.text or "")}</text>' if tag == "text" else ""


def _style(text: str) -> str:
    """Without fonts, which the page chooses; bold is the page's bold."""
    parts = [re.sub(r"\s*:\s*", ":", part.strip()) for part in text.split(";")]
    kept = [part for part in parts if part and not part.startswith("font-family:")]
    return ";".join("font-weight:600" if part.startswith("font-weight:") else part for part in kept)


def _rounded(text: str) -> str:
    return " ".join(re.sub(r"-?\d+\.\d+", lambda number: f"{round(float(number[0]), 1) + 0:g}", text).split())
