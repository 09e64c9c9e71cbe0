"""Metric `null_attributes` (sample people only): do generated faces depend on what no voice tells? They must
not.

Skin tone, eye colour and hair colour are independent of the voice by construction. A colour classifier that
knows nothing of the judge learns each of them from real faces of training people. Then it chooses, for the
generated face of an unseen person, between that person's value and another unseen person's. Labels and
generated faces being independent, the choice is right with probability 1/2 exactly, whatever the classifier
prefers. The same test on real faces shows that the classifier works.

Keys, by attribute: `accuracy`, `chance`, `ci95_low`, `ci95_high`, `on_real_faces`, `identities`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from deepfacegen.data.faces.align import template
from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.embedders.chips import shrink
from deepfacegen.evaluation.metrics.matching import interval
from deepfacegen.evaluation.tree import Tree
from deepfacegen.synthetic.people import NULL

log = logging.getLogger(__name__)

CHANCE = 0.5
REAL_FACES = 2000
SIDE_PX, THUMB_PX = 64, 16
EYE_HALF_HEIGHT_PX, EYE_HALF_WIDTH_PX = 4, 6
GREY_FROM_YEARS = 45.0  # older hair has lost too much of its colour to be audited


@dataclass(frozen=True)
class Faces:
    """Faces uint8 [N, S, S, 3] of any size and the person of each [N] (row of the truth table)."""

    pixels: np.ndarray
    person: np.ndarray

    def of(self, people: np.ndarray) -> Faces:
        """The faces of the people in a mask [I]."""
        kept = people[self.person]
        return Faces(self.pixels[kept], self.person[kept])


def applies(context: Context) -> bool:
    return context.generates and context.truth is not None


def compute(context: Context) -> Tree:
    truth, settings, unseen = context.truth, context.settings, context.unseen
    assert truth is not None
    pixels = context.generated[unseen.name].faces
    number = pd.Series(np.arange(len(truth)), index=truth.index)
    speakers = number.loc[unseen.clips["identity_id"].iloc[: len(pixels)]].to_numpy()
    generated = Faces(pixels.reshape(-1, *pixels.shape[2:]), np.repeat(speakers, pixels.shape[1]))
    tables = (context.manifest.split("train").faces[:REAL_FACES], unseen.faces[:REAL_FACES])
    training, real = (
        Faces(
            shrink(context.photos.rows(table), pixels.shape[2]), number.loc[table["identity_id"]].to_numpy()
        )
        for table in tables
    )
    return {"null_attributes": audit(truth, training, real, generated, settings.bootstrap, settings.seed)}


def audit(
    truth: pd.DataFrame, training: Faces, real: Faces, generated: Faces, resamples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """The metric by attribute.

    `training` are real faces of training people; `real` and `generated` are faces of unseen people. An
    attribute that takes fewer than two values among any of them is left out with a note.
    """
    metrics = {}
    young = truth["age_years"].to_numpy() < GREY_FROM_YEARS
    for name in NULL:
        values = truth[name].to_numpy()
        usable = young if name == "hair_colour" else np.ones(len(truth), dtype=bool)
        known, seen, made = (faces.of(usable) for faces in (training, real, generated))
        if min(len(set(values[np.unique(faces.person)])) for faces in (known, seen, made)) < 2:
            log.warning("null_attributes.%s: left out, for fewer than two values of it occur", name)
            continue
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(
            _region(known.pixels, name), values[known.person]
        )
        on_real, pairs = _forced_choice(model, name, seen, values)
        right, weight = _forced_choice(model, name, made, values)
        low, high = interval(right, weight, resamples, seed)
        metrics[name] = {
            "accuracy": float(right.sum() / weight.sum()),
            "chance": CHANCE,
            "ci95_low": low,
            "ci95_high": high,
            "on_real_faces": float(on_real.sum() / pairs.sum()),
            "identities": len(np.unique(made.person)),
        }
    return metrics


def _forced_choice(
    model: LinearDiscriminantAnalysis, name: str, faces: Faces, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ordered pairs of people with different values: right [I, I] (0, 0.5 or 1 by anchor and other) and which
    pairs count [I, I].

    A person's faces count by their mean log-probability. A value that no training person has scores lowest.
    """
    people, owner = np.unique(faces.person, return_inverse=True)
    log_p = np.log(np.clip(model.predict_proba(_region(faces.pixels, name)), 1e-9, 1.0))
    mean = np.zeros((len(people), log_p.shape[1] + 1))
    np.add.at(mean[:, :-1], owner, log_p)
    mean[:, :-1] /= np.bincount(owner)[:, None]
    mean[:, -1] = -np.inf
    column = {value: i for i, value in enumerate(model.classes_)}
    code = np.array([column.get(value, log_p.shape[1]) for value in values[people]])
    score = mean[:, code]  # [I, I]: how well the other person's value fits this person's faces
    own = np.diagonal(score)[:, None]
    differ = values[people][:, None] != values[people][None, :]
    return np.where(own > score, 1.0, np.where(own == score, 0.5, 0.0)) * differ, differ.astype(np.float64)


def _region(pixels: np.ndarray, name: str) -> np.ndarray:
    """The part of each aligned face that shows the attribute: cheeks, eyes, or the top of the head. float32
    [N, features]."""
    if name == "eye_colour":
        sized = _resized(pixels, SIDE_PX)
        eyes = template(SIDE_PX)[:2].round().astype(int)
        height, width = EYE_HALF_HEIGHT_PX, EYE_HALF_WIDTH_PX
        parts = [sized[:, y - height : y + height, x - width : x + width] for x, y in eyes]
        return np.concatenate([part.reshape(len(pixels), -1) for part in parts], axis=1)
    thumbs = _resized(pixels, THUMB_PX)
    part = thumbs[:, 8:12, 4:12] if name == "skin_tone" else thumbs[:, :5]
    return part.reshape(len(pixels), -1)


def _resized(pixels: np.ndarray, side_px: int) -> np.ndarray:
    """uint8 [N, S, S, 3] -> float32 [N, side, side, 3] in 0..1."""
    method = cv2.INTER_AREA if pixels.shape[1] > side_px else cv2.INTER_CUBIC
    resized = [cv2.resize(face, (side_px, side_px), interpolation=method) for face in pixels]
    return np.stack(resized).astype(np.float32) / 255.0
