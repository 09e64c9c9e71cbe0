"""What a refiner makes of low-res faces: figures beside interpolation, and before and after for the first
unseen people."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepfacegen.report import media
from deepfacegen.report.collect import Refined
from deepfacegen.report.values import Estimate, estimate, words

MEASURES = (
    ("psnr_db", "PSNR, dB", "Peak signal-to-noise ratio against the true photo."),
    ("ssim", "SSIM", "Structural similarity to the true photo; 1 is the same picture."),
    ("identity_cosine", "Likeness", "Cosine of the judge\u2019s vectors of drawn and true face."),
)
WAYS = (("given", "attributes given"), ("guessed", "attributes guessed from the low-res face"))
SHOWN = (
    ("own", "the person\u2019s own"),
    ("changed", "another person\u2019s, where they differ"),
    ("real_photos", "true photos, the classifier\u2019s own accuracy"),
)
CHANGED_SHOWN = 4  # people


def view(found: Refined) -> dict[str, Any]:
    """Tables and pictures, as data URIs."""
    figures, pictures = found.figures, found.pictures
    return {
        "figures": figures,
        "rows": [_row(figures, *measure) for measure in MEASURES if measure[0] in figures],
        "attributes": _attributes(figures.get("attributes", {})),
        "swap": figures.get("swap"),
        "nearer": estimate(figures.get("swap"), "identity_nearer"),
        "people": _people(pictures) if pictures else [],
        "changed": _changed(pictures) if "changed" in pictures else None,
        "frontal": [
            tuple(map(media.jpeg_uri, pair))
            for pair in zip(pictures["turned"], pictures["frontal"], strict=True)
        ]
        if "turned" in pictures
        else [],
    }


def _row(figures: dict[str, Any], key: str, name: str, sentence: str) -> dict[str, Any]:
    told = figures[key]
    ways = [
        (way, told[way_key]["refined"], estimate(told[way_key], "gain"))
        for way_key, way in WAYS
        if way_key in told
    ]
    return {
        "name": name,
        "sentence": sentence,
        "bicubic": told["bicubic"],
        "ways": ways,
        "digits": 1 if key == "psnr_db" else 3,
    }


def _attributes(shown: dict[str, Any]) -> dict[str, Any] | None:
    """Per kind of request the share of faces that show it: over all attributes, then one by one."""
    if not shown:
        return None
    names = sorted({name for told in shown.values() for name in told if not name.startswith("all")})
    rows: list[dict[str, Any]] = []
    for key, label in SHOWN:
        if key in shown:
            single = [Estimate(shown[key][name]) if name in shown[key] else None for name in names]
            rows.append({"label": label, "cells": [estimate(shown[key], "all"), *single]})
    return {"names": [words(name) for name in names], "rows": rows}


def _people(pictures: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Per person the steps from the low-res face to the true one; with identities, the face that has the next
    person's."""
    steps = [("low", "given"), ("bicubic", "interpolated"), ("refined", "drawn"), ("true", "true")]
    if "swapped" in pictures:
        steps.append(("swapped", "as the next person"))
    return [
        {"steps": [(label, media.jpeg_uri(pictures[key][row])) for key, label in steps]}
        for row in range(len(pictures["true"]))
    ]


def _changed(pictures: dict[str, np.ndarray]) -> dict[str, Any]:
    names = [words(str(name)) for name in pictures["names"]]
    rows = []
    for row in range(min(CHANGED_SHOWN, len(pictures["true"]))):
        asked = [
            f"{'not ' if own > 0 else ''}{name}"
            for name, own in zip(names, pictures["own"][row], strict=True)
        ]
        faces = [("as it is", media.jpeg_uri(pictures["refined"][row]))]
        rows.append(
            faces
            + [
                (text, media.jpeg_uri(face))
                for text, face in zip(asked, pictures["changed"][row], strict=True)
            ]
        )
    return {"names": names, "rows": rows}
