"""Which of a stage's metrics MLflow gets as metrics: a few to compare runs by, under their names in
metrics/*.json. That whole file is among the run's artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

# Losses at the last step, by which the curves of a training end: not once more, as bars.
CURVES = ("losses.*", "train.*")
# Stage -> patterns of dotted names; every metric of other stages, which have few. MLflow's comparison of runs
# opens on the first by name: for systems, how well they match.
CHOSEN: dict[str, tuple[str, ...]] = {
    "evaluate": (
        *(
            f"matching{score}.voice_to_face.{population}.{group}.accuracy"
            for score in ("", "_centred", "_own")
            for population in ("unseen", "seen")
            for group in ("ungrouped", "gender")
        ),
        "quality.fd_sface",
        "quality.precision",
        "quality.recall",
        "retrieval.voice_to_face.unseen.map",
        "refinement.*.bicubic",
        "refinement.*.refined",
        "refinement.attributes.*.all",
    ),
    "report": (),  # logs the figures of report.headline itself
    "release": ("bytes.all", "onnx.largest_difference.*", "traits.*.unseen.*"),
}


def figures(stage: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted name -> figure, of the stage as DVC calls it: `train`, `evaluate@cgan`."""
    patterns = CHOSEN.get(stage.partition("@")[0])
    return {
        name: value
        for name, value in dotted(metrics).items()
        if not _matches(name, CURVES) and (patterns is None or _matches(name, patterns))
    }


def dotted(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= dotted(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
