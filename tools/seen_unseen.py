"""Bars of matching accuracy on seen and on unseen people, a panel for each evaluation (NAME=FILE), with the
published figures as marks: docs/images/seen-unseen.png."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepfacegen.evaluation import plots
from deepfacegen.report.published import ROWS

OUT = Path(__file__).resolve().parents[1] / "docs" / "images" / "seen-unseen.png"
GROUPS = {"ungrouped": "ungrouped", "gender": "grouped by gender"}
COLOURS = {"seen": "#8aa0b8", "unseen": "#2f6f9f"}
WIDTH = 0.38
# Fractions: those for which the method is known, of training people, and those of unseen people.
PAPER = {
    ("seen", "ungrouped"): ROWS[1].seen_ungrouped,
    ("seen", "gender"): ROWS[1].seen_gender,
    ("unseen", "ungrouped"): ROWS[0].unseen_ungrouped,
    ("unseen", "gender"): ROWS[0].unseen_gender,
}


def panel(axes: Axes, name: str, metrics: dict[str, Any]) -> None:
    """Two pairs of bars by the first judge's plain cosine, with 95 % intervals, chance, published marks."""
    tree = metrics["matching"]["voice_to_face"]
    for place, (group, population) in enumerate((g, p) for g in GROUPS for p in COLOURS):
        cell = tree[population][group]
        x = place // 2 + (place % 2 - 0.5) * (WIDTH + 0.02)
        height, mark = 100 * cell["accuracy"], PAPER[population, group]
        error = [[height - 100 * cell["ci95_low"]], [100 * cell["ci95_high"] - height]]
        label = f"{population} people" if place < 2 else None
        axes.bar(
            x, height, WIDTH, color=COLOURS[population], yerr=error, ecolor="#444", capsize=3, label=label
        )
        axes.text(x, 42, f"{height:.1f}", ha="center", color="white" if population == "unseen" else "black")
        if mark is not None:
            ends, label = (
                [x - WIDTH / 2, x + WIDTH / 2],
                "published, of other people" if not place else None,
            )
            axes.plot(ends, [100 * mark] * 2, color=plots.ORANGE, linewidth=2.5, label=label)
    axes.axhline(50, color=plots.GREY, linestyle=":", label="chance")
    axes.set(title=name, ylim=(40, 100), xticks=range(len(GROUPS)), xticklabels=GROUPS.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("evaluations", nargs="+", metavar="NAME=FILE", help="a metrics/evaluate/cgan.json")
    named = [given.partition("=")[::2] for given in parser.parse_args().evaluations]
    figure = Figure(figsize=(4.3 * len(named), 3.8), layout="constrained")
    every = figure.subplots(1, len(named), sharey=True, squeeze=False)[0]
    for axes, (name, file) in zip(every, named, strict=True):
        panel(axes, name, json.loads(Path(file).read_text(encoding="utf-8")))
    every[0].set_ylabel("matching accuracy, per cent")
    figure.legend(*every[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    plots.save(figure, OUT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
