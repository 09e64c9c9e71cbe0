"""Verification (same person or not) and retrieval (rank among all), with the nearest faces."""

from __future__ import annotations

from typing import Any

from deepfacegen.report import media
from deepfacegen.report.collect import People, Retrieved
from deepfacegen.report.values import (
    DIRECTIONS,
    GROUPS,
    HEADLINE,
    POPULATIONS,
    cell,
    estimate,
    estimates,
    kinds,
)

RECALLS = (1, 2, 5, 10)
EXAMPLES = 6
RATES = (("auc", "AUC", "area under the curve"), ("eer", "EER", "equal error rate"))
NEAREST = (("", "plain cosine"), ("_centred", "centred cosine"), ("_own", "own features"))


def view(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """Tables of verification (cells in the order of HEADLINE) and retrieval, for both directions."""
    found = {
        name: {"verification": _verification(metrics, direction), "retrieval": _retrieval(metrics, direction)}
        for direction, name in DIRECTIONS.items()
    }
    found = {name: tables for name, tables in found.items() if any(tables.values())}
    more = {"recalls": RECALLS, "kinds": kinds(metrics), "groups": _groups(metrics)}
    return {"directions": found, **more} if found else None


def _verification(metrics: dict[str, Any], direction: str) -> list[dict[str, Any]]:
    rows = []
    paths = [f"{direction}.{p}.{g}" for p, g in HEADLINE]
    for rate, short, name in RATES:
        for kind in kinds(metrics):
            cells = estimates(metrics, f"verification{kind.suffix}", paths, rate)
            if any(cells):
                rows.append({"label": f"{short}, {kind.name.lower()}", "note": name, "cells": cells})
    return rows


def _groups(metrics: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The other impostor groups, voice to face: per rate, rows of groups with (population, kind) cells."""
    tables = []
    for rate, short, _ in RATES:
        rows = []
        for group, label in list(GROUPS.items())[2:]:
            paths = [f"voice_to_face.{p}.{group}" for p in POPULATIONS]
            if any(cell(metrics, f"verification.{path}") for path in paths):
                keys = [(f"verification{kind.suffix}", path) for path in paths for kind in kinds(metrics)]
                cells = [estimate(cell(metrics, f"{key}.{path}"), rate) for key, path in keys]
                rows.append({"label": label.capitalize(), "cells": cells})
        if rows:
            tables.append((short, rows))
    return tables


def _retrieval(metrics: dict[str, Any], direction: str) -> list[dict[str, Any]]:
    """Per kind and population: the rank of the person among all."""
    rows = []
    for kind in kinds(metrics):
        for population in POPULATIONS:
            found = cell(metrics, f"retrieval{kind.suffix}.{direction}.{population}")
            if found:
                names = [f"recall_at_{k}" for k in RECALLS]
                recalls = [(estimate(found, name), found.get(f"{name}_chance")) for name in names]
                label = f"{population.capitalize()}, {kind.name.lower()}"
                rows.append({**found, "label": label, "recalls": recalls, "map": estimate(found, "map")})
    return rows


def nearest(retrieved: dict[str, Retrieved], people: People | None) -> list[dict[str, Any]]:
    """For the first few probes: the generated face, and the real faces nearest to it, the person's own ones
    marked."""
    examples: list[dict[str, Any]] = []
    if people is None:
        return examples
    for suffix, name in NEAREST:
        found = retrieved.get(suffix)
        for q in range(min(EXAMPLES, len(found.probe)) if found is not None else 0):
            assert found is not None
            row = int(found.probe[q])
            if len(examples) <= q:
                generated = media.jpeg_uri(people.generated[row, 0])
                identity = str(people.table.iloc[row]["identity_id"])
                examples.append({"id": identity, "generated": generated, "rows": []})
            pairs = zip(found.faces[q], found.own[q], strict=True)
            faces = [{"uri": media.jpeg_uri(face), "own": bool(own)} for face, own in pairs]
            rank = {"rank": int(found.rank[q]), "gallery": found.gallery}
            examples[q]["rows"].append({"kind": name, "faces": faces, **rank})
    return examples
