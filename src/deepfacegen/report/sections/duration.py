"""Similarity and accuracy by seconds of speech."""

from __future__ import annotations

from typing import Any

from deepfacegen.report.curves import Series, line_chart, ticks
from deepfacegen.report.values import CHANCE, estimate, kinds


def view(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """Two charts and one table."""
    found = metrics.get("duration")
    if not found:
        return None
    seconds = sorted(found, key=float)
    x = [float(s) for s in seconds]
    rates = ("cosine", "accuracy")
    used = [
        k for k in kinds(metrics) if any(f"{rate}{k.suffix}" in found[s] for s in seconds for rate in rates)
    ]
    # rate -> one list per kind, each with one estimate per duration
    values = {
        rate: [[estimate(found[s], f"{rate}{k.suffix}") for s in seconds] for k in used] for rate in rates
    }
    rows = [
        {
            "seconds": s,
            "cosines": [of_kind[row] for of_kind in values["cosine"]],
            "impostors": found[s].get("cosine_others"),
            "accuracies": [of_kind[row] for of_kind in values["accuracy"]],
            "identities": found[s].get("identities"),
        }
        for row, s in enumerate(seconds)
    ]
    cosines, accuracies = (
        [
            Series.of(k.mark, k.name, list(zip(x, v, strict=True)))
            for k, v in zip(used, values[rate], strict=True)
        ]
        for rate in rates
    )
    others = [(a, row["impostors"]) for a, row in zip(x, rows, strict=True) if row["impostors"] is not None]
    floor = Series(
        "others", "plain cosine with an impostor\u2019s face", [a for a, _ in others], [b for _, b in others]
    )
    ends = [v for s in (*cosines, floor) for v in (*(s.low or s.y), *(s.high or s.y))]
    chance = Series("chance", "chance", [x[0], x[-1]], [CHANCE, CHANCE])
    axis: dict[str, Any] = {"x_form": "{:g} s", "x_ticks": x}
    similarity = line_chart(
        cosines,
        "Cosine of generated and real face by seconds of speech",
        y_ticks=ticks(min(ends, default=0.0), max(ends, default=1.0)),
        as_percent=False,
        references=[floor],
        **axis,
    )
    accuracy = line_chart(
        accuracies, "Accuracy by seconds of speech", y_ticks=(0.4, 0.6, 0.8, 1.0), references=[chance], **axis
    )
    return {"kinds": used, "rows": rows, "similarity": similarity, "accuracy": accuracy}
