"""The same scores asked otherwise: verification (yes or no) and retrieval (where in the row), with the
nearest faces to look at."""

from __future__ import annotations

from typing import Any

from deepfacegen.report import media
from deepfacegen.report.collect import People, Retrieved
from deepfacegen.report.values import DIRECTIONS, GROUPS, HEADLINE, POPULATIONS, cell, estimate, kinds

RECALLS_SHOWN = (1, 2, 5, 10)
EXAMPLES_SHOWN = 6
RATES = (("auc", "AUC", "area under the curve"), ("eer", "EER", "equal error rate"))


def view(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """Tables of verification (cells in the order of HEADLINE) and retrieval, for both directions."""
    found = {
        name: {"verification": _verification(metrics, direction), "retrieval": _retrieval(metrics, direction)}
        for direction, name in DIRECTIONS.items()
    }
    found = {name: tables for name, tables in found.items() if any(tables.values())}
    return (
        {
            "directions": found,
            "recalls": RECALLS_SHOWN,
            "kinds": kinds(metrics),
            "groups": _verified_groups(metrics),
        }
        if found
        else None
    )


def _verification(metrics: dict[str, Any], direction: str) -> list[dict[str, Any]]:
    rows = []
    for rate, short, name in RATES:
        for kind in kinds(metrics):
            cells = [
                estimate(cell(metrics, f"verification{kind.suffix}.{direction}.{p}.{g}"), rate)
                for p, g in HEADLINE
            ]
            if any(cells):
                rows.append({"label": f"{short}, {kind.name.lower()}", "note": name, "cells": cells})
    return rows


def _verified_groups(metrics: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Unseen people by the other kinds of impostors, voice to face: per rate, rows of groups with
    (population, kind) cells."""
    others = [
        g
        for g in GROUPS
        if g not in ("ungrouped", "gender")
        and any(cell(metrics, f"verification.voice_to_face.{p}.{g}") for p in POPULATIONS)
    ]
    tables = []
    for rate, short, _ in RATES:
        rows = [
            {
                "label": GROUPS[g].capitalize(),
                "cells": [
                    estimate(cell(metrics, f"verification{kind.suffix}.voice_to_face.{p}.{g}"), rate)
                    for p in POPULATIONS
                    for kind in kinds(metrics)
                ],
            }
            for g in others
        ]
        if rows:
            tables.append((short, rows))
    return tables


def _retrieval(metrics: dict[str, Any], direction: str) -> list[dict[str, Any]]:
    """Per kind and population: how the own one stands among all."""
    rows = []
    for kind in kinds(metrics):
        for population in POPULATIONS:
            found = cell(metrics, f"retrieval{kind.suffix}.{direction}.{population}")
            if found:
                recalls = [
                    (estimate(found, f"recall_at_{k}"), found.get(f"recall_at_{k}_chance"))
                    for k in RECALLS_SHOWN
                ]
                label = f"{population.capitalize()}, {kind.name.lower()}"
                rows.append({**found, "label": label, "recalls": recalls, "map": estimate(found, "map")})
    return rows


def nearest(retrieved: dict[str, Retrieved], people: People | None) -> list[dict[str, Any]]:
    """For the first few probes: the face drawn from the voice, and the true faces nearest to it, the person's
    own ones marked."""
    if people is None:
        return []
    shown: list[dict[str, Any]] = []
    for kind, name in (("", "plain cosine"), ("_centred", "centred cosine"), ("_own", "own features")):
        found = retrieved.get(kind)
        if found is None:
            continue
        for q in range(min(EXAMPLES_SHOWN, len(found.probe))):
            row = int(found.probe[q])
            if len(shown) <= q:
                identity = str(people.table.iloc[row]["identity_id"])
                shown.append(
                    {
                        "id": identity,
                        "drawn": media.jpeg_uri(people.drawn[row, 0]),
                        "true": media.jpeg_uri(people.true[row]),
                        "rows": [],
                    }
                )
            faces = [
                {"uri": media.jpeg_uri(face), "own": bool(own)}
                for face, own in zip(found.faces[q], found.own[q], strict=True)
            ]
            shown[q]["rows"].append(
                {"kind": name, "faces": faces, "rank": int(found.rank[q]), "gallery": found.gallery}
            )
    return shown
