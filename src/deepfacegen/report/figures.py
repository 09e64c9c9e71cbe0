"""Figures as inline SVG that takes its colours from the page, and files as data URIs: the page asks nobody for anything."""

from __future__ import annotations

import base64
import io
import wave
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
from PIL import Image

JPEG_QUALITY = 88


@dataclass(frozen=True)
class Estimate:
    """One row of the interval chart. Values are fractions; what is None is not drawn."""

    label: str
    plain: tuple[float, float, float] | None
    centred: tuple[float, float, float] | None
    oracle: float | None
    ceiling: float | None


def jpeg_uri(pixels: np.ndarray) -> str:
    """uint8 [H, W, 3] -> data URI."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return _uri("image/jpeg", buffer.getvalue())


def wav_uri(speech: np.ndarray, rate_hz: int) -> str:
    """int16 [T], mono -> data URI."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(speech.astype("<i2").tobytes())
    return _uri("audio/wav", buffer.getvalue())


def interval_chart(rows: list[Estimate]) -> str:
    """Accuracies with their intervals against chance, oracle and ceiling, 40 to 100 %."""
    width, left, right, top, step = 720, 12, 24, 34, 78
    height = top + step * len(rows) + 30
    low = 0.4

    def x(value: float) -> float:
        return left + (min(max(value, low), 1.0) - low) / (1 - low) * (width - left - right)

    parts = []
    for percent in range(40, 101, 10):
        at = x(percent / 100)
        kind = "chance" if percent == 50 else "grid"
        parts.append(f'<line class="{kind}" x1="{at:.1f}" x2="{at:.1f}" y1="{top - 10}" y2="{height - 28}"/>')
        parts.append(f'<text class="tick" x="{at:.1f}" y="{height - 8}" text-anchor="{"start" if percent == 40 else "middle"}">{percent} %</text>')
    parts.append(f'<text class="tick" x="{x(0.5):.1f}" y="{top - 18}" text-anchor="middle">chance</text>')
    for i, row in enumerate(rows):
        y = top + step * i + 50
        parts.append(f'<text class="label" x="{left}" y="{y - 28:.1f}">{escape(row.label)}</text>')
        for value, kind in ((row.oracle, "oracle"), (row.ceiling, "ceiling")):
            if value is not None:
                parts.append(f'<line class="{kind}" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{y - 19:.1f}" y2="{y + 19:.1f}"/>')
        for estimate, kind, dy in ((row.plain, "plain", -8.0), (row.centred, "centred", 8.0)):
            if estimate is not None:
                value, ci_low, ci_high = estimate
                parts.append(f'<line class="{kind}" x1="{x(ci_low):.1f}" x2="{x(ci_high):.1f}" y1="{y + dy:.1f}" y2="{y + dy:.1f}"/>')
                parts.append(f'<circle class="{kind}" cx="{x(value):.1f}" cy="{y + dy:.1f}" r="5.5"/>')
    said = []
    for row in rows:
        kinds = [f"{kind} {found[0]:.1%}" for kind, found in (("plain", row.plain), ("centred", row.centred)) if found is not None]
        said += [f"{row.label}: {', '.join(kinds)}"] if kinds else []
    return _svg("intervals", width, height, f"Accuracy with 95 % intervals. {'; '.join(said)}", parts)


def line_chart(steps: np.ndarray, values: np.ndarray, name: str) -> str:
    """One training curve with its range; points that are not finite are left out."""
    width, height, left, right, top, bottom = 320, 150, 46, 10, 12, 26
    here = np.isfinite(values)
    steps, values = steps[here], values[here]
    if not len(values):
        return ""
    low, high = float(values.min()), float(values.max())
    spread, last = (high - low) or 1.0, float(max(steps.max(), 1))
    x = left + steps / last * (width - left - right)
    y = top + (high - values) / spread * (height - top - bottom)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    parts = []
    for at, mark in ((top, high), (height - bottom, low)):
        parts.append(f'<line class="grid" x1="{left}" x2="{width - right}" y1="{at}" y2="{at}"/>')
        parts.append(f'<text class="tick" x="{left - 6}" y="{at + 4}" text-anchor="end">{mark:.3g}</text>')
    parts += [
        f'<polyline class="curve" points="{points}"/>',
        f'<circle class="end" cx="{x[-1]:.1f}" cy="{y[-1]:.1f}" r="3"/>',
        f'<text class="tick" x="{left}" y="{height - 8}">0</text>',
        f'<text class="tick" x="{width - right}" y="{height - 8}" text-anchor="end">step {last:.0f}</text>',
    ]
    return _svg("curve", width, height, f"{name}: from {values[0]:.3g} to {values[-1]:.3g} over {last:.0f} steps", parts)


def curve_charts(table: pd.DataFrame) -> list[tuple[str, str, float]]:
    """(name, SVG, last value) for every column besides `step`."""
    charts = []
    for name in table.columns:
        values = table[name].to_numpy(dtype=float)
        chart = "" if name == "step" else line_chart(table["step"].to_numpy(dtype=float), values, str(name))
        if chart:
            charts.append((str(name), chart, float(values[np.isfinite(values)][-1])))
    return charts


def _svg(kind: str, width: int, height: int, described: str, parts: list[str]) -> str:
    return f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(described)}">{"".join(parts)}</svg>'


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
