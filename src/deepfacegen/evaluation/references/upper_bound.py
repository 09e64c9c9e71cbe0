"""The ceiling (sample people only): a perfect listener who draws what can be known from the voice, and
invents the rest."""

from __future__ import annotations

import functools

import cv2
import numpy as np
import pandas as pd

from deepfacegen.data.faces.align import align
from deepfacegen.data.faces.detect import Detector
from deepfacegen.data.fanout.schedule import map_shards
from deepfacegen.synthetic.people import Person, from_row, imagine
from deepfacegen.synthetic.portrait import render_portrait

TRIES = 5  # the detector finds nearly every portrait at once
PEOPLE_PER_UNIT = 4


def imagined_faces(
    truth: pd.DataFrame, draws: int, photo_px: int, aligned_px: int, drawn_px: int, seed: int
) -> np.ndarray:
    """Faces of strangers who sound like each person in `truth` [I] (rows of truth.parquet): uint8 [I, draws,
    drawn_px, drawn_px, 3].

    Each is rendered like any sample photo, found and aligned like one, and reduced to the size of the
    system's drawn faces, so that the judge is handed no more detail than it gets from the system.
    """
    people = [(i, from_row(row)) for i, (_, row) in enumerate(truth.iterrows())]
    units = [people[start : start + PEOPLE_PER_UNIT] for start in range(0, len(people), PEOPLE_PER_UNIT)]
    work = functools.partial(_portraits, draws, photo_px, aligned_px, drawn_px, seed)
    done = map_shards(work, units, [len(unit) for unit in units], "imagined faces")
    return np.concatenate(done)


def shrink(faces: np.ndarray, side_px: int) -> np.ndarray:
    """uint8 [N, S, S, 3] -> uint8 [N, side, side, 3] by area, as drawn faces are learned from stored ones."""
    if faces.shape[1] == side_px:
        return faces
    return np.stack([cv2.resize(face, (side_px, side_px), interpolation=cv2.INTER_AREA) for face in faces])


def _portraits(
    draws: int, photo_px: int, aligned_px: int, drawn_px: int, seed: int, unit: list[tuple[int, Person]]
) -> np.ndarray:
    detector = Detector()
    return np.stack(
        [
            [_face(detector, person, (seed, 3, i, k), photo_px, aligned_px, drawn_px) for k in range(draws)]
            for i, person in unit
        ]
    )


def _face(
    detector: Detector, person: Person, seed: tuple[int, ...], photo_px: int, aligned_px: int, drawn_px: int
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    for _ in range(TRIES):
        photo = render_portrait(imagine(person, rng), rng, photo_px)
        found = detector.detect(photo)
        if len(found):
            return shrink(align(photo, found.points[0], aligned_px)[None], drawn_px)[0]
    raise RuntimeError(f"the detector finds no face in {TRIES} portraits of {photo_px} px")
