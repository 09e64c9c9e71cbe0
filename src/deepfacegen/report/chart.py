"""The one way to make a chart: matplotlib draws it, and it becomes inline SVG that takes its colours and its
font from the page."""

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
# Paints by the names of the page's CSS variables. Matplotlib is given a colour that nothing else has, and the
# page's variable takes its place.
PAINTS = ("ink", "quiet", "line", "accent", "soft", "card", "mark", *(f"run{k}" for k in range(1, 7)))
_STAND_INS = {name: f"#01{k:02x}01" for k, name in enumerate(PAINTS)}
# Independent of anybody's matplotlibrc; text stays text, and a dollar in somebody's name stays a dollar.
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "deepfacegen",
    "text.parse_math": False,
    "path.simplify": False,
}
_SVG, _HREF, _OWN = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href", "own:"


def paint(name: str) -> str:
    """The colour to draw with so that the page's `--<name>` is seen."""
    return _STAND_INS[name]


def tell(artist: Artist, kind: str, said: str = "") -> None:
    """Give what is drawn a CSS class, and words that appear when somebody points at it."""
    artist.set_gid(f"{_OWN}{kind}|{said}")


def svg(
    kind: str,
    described: str,
    width: int,
    height: int,
    draw: Callable[[Axes], None],
    margins: tuple[int, int, int, int],
) -> str:
    """An empty coordinate system within margins (left, right, top, bottom; units), for `draw` to fill -> one
    inline SVG element.

    Same input, same text. `described` is what somebody hears who does not see it; `kind` becomes a CSS class.
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
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    tree = ET.fromstring(buffer.getvalue())
    shapes = {path.get("id", ""): path.get("d", "") for path in tree.iter(f"{_SVG}path") if path.get("id")}
    inside = "".join(_element(child, shapes) for child in tree)
    for name, stand_in in _STAND_INS.items():
        inside = inside.replace(stand_in, f"var(--{name})")
    return f'<svg class="{escape(kind)}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(described)}">{inside}</svg>'


def _element(found: ET.Element, shapes: Mapping[str, str]) -> str:
    """What an element draws, without what only programs read: no ids, no empty groups, numbers to a tenth of
    a unit."""
    tag, style = found.tag.removeprefix(_SVG), _style(found.get("style", ""))
    if tag == "g":
        inside = "".join(_element(child, shapes) for child in found)
        name = found.get("id", "")
        if not inside or not name.startswith(_OWN):
            return inside
        kind, _, said = name.removeprefix(_OWN).partition("|")
        return f'<g class="{escape(kind)}">{f"<title>{escape(said)}</title>" if said else ""}{inside}</g>'
    if tag == "path":
        d = found.get("d", "")
        return f'<path d="{_rounded(d)}" style="{style}"/>' if "L" in d and style != "fill:none" else ""
    if tag == "use":
        x, y, d = (
            _rounded(found.get("x", "")),
            _rounded(found.get("y", "")),
            shapes[found.get(_HREF, "").removeprefix("#")],
        )
        if (
            "C" in d
        ):  # of the curved markers only circles are in use; a circle's path starts right below its centre
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
