"""Proportions of the face (Oh et al. 2019, table 2b) from 68 points, and their correlation between generated
and real faces over people.

The measures are those of anthropometry (Farkas 1994). Points are numbered 0..67 as by iBUG (Sagonas et al.
2013): jaw 0-16, brows 17-26, ridge of the nose 27-30, its base 31-35, eyes 36-47 (corners 36, 39, 42, 45),
outer lips 48-59, inner lips 60-67.

Expression and pose move the points, too: over 600 people of LFW with two photos each, a measure of one photo
correlates with that of the other by r = 0.42 on average (0.23 for the vermilion index, 0.52 for the nasal
one), with faces shrunk to 64 px as well. Against one real photo a person, no generated face can be expected
to reach more than the square root of that.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import dlib
import numpy as np

from deepfacegen import weights
from deepfacegen.evaluation.statistics import bootstrap

POINTS = 68
SHUFFLES = 400
# The box in which the predictor begins, in shares of the side of an aligned face: centre (x, y) and side. The
# mean of those in which dlib's frontal face detector finds 500 aligned photos of LFW (standard deviation over
# photos 0.03 for the centre, 0.06 for the side).
BOX_CENTRE = (0.5, 0.61)
BOX_SIDE = 0.645
# dlib rounds points to whole pixels and looks beyond its box, so a face is enlarged to this side and its
# border continued.
WORKING_PX, BORDER_PX = 512, 128

Pairs = tuple[tuple[int, int], ...]
# ex-ex, between the outer corners of the eyes: lengths are divided by it, for expression moves it least.
BIOCULAR: Pairs = ((36, 45),)


@dataclass(frozen=True)
class Ratio:
    """The mean distance over some pairs of points divided by that over others."""

    over: Pairs
    under: Pairs
    definition: str

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return _divide(_distance(points, self.over), _distance(points, self.under))


@dataclass(frozen=True)
class Triangle:
    """The area of a triangle of points divided by the square of the mean distance over some pairs."""

    corners: tuple[int, int, int]
    under: Pairs
    definition: str

    def __call__(self, points: np.ndarray) -> np.ndarray:
        a, b, c = (points[:, k].astype(np.float64) for k in self.corners)
        (ux, uy), (vx, vy) = (b - a).T, (c - a).T
        return _divide(0.5 * np.abs(ux * vy - uy * vx), _distance(points, self.under) ** 2)


# The paper names its measures and leaves their points to anthropometry; which of the 68 stand for Farkas'
# landmarks is our choice: n nasion 27, sn subnasale 33, al alare 31 and 35, ls and li middle of the upper and
# the lower border of the lips 51 and 57, ls' the upper border below the nostrils 49 and 53, sto where the
# lips meet (62 of the upper, 66 of the lower one), ch corners of the mouth 48 and 54, gn chin 8, go angles of
# the jaw 4 and 12, zy cheek bones 1 and 15, en inner corners of the eyes 39 and 42, ex outer ones 36 and 45.
MEASURES: dict[str, Ratio | Triangle] = {
    "upper_lip_height": Ratio(((33, 62),), BIOCULAR, "sn-sto / ex-ex"),
    "lateral_upper_lip_heights": Ratio(((31, 49), (35, 53)), BIOCULAR, "al-ls' / ex-ex, mean of both sides"),
    "jaw_width": Ratio(((4, 12),), BIOCULAR, "go-go / ex-ex"),
    "nose_height": Ratio(((27, 33),), BIOCULAR, "n-sn / ex-ex"),
    "nose_width": Ratio(((31, 35),), BIOCULAR, "al-al / ex-ex"),
    "labio_oral_region": Ratio(((48, 54),), BIOCULAR, "ch-ch / ex-ex"),
    "mandibular_index": Ratio(((66, 8),), ((4, 12),), "sto-gn / go-go"),
    "intercanthal_index": Ratio(((39, 42),), BIOCULAR, "en-en / ex-ex"),
    "nasal_index": Ratio(((31, 35),), ((27, 33),), "al-al / n-sn"),
    "vermilion_height_index": Ratio(((51, 62),), ((66, 57),), "ls-sto / sto-li"),
    "mouth_face_width_index": Ratio(((48, 54),), ((1, 15),), "ch-ch / zy-zy"),
    "nose_area": Triangle((27, 31, 35), BIOCULAR, "area of the triangle n, al, al / (ex-ex)^2"),
}


@functools.cache
def _predictor() -> dlib.shape_predictor:
    return dlib.shape_predictor(str(weights.locate("dlib_68")))  # 100 MB, which take a second to read


def landmarks(faces: np.ndarray) -> np.ndarray:
    """Aligned faces uint8 [N, S, S, 3], RGB -> 68 points, (x, y) in their pixels with pixel centres at whole
    numbers: float32 [N, 68, 2].

    dlib's shape predictor (Kazemi and Sullivan 2014) from one fixed box. For a picture without a face it
    returns an average one. Raises UserError when the weights are not on this machine.
    """
    predictor = _predictor()
    half = BOX_SIDE * WORKING_PX / 2
    x, y = (BORDER_PX + part * WORKING_PX for part in BOX_CENTRE)
    box = dlib.rectangle(*(round(edge) for edge in (x - half, y - half, x + half, y + half)))
    found = np.empty((len(faces), POINTS, 2), dtype=np.float32)
    for i, face in enumerate(faces):
        large = cv2.resize(face, (WORKING_PX, WORKING_PX), interpolation=cv2.INTER_CUBIC)
        shape = predictor(cv2.copyMakeBorder(large, *(BORDER_PX,) * 4, cv2.BORDER_REPLICATE), box)
        found[i] = [(part.x, part.y) for part in shape.parts()]
    return ((found - BORDER_PX + 0.5) * (faces.shape[1] / WORKING_PX) - 0.5).astype(np.float32)


def measures(points: np.ndarray) -> dict[str, np.ndarray]:
    """Points [N, 68, 2] -> every measure, the same whatever the scale, place and turn of a face: float64 [N];
    nan where it divides by 0."""
    return {name: measure(points) for name, measure in MEASURES.items()}


def correlations(
    generated: Mapping[str, np.ndarray],
    generated_person: np.ndarray,
    real: Mapping[str, np.ndarray],
    real_person: np.ndarray,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, float | int]]:
    """{measure: r, ci95_low, ci95_high, shuffled_r, identities}: Pearson's r over people between their mean
    generated and their mean real face.

    generated, real: every measure of generated faces [N] and of real ones [M], and the person of each. People
    who have both take part, and count equally; the interval resamples them. `shuffled_r` is what chance alone
    reaches: of people paired at random, SHUFFLES times, one in forty has a higher r. A measure that does not
    vary, or fewer than three people have, is left out.
    """
    metrics: dict[str, dict[str, float | int]] = {}
    for name in generated:
        people, x = _person_means(generated[name], generated_person)
        others, y = _person_means(real[name], real_person)
        _, i, j = np.intersect1d(people, others, assume_unique=True, return_indices=True)
        x, y = x[i], y[j]
        found = bootstrap.correlation(x, y, resamples, seed)
        if found is not None:
            interval = dict(zip(("r", "ci95_low", "ci95_high"), found, strict=True))
            metrics[name] = {**interval, "shuffled_r": _shuffled(x, y, seed), "identities": len(x)}
    return metrics


def _shuffled(x: np.ndarray, y: np.ndarray, seed: int) -> float:
    x, y = ((values - values.mean()) / values.std() for values in (x, y))
    others = np.random.default_rng([seed, 12]).permuted(np.tile(y, (SHUFFLES, 1)), axis=1)
    return float(np.quantile(others @ x / len(x), 0.975))


def _distance(points: np.ndarray, pairs: Pairs) -> np.ndarray:
    one, other = np.array(pairs).T
    return np.linalg.norm(points[:, one].astype(np.float64) - points[:, other], axis=2).mean(axis=1)


def _divide(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    return np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0)


def _person_means(values: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(values)
    people, total, count = bootstrap.person_sums(values[known], person[known])
    return people, total / count
