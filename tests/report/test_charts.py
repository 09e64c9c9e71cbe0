"""Charts: marks stand where their values are, have a description, and take their colours from the page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.report import curves, dots, overview, svg
from deepfacegen.report.curves import Series
from deepfacegen.report.dots import Row, Scale
from deepfacegen.report.values import Estimate

ROW = Row(
    "Unseen",
    (("plain", Estimate(0.6, 0.55, 0.65)), ("centred", Estimate(0.8, 0.75, 0.85))),
    (("oracle", 0.7, None), ("upper_bound", 0.9, "plain"), ("upper_bound", 0.92, "centred")),
)
SCALE = Scale(0.4, 1.0, 0.1, 0.5, "chance")


def groups(chart: str, kind: str) -> list[ET.Element]:
    return [g for g in ET.fromstring(chart).iter("g") if g.get("class") == kind]


def x_of(element: ET.Element) -> list[float]:
    """Where a dot is, or the two ends of a straight line."""
    circle, path = element.find("circle"), element.find("path")
    if circle is not None:
        return [float(circle.get("cx", ""))]
    assert path is not None
    return [float(x) for x in re.findall(r"[ML] (-?[\d.]+)", path.get("d", ""))]


def test_interval_chart_puts_values_in_order() -> None:
    chart = dots.dot_chart([ROW], SCALE, "Accuracy")
    (chance,), (oracle,), bounds = (groups(chart, kind) for kind in ("zero", "oracle", "upper_bound"))
    plain, centred = (
        next(g for g in groups(chart, kind) if g.find("circle") is not None) for kind in ("plain", "centred")
    )
    assert (
        x_of(chance)[0]
        < x_of(plain)[0]
        < x_of(oracle)[0]
        < x_of(centred)[0]
        < x_of(bounds[0])[0]
        < x_of(bounds[1])[0]
    )


@given(st.floats(0.4, 1.0), st.floats(0.0, 0.1), st.floats(0.0, 0.1))
def test_a_dot_and_its_interval_stand_on_the_scale(value: float, below: float, above: float) -> None:
    """Between the outer grid lines, places are linear in values; what lies beyond the scale stands at its
    end."""
    found = Estimate(value, value - below, value + above)
    chart = dots.dot_chart([Row("r", (("centred", found),))], Scale(0.4, 1.0, 0.1, 0.5, "chance"), "x")
    grid = sorted(
        float(x) for x in re.findall(r'd="M ([\d.]+) [\d.]+ L \1 [\d.]+" style="[^"]*--line', chart)
    )
    bar, dot = groups(chart, "centred")
    expected = [
        grid[0] + (np.clip(v, 0.4, 1.0) - 0.4) / 0.6 * (grid[-1] - grid[0])
        for v in (found.low, found.high, value)
    ]
    np.testing.assert_allclose([*x_of(bar), *x_of(dot)], expected, atol=0.11)


def test_charts_say_their_values_in_words() -> None:
    root = ET.fromstring(dots.dot_chart([ROW], SCALE, "Accuracy"))
    assert (
        root.get("aria-label")
        == "Accuracy. Unseen: plain 60.0 % (55.0 to 65.0), centred 80.0 % (75.0 to 85.0)"
    )
    titles = {title.text for title in root.iter("title")}
    assert {
        "Unseen, plain: 60.0 % (55.0 to 65.0)",
        "oracle: 70.0 %",
        "upper bound: 92.0 %",
        "chance: 50 %",
    } <= titles
    renamed = ET.fromstring(dots.dot_chart([ROW], SCALE, "Accuracy", names={"plain": "run <1>"}))
    assert "run <1> 60.0 %" in str(renamed.get("aria-label"))


def boxes(chart: str) -> list[tuple[str, float, float, float, float]]:
    """Every text of a chart, with left, right, top and bottom; its width is a careful guess."""
    found = []
    for text in ET.fromstring(chart).iter("text"):
        x, y, words = float(text.get("x", "")), float(text.get("y", "")), text.text or ""
        width = 0.55 * svg.TEXT_PX * len(words)
        left = (
            x
            - {"middle": 0.5, "end": 1.0}.get(
                next(iter(re.findall(r"text-anchor:(\w+)", text.get("style", ""))), ""), 0.0
            )
            * width
        )
        found.append((words, left, left + width, y - 10, y + 3))
    return found


LONG = [
    Row(label, ROW.dots, ROW.references)
    for label in ("Unseen, grouped by gender, nationality, age", "Seen", "x" * 30)
]
LINES = [
    overview.Line("speech2face", "centred cosine", Estimate(0.6, 0.5, 0.7), Estimate(0.45, 0.31, 0.55)),
    overview.Line("a_system_of_ones_own", "own score", Estimate(0.9, 0.8, 1.0), None),
]
OVERVIEW = overview.chart([("Generate a face, which a judge compares", LINES), ("None", LINES)], "x")


@pytest.mark.parametrize(
    "chart",
    [*re.findall(r"<svg.*?</svg>", dots.dot_chart(LONG, SCALE, "x", wide=True) + OVERVIEW)],
    ids=["rows, wide", "rows, narrow", "systems, wide", "systems, narrow"],
)
def test_no_upright_line_runs_through_a_text(chart: str) -> None:
    """Neither the grid nor the line of chance, at whatever length of a label."""
    lines = [
        (float(x), *sorted((float(top), float(bottom))))
        for x, top, bottom in re.findall(r"M ([\d.]+) ([\d.]+) L \1 ([\d.]+)", chart)
    ]
    texts = boxes(chart)
    assert len(lines) > 3 * 3
    assert len(texts) > 3
    assert [
        (words, x)
        for words, left, right, top, bottom in texts
        for x, start, end in lines
        if left < x < right and start < bottom and end > top
    ] == []


def test_a_wide_chart_comes_in_two_widths() -> None:
    wide, narrow = re.findall(r"<svg.*?</svg>", dots.dot_chart([ROW], SCALE, "Accuracy", wide=True))
    assert ET.fromstring(wide).get("class") == "dots wide"
    assert ET.fromstring(narrow).get("class") == "dots narrow"
    for part, width in ((wide, svg.WIDE_PX), (narrow, svg.SMALL_PX)):
        assert str(ET.fromstring(part).get("viewBox")).split()[2] == str(width)


def test_charts_have_no_colours_fonts_or_ids_of_their_own() -> None:
    curve = Series("run2", "a", [2, 4], [0.5, 0.4], [0.4, 0.3], [0.6, 0.5])
    for chart in (
        dots.dot_chart([ROW], SCALE, "x"),
        curves.line_chart([curve], "x", x_form="{:g}", x_ticks=(2, 4), y_ticks=(0, 1)),
    ):
        assert not re.search(r"#[0-9a-fA-F]{3,6}|rgb\(|font-family|url\(|<style|<metadata|<defs|\bid=", chart)
        assert set(re.findall(r"var\(--(\w+)\)", chart)) <= set(svg.PAINTS)


def test_text_from_data_is_text() -> None:
    """Neither mathematics nor markup."""
    chart = dots.dot_chart([Row("$x$ <b>&", (("plain", Estimate(0.6)),))], SCALE, "a <b>")
    assert "$x$ <b>&" in [text.text for text in ET.fromstring(chart).iter("text")]
    assert "<b>" not in chart


def test_same_chart_whatever_somebody_has_set_in_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dots.dot_chart([ROW], SCALE, "x")
    for key, value in (
        ("lines.linewidth", 9.0),
        ("font.size", 30.0),
        ("svg.fonttype", "path"),
        ("axes.facecolor", "red"),
        ("svg.hashsalt", "salt"),
    ):
        monkeypatch.setitem(mpl.rcParams, key, value)
    assert dots.dot_chart([ROW], SCALE, "x") == before
    assert mpl.rcParams["font.size"] == 30.0


def test_a_row_without_values_is_left_out_and_without_rows_there_is_no_chart() -> None:
    empty = Row("nobody", (("plain", None), ("centred", None)))
    assert dots.dot_chart([empty], SCALE, "x") == ""
    assert "nobody" not in dots.dot_chart([ROW, empty], SCALE, "x")
    assert (
        curves.line_chart([Series("plain", "p", [], [])], "x", x_form="{:g}", x_ticks=(0, 1), y_ticks=(0, 1))
        == ""
    )


def test_line_chart_draws_bands_curves_and_references() -> None:
    one = Series("plain", "plain cosine", [2, 4, 10], [0.9, 0.7, 0.5], [0.85, 0.65, 0.45], [0.95, 0.75, 0.55])
    chance = Series("chance", "chance", [2, 10], [0.5, 0.1])
    chart = curves.line_chart(
        [one], "Curve", x_form="1:{:g}", x_ticks=(2, 6, 10), y_ticks=(0.0, 0.5, 1.0), references=[chance]
    )
    root = ET.fromstring(chart)
    assert (
        str(root.get("aria-label")) == "Curve. plain cosine: from 90.0 % at 1:2 to 50.0 % at 1:10; "
        "chance: from 50.0 % at 1:2 to 10.0 % at 1:10"
    )
    found = [g for g in groups(chart, "plain") if g.find("circle") is not None]
    assert [g.findtext("title") for g in found] == [
        "plain cosine, 1:2: 90.0 % (85.0 to 95.0)",
        "plain cosine, 1:4: 70.0 % (65.0 to 75.0)",
        "plain cosine, 1:10: 50.0 % (45.0 to 55.0)",
    ]
    x = [x_of(g)[0] for g in found]
    assert (x[1] - x[0]) / (x[2] - x[0]) == pytest.approx(1 / 4, abs=0.01)
    y = [float(circle.get("cy", "")) for g in found for circle in g.iter("circle")]
    assert (y[1] - y[0]) == pytest.approx(y[2] - y[1], abs=0.11)
    assert x_of(groups(chart, "chance")[0]) == [x[0], x[2]]
    assert chart.count("fill-opacity") == 1


def test_training_curves_leave_out_missing_points() -> None:
    steps = np.array([25.0, 50.0, 75.0])
    charts = curves.training_charts(
        steps,
        {
            "g/pixel": np.array([0.5, 0.25, 0.125]),
            "d/r1": np.array([np.nan, 0.01, np.nan]),
            "empty": np.full(3, np.nan),
        },
    )
    assert [(name, last) for name, _, last in charts] == [("g/pixel", 0.125), ("d/r1", 0.01)]
    assert len(x_of(groups(charts[0][1], "centred")[0])) == 3
    assert "step 75" in charts[0][1]


@pytest.mark.parametrize("values", [[2.0, 2.0], [-1e-9, 1e9], [0.0, 1e-12]])
def test_any_curve_can_be_drawn(values: list[float]) -> None:
    ((_, chart, _),) = curves.training_charts(np.array([0.0, 10.0]), {"flat or not": np.array(values)})
    assert "nan" not in chart
    ((_, single, _),) = curves.training_charts(np.array([0.0]), {"one": np.array(values[:1])})
    assert "nan" not in single


@given(st.floats(-1e3, 1e3), st.floats(0, 1e3))
def test_ticks_enclose_the_range(low: float, spread: float) -> None:
    ticks = curves.ticks(low, low + spread)
    assert ticks[0] <= low + 1e-9 * (1 + abs(low))
    assert ticks[-1] >= low + spread - 1e-9 * (1 + abs(low + spread))
    assert 2 <= len(ticks) <= 7


@pytest.mark.parametrize(
    ("found", "lowest"),
    [(Estimate(0.9, 0.8, 1.0), "40 %"), (Estimate(0.35, 0.29, 0.4), "20 %"), (Estimate(0.31), "30 %")],
)
def test_scale_of_accuracies_reaches_as_low_as_they_do(found: Estimate, lowest: str) -> None:
    chart = dots.accuracy_chart([Row("r", (("plain", found), ("centred", None)))], "x", wide=True)
    labels = [text.text or "" for text in ET.fromstring(chart.partition("</svg>")[0] + "</svg>").iter("text")]
    assert (
        min((label for label in labels if label.endswith("%")), key=lambda label: int(label[:-2])) == lowest
    )


def themes() -> list[dict[str, str]]:
    """The colours of the style sheet by name: by day, and by night."""
    css = (Path(svg.__file__).parent / "templates/style.css").read_text(encoding="utf-8")
    day, night = (
        dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)[:2]
    )
    return [day, {**day, **night}]


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    channels = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return float(
        np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        @ (0.2126, 0.7152, 0.0722)
    )


@pytest.mark.parametrize("name", [name for name in svg.PAINTS if name not in ("line", "soft", "card")])
def test_whatever_carries_a_value_stands_out_by_day_and_night(name: str) -> None:
    """WCAG 2.2, 1.4.11: 3 to 1 for graphics."""
    for colours in themes():
        for ground in ("paper", "card"):
            a, b = sorted(luminance(colours[key]) for key in (name, ground))
            assert (b + 0.05) / (a + 0.05) >= 3
