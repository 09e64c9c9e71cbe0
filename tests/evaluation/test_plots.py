"""What the plots of an evaluation have beside its accuracies."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.figure import Figure

from deepfacegen.evaluation import plots


def accuracies(value: float) -> dict[str, Any]:
    cell = {"accuracy": value, "ci95_low": value - 0.05, "ci95_high": value + 0.05}
    groups = {"ungrouped": cell, "gender": cell}
    return {"voice_to_face": {"seen": groups, "unseen": groups}}


@pytest.mark.parametrize("generates", [True, False])
def test_the_bound_of_generated_faces_is_beside_generated_faces_alone(generates: bool) -> None:
    metrics = {"matching": accuracies(0.8), "upper_bound": {"matching": accuracies(0.9)}}
    metrics["oracle"] = {"gender": {"matching": accuracies(0.7)}}
    names = {**plots.NAMES, "matching": plots.OWN_SCORE}
    if generates:
        metrics["matching_centred"], names = accuracies(0.8), plots.NAMES
    axes = Figure().subplots()
    plots._bars(axes, metrics, names)
    _, labels = axes.get_legend_handles_labels()
    heights = {float(y) for line in axes.lines for y in line.get_ydata()}
    assert ("upper bound of generated faces" in labels) == generates
    assert (0.9 in heights) == generates
    assert "gender oracle" in labels
    assert 0.7 in heights
