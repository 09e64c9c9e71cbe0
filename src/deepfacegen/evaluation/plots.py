"""Pictures of an evaluation for DVC and MLflow: accuracies beside chance, oracle and ceiling, and how scores
are spread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

NAMES = {"matching": "plain cosine", "matching_centred": "centred cosine", "matching_own": "own features"}
OWN_SCORE = (
    "own score"  # of a system that generates no face: it compares voice and face itself, by no judge's cosine
)
COLOURS = {"matching": "#8aa0b8", "matching_centred": "#2f6f9f", "matching_own": "#6b6b6b"}
CLUSTER, GAP = 0.72, 0.02  # widths of the bars of one cell together, and of the space between two
CELLS = [(population, group) for population in ("seen", "unseen") for group in ("ungrouped", "gender")]


def write(folder: Path, metrics: dict[str, Any], trials: pd.DataFrame) -> None:
    """matching.png, matching.csv, scores.png, forced_choice.png, forced_choice.csv, and duration.csv where
    faces were drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(8, 4), layout="constrained")
    _bars(figure.subplots(), metrics)
    figure.savefig(folder / "matching.png", dpi=110, metadata={"Software": None})
    figure = Figure(figsize=(8, 3), layout="constrained")
    _spread(figure, trials, _names(metrics))
    figure.savefig(folder / "scores.png", dpi=110, metadata={"Software": None})
    rows = [
        {"score": key, "direction": direction, "population": population, "group": group, **values}
        for key in NAMES
        for direction, by_population in metrics.get(key, {}).items()
        for population, by_group in by_population.items()
        for group, values in by_group.items()
    ]
    pd.DataFrame(rows).to_csv(folder / "matching.csv", index=False)
    choices = _choices(metrics)
    if len(choices):
        choices.to_csv(folder / "forced_choice.csv", index=False)
        figure = Figure(figsize=(8, 3.5), layout="constrained")
        _curves(figure.subplots(), choices, _names(metrics))
        figure.savefig(folder / "forced_choice.png", dpi=110, metadata={"Software": None})
    if metrics.get("duration"):
        pd.DataFrame(
            [{"seconds": int(seconds), **cell} for seconds, cell in metrics["duration"].items()]
        ).to_csv(folder / "duration.csv", index=False)


def refinement(folder: Path, told: dict[str, Any]) -> None:
    """Of `refinement.measure`: refinement.csv (each measure, told and guessed), attributes.csv (the share of
    faces that show what was asked), and attributes.png.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"measure": measure, "attributes": way, "bicubic": told[measure]["bicubic"], **told[measure][way]}
        for measure in ("psnr_db", "ssim", "identity_cosine")
        for way in ("given", "guessed")
    ]
    pd.DataFrame(rows).to_csv(folder / "refinement.csv", index=False)
    shares = {
        asked: {name: share for name, share in by_name.items() if "_ci95_" not in name}
        for asked, by_name in told["attributes"].items()
    }
    table = pd.DataFrame(shares).sort_index(
        key=lambda names: names.where(names != "all", "")
    )  # all of them first
    table.rename_axis("attribute").to_csv(folder / "attributes.csv")
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    _shares(figure.subplots(), table)
    figure.savefig(folder / "attributes.png", dpi=110, metadata={"Software": None})


def _shares(axes: Axes, table: pd.DataFrame) -> None:
    for k, (asked, colour, label) in enumerate(
        (
            ("own", "#2f6f9f", "the person's own"),
            ("changed", "#b3541e", "another person's"),
            ("real_photos", "#8aa0b8", "photos, as the classifier sees them"),
        )
    ):
        axes.bar(
            np.arange(len(table)) + (k - 1) * CLUSTER / 3,
            table[asked],
            CLUSTER / 3 - GAP,
            color=colour,
            label=label,
        )
    axes.set(
        xticks=range(len(table)),
        xticklabels=[str(name) for name in table.index],
        ylim=(0, 1),
        ylabel="shows what was asked",
    )
    axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.16), frameon=False, fontsize="small")


def _names(metrics: dict[str, Any]) -> dict[str, str]:
    """What each way to compare is called."""
    return NAMES if "matching_centred" in metrics else {**NAMES, "matching": OWN_SCORE}


def _choices(metrics: dict[str, Any]) -> pd.DataFrame:
    """Choices 1:N as a long table: score, direction, population, group, candidates, and the cell's values."""
    rows = [
        {
            "score": key,
            "direction": direction,
            "population": population,
            "group": group,
            "candidates": int(name.removeprefix("of_")),
            **cell,
        }
        for key in ("forced_choice", "forced_choice_centred", "forced_choice_own")
        for direction, by_population in metrics.get(key, {}).items()
        for population, by_group in by_population.items()
        for group, told in by_group.items()
        for name, cell in told.items()
        if name.startswith("of_")
    ]
    return pd.DataFrame(rows)


def _curves(axes: Axes, choices: pd.DataFrame, names: dict[str, str]) -> None:
    here = choices[
        (choices["direction"] == "voice_to_face")
        & (choices["population"] == "unseen")
        & (choices["group"] == "ungrouped")
    ]
    for score, rows in here.groupby("score"):
        key = str(score).replace("forced_choice", "matching")
        part = rows.sort_values("candidates")
        axes.fill_between(
            part["candidates"],
            part["ci95_low"],
            part["ci95_high"],
            color=COLOURS[key],
            alpha=0.2,
            linewidth=0,
        )
        axes.plot(part["candidates"], part["accuracy"], color=COLOURS[key], marker="o", label=names[key])
    counts = sorted(here["candidates"].unique())
    axes.plot(counts, [1 / n for n in counts], color="#888", linestyle=":", label="chance")
    axes.set(xlabel="candidates", ylabel="accuracy, unseen people, voice to face", ylim=(0, 1), xticks=counts)
    axes.legend(frameon=False, fontsize="small")


def _bars(axes: Axes, metrics: dict[str, Any]) -> None:
    keys, names = [key for key in NAMES if key in metrics], _names(metrics)
    step = CLUSTER / max(2, len(keys))
    for k, key in enumerate(keys):
        for place, (population, group) in enumerate(CELLS):
            cell = metrics[key]["voice_to_face"].get(population, {}).get(group)
            if cell is None:
                continue
            x = place + (k - (len(keys) - 1) / 2) * step
            height = cell["accuracy"]
            error = [[height - cell["ci95_low"]], [cell["ci95_high"] - height]]
            error = np.maximum(error, 0.0).tolist()
            axes.bar(
                x,
                height,
                step - GAP,
                color=COLOURS[key],
                yerr=error,
                ecolor="#444",
                capsize=3,
                label=names[key] if place == 0 else None,
            )
            half, oracle = (step - GAP) / 2, metrics.get("oracle", {}).get("gender", {}).get("matching")
            _mark(
                axes,
                (x - half, x + half),
                metrics.get("upper_bound", {}).get(key),
                population,
                group,
                "#b3541e",
                "ceiling of generated faces",
                k + place,
            )
            _mark(
                axes, (x - half, x + half), oracle, population, group, "#5b8c3a", "gender oracle", k + place
            )
    axes.axhline(0.5, color="#888", linestyle=":", label="chance")
    axes.set(
        xticks=range(len(CELLS)),
        xticklabels=[f"{p}\n{g}" for p, g in CELLS],
        ylim=(0.4, 1.0),
        ylabel="accuracy, voice to face",
    )
    axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.16), frameon=False, fontsize="small")


def _mark(
    axes: Axes,
    x: tuple[float, float],
    tree: dict[str, Any] | None,
    population: str,
    group: str,
    colour: str,
    label: str,
    first: int,
) -> None:
    cell = (tree or {}).get("voice_to_face", {}).get(population, {}).get(group)
    if cell is not None:
        axes.plot(x, [cell["accuracy"]] * 2, color=colour, linewidth=2, label=label if first == 0 else None)


def _spread(figure: Figure, trials: pd.DataFrame, names: dict[str, str]) -> None:
    here = trials[
        (trials["direction"] == "voice_to_face")
        & (trials["population"] == "unseen")
        & (trials["group"] == "ungrouped")
    ]
    suffixes = [suffix for suffix in ("", "_centred", "_own") if f"positive_score{suffix}" in here]
    for axes, suffix in zip(figure.subplots(1, len(suffixes), squeeze=False)[0], suffixes, strict=True):
        for side, colour, label in (
            ("positive", "#2f6f9f", "true person"),
            ("impostor", "#b3541e", "impostor"),
        ):
            axes.hist(
                here[f"{side}_score{suffix}"],
                bins=40,
                density=True,
                histtype="step",
                color=colour,
                label=label,
            )
        axes.set(xlabel=f"{names[f'matching{suffix}']}, unseen people", yticks=[])
        axes.legend(frameon=False, fontsize="small")
