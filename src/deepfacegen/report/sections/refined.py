"""Refined faces: figures beside interpolation, and before and after for the first unseen people."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepfacegen.report import media
from deepfacegen.report.collect import Refined
from deepfacegen.report.values import Estimate, estimate, words

MEASURES = {
    "psnr_db": ("PSNR, dB", "Peak signal-to-noise ratio against the real photo.", 1),
    "ssim": ("SSIM", "Structural similarity to the real photo; 1 is the same picture.", 3),
    "identity_cosine": ("Likeness", "Cosine of the judge\u2019s embeddings of refined and real face.", 3),
}
WAYS = (("given", "attributes given"), ("guessed", "attributes guessed from the low-res face"))
TARGETS = (
    ("own", "the person\u2019s own"),
    ("changed", "another person\u2019s, where they differ"),
    ("real_photos", "real photos, the classifier\u2019s own accuracy"),
)
STEPS = (("low", "low-res"), ("bicubic", "interpolated"), ("refined", "refined"), ("true", "real"))
CHANGED_PEOPLE = 4


def view(found: Refined) -> dict[str, Any]:
    """Tables and pictures, as data URIs."""
    figures, pictures = found.figures, found.pictures
    turned = zip(pictures["turned"], pictures["frontal"], strict=True) if "turned" in pictures else ()
    return {
        "figures": figures,
        "rows": [_row(figures[key], *text) for key, text in MEASURES.items() if key in figures],
        "attributes": _attributes(figures.get("attributes", {})),
        "swap": figures.get("swap"),
        "nearer": estimate(figures.get("swap"), "identity_nearer"),
        "people": _people(pictures) if pictures else [],
        "changed": _changed(pictures) if "changed" in pictures else None,
        "frontal": [tuple(map(media.jpeg_uri, pair)) for pair in turned],
    }


def _row(values: dict[str, Any], name: str, sentence: str, digits: int) -> dict[str, Any]:
    found = [(label, values[way]) for way, label in WAYS if way in values]
    ways = [(label, value["refined"], estimate(value, "gain")) for label, value in found]
    return {"name": name, "sentence": sentence, "bicubic": values["bicubic"], "ways": ways, "digits": digits}


def _attributes(shares: dict[str, Any]) -> dict[str, Any] | None:
    """Per target the share of faces that have it: over all attributes, then one by one."""
    if not shares:
        return None
    names = sorted({name for found in shares.values() for name in found if not name.startswith("all")})
    rows: list[dict[str, Any]] = []
    for key, label in TARGETS:
        if found := shares.get(key):
            single = [Estimate(found[name]) if name in found else None for name in names]
            rows.append({"label": label, "cells": [estimate(found, "all"), *single]})
    return {"names": [words(name) for name in names], "rows": rows}


def _people(pictures: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Per person the steps from the low-res face to the real one; with identities, the face with the next
    person's."""
    steps = [*STEPS, *([("swapped", "as the next person")] if "swapped" in pictures else [])]
    return [
        {"steps": [(label, media.jpeg_uri(pictures[key][row])) for key, label in steps]}
        for row in range(len(pictures["true"]))
    ]


def _changed(pictures: dict[str, np.ndarray]) -> dict[str, Any]:
    names = [words(str(name)) for name in pictures["names"]]
    rows = []
    for row in range(min(CHANGED_PEOPLE, len(pictures["true"]))):
        targets = zip(names, pictures["own"][row], strict=True)
        labels = ["unchanged", *(f"{'not ' if own > 0 else ''}{name}" for name, own in targets)]
        faces = map(media.jpeg_uri, [pictures["refined"][row], *pictures["changed"][row]])
        rows.append(list(zip(labels, faces, strict=True)))
    return {"names": names, "rows": rows}
