"""Plots and tables of an evaluation for DVC and MLflow: accuracies beside chance, oracle and upper bound, and
the distribution of scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

NAMES = {"matching": "plain cosine", "matching_centred": "centred cosine", "matching_own": "own features"}
# Of a system that generates no faces: it compares voice and face itself, by no judge's cosine.
OWN_SCORE = "own score"
COLOURS = {"matching": "#8aa0b8", "matching_centred": "#2f6f9f", "matching_own": "#6b6b6b"}
ORANGE, GREEN, GREY = "#b3541e", "#5b8c3a", "#888"
CLUSTER, GAP = 0.72, 0.02  # widths of the bars of one cell together, and of the space between two
CELLS = [(population, group) for population in ("seen", "unseen") for group in ("ungrouped", "gender")]
_ERROR_BARS: dict[str, Any] = {"ecolor": "#444", "capsize": 3}
LEGEND: dict[str, Any] = {"frameon": False, "fontsize": "small"}
ABOVE: dict[str, Any] = {**LEGEND, "ncols": 3, "loc": "upper center", "bbox_to_anchor": (0.5, 1.16)}


def write(folder: Path, metrics: dict[str, Any], trials: pd.DataFrame) -> None:
    """matching.{png,csv}, scores.png, forced_choice.{png,csv}, and duration.csv of a generator."""
    folder.mkdir(parents=True, exist_ok=True)
    names = NAMES if "matching_centred" in metrics else {**NAMES, "matching": OWN_SCORE}
    figure = Figure(figsize=(8, 4), layout="constrained")
    _bars(figure.subplots(), metrics, names)
    save(figure, folder / "matching.png")
    figure = Figure(figsize=(8, 3), layout="constrained")
    _histograms(figure, trials, names)
    save(figure, folder / "scores.png")
    pd.DataFrame({**path, **cell} for path, cell in _cells(metrics, "matching")).to_csv(
        folder / "matching.csv", index=False
    )
    choices = pd.DataFrame(
        {**path, "candidates": int(name.removeprefix("of_")), **values}
        for path, cell in _cells(metrics, "forced_choice")
        for name, values in cell.items()
        if name.startswith("of_")
    )
    if len(choices):
        choices.to_csv(folder / "forced_choice.csv", index=False)
        figure = Figure(figsize=(8, 3.5), layout="constrained")
        _curves(figure.subplots(), choices, names)
        save(figure, folder / "forced_choice.png")
    if metrics.get("duration"):
        rows = [{"seconds": int(seconds), **cell} for seconds, cell in metrics["duration"].items()]
        pd.DataFrame(rows).to_csv(folder / "duration.csv", index=False)


def save(figure: Figure, path: Path) -> None:
    """As PNG, the same bytes whatever the version of matplotlib says of itself."""
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _cells(metrics: dict[str, Any], metric: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The cells of a metric by every score, each with its columns score, direction, population, group."""
    for key in (metric, f"{metric}_centred", f"{metric}_own"):
        for direction, by_population in metrics.get(key, {}).items():
            for population, by_group in by_population.items():
                for group, cell in by_group.items():
                    path = {"score": key, "direction": direction, "population": population, "group": group}
                    yield path, cell


def _main(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of unseen people, voice to face, ungrouped."""
    wanted = {"direction": "voice_to_face", "population": "unseen", "group": "ungrouped"}
    return table[(table[list(wanted)] == list(wanted.values())).all(axis=1)]


def _curves(axes: Axes, choices: pd.DataFrame, names: dict[str, str]) -> None:
    here = _main(choices)
    for score, rows in here.groupby("score"):
        key = str(score).replace("forced_choice", "matching")
        part, colour = rows.sort_values("candidates"), COLOURS[key]
        low, high = part["ci95_low"], part["ci95_high"]
        axes.fill_between(part["candidates"], low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(part["candidates"], part["accuracy"], color=colour, marker="o", label=names[key])
    counts = sorted(here["candidates"].unique())
    axes.plot(counts, [1 / n for n in counts], color=GREY, linestyle=":", label="chance")
    axes.set(xlabel="candidates", ylabel="accuracy, unseen people, voice to face", ylim=(0, 1), xticks=counts)
    axes.legend(**LEGEND)


def _bars(axes: Axes, metrics: dict[str, Any], names: dict[str, str]) -> None:
    keys = [key for key in NAMES if key in metrics]
    step = CLUSTER / max(2, len(keys))
    half, oracle = (step - GAP) / 2, metrics.get("oracle", {}).get("gender", {}).get("matching")
    for k, key in enumerate(keys):
        # Of generated faces, so not beside a system that generates none.
        bound = None if names[key] == OWN_SCORE else metrics.get("upper_bound", {}).get(key)
        references = ((bound, ORANGE, "upper bound of generated faces"), (oracle, GREEN, "gender oracle"))
        for place, path in enumerate(CELLS):
            cell = _cell(metrics[key], path)
            if cell is None:
                continue
            x, height = place + (k - (len(keys) - 1) / 2) * step, cell["accuracy"]
            error = np.maximum([[height - cell["ci95_low"]], [cell["ci95_high"] - height]], 0.0).tolist()
            label, style = names[key] if place == 0 else None, _ERROR_BARS
            axes.bar(x, height, step - GAP, color=COLOURS[key], yerr=error, label=label, **style)
            for tree, colour, title in references:
                reference = _cell(tree, path)
                if reference is not None:
                    ends, label = [x - half, x + half], title if k + place == 0 else None
                    axes.plot(ends, [reference["accuracy"]] * 2, color=colour, linewidth=2, label=label)
    axes.axhline(0.5, color=GREY, linestyle=":", label="chance")
    titles = [f"{population}\n{group}" for population, group in CELLS]
    axes.set(xticks=range(len(CELLS)), xticklabels=titles, ylim=(0.4, 1.0), ylabel="accuracy, voice to face")
    axes.legend(**ABOVE)


def _cell(tree: dict[str, Any] | None, path: tuple[str, str]) -> dict[str, Any] | None:
    """The cell of a population and group, voice to face, if there is one."""
    return (tree or {}).get("voice_to_face", {}).get(path[0], {}).get(path[1])


def _histograms(figure: Figure, trials: pd.DataFrame, names: dict[str, str]) -> None:
    here = _main(trials)
    suffixes = [suffix for suffix in ("", "_centred", "_own") if f"positive_score{suffix}" in here]
    for axes, suffix in zip(figure.subplots(1, len(suffixes), squeeze=False)[0], suffixes, strict=True):
        for side, colour, label in (
            ("positive", COLOURS["matching_centred"], "true person"),
            ("impostor", ORANGE, "impostor"),
        ):
            scores, style = here[f"{side}_score{suffix}"], {"density": True, "histtype": "step"}
            axes.hist(scores, bins=40, color=colour, label=label, **style)
        axes.set(xlabel=f"{names[f'matching{suffix}']}, unseen people", yticks=[])
        axes.legend(**LEGEND)
