"""How good refined faces are, which were enlarged from low-res ones: against the real photo, beside bicubic
interpolation, and by the attributes that were given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import pandas as pd
from scipy import ndimage

from deepfacegen.data.batches import Manifest
from deepfacegen.data.manifest.attributes import matrix
from deepfacegen.data.shards import FaceShards
from deepfacegen.evaluation.embedders.chips import shrink
from deepfacegen.evaluation.embeddings import Embed
from deepfacegen.evaluation.refinement.attribute_classifier import classifier
from deepfacegen.evaluation.statistics import bootstrap

# low-res faces uint8 [N, s, s, 3], attributes float32 [N, K] (nan: not given) or None -> uint8 [N, S, S, 3]
Refine = Callable[[np.ndarray, np.ndarray | None], np.ndarray]
# low-res faces uint8 [N, s, s, 3], faces of others uint8 [N, S, S, 3] -> uint8 [N, S, S, 3]
Swap = Callable[[np.ndarray, np.ndarray], np.ndarray]

SIGMA_PX, TRUNCATE, BORDER_PX = 1.5, 3.5, 5  # of SSIM's window of 11 px
PEAK = 255.0


def measure(
    refine: Refine,
    low_px: int,
    size_px: int,
    manifest: Manifest,
    photos: FaceShards,
    attributes: pd.DataFrame,
    embed: Embed,
    resamples: int,
    seed: int,
    swap: Swap | None = None,
) -> dict[str, Any]:
    """Of unseen people's photos, reduced to low_px by area and refined to size_px.

    `psnr_db`, `ssim`, `identity_cosine` (by a judge's `embed`, to the real face): `bicubic`, and with the
    real attributes (`given`) or those that the refiner guesses from the low-res face (`guessed`) `refined`
    and `gain`, refined less bicubic, with its 95 % interval over people. `attributes`: the share of given
    attributes that the classifier finds: of the person's `own`, of `changed` ones (another unseen person's,
    where they differ from the own), and of the `real_photos` themselves. `swap`: see `_swapped`.
    """
    unseen = manifest.split("test").faces
    person = pd.factorize(unseen["identity_id"])[0]
    real = shrink(photos.rows(unseen), size_px)
    low, own = shrink(real, low_px), matrix(attributes, unseen)
    refined = {"given": refine(low, own), "guessed": refine(low, None)}
    plain, embeddings = enlarged(low, size_px), embed(real)
    metrics: dict[str, Any] = {
        "faces": len(unseen),
        "identities": int(person.max()) + 1,
        "scale": size_px // low_px,
        "size_px": size_px,
    }
    measures: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "psnr_db": lambda faces: psnr(faces, real),
        "ssim": lambda faces: ssim(faces, real),
        "identity_cosine": lambda faces: (embed(faces) * embeddings).sum(axis=1),
    }
    for name, of in measures.items():
        bicubic = of(plain)
        metrics[name] = {"bicubic": float(bicubic.mean())}
        for way, faces in refined.items():
            values = of(faces)
            gain = bootstrap.mean_over_people("gain", values - bicubic, person, resamples, seed)
            metrics[name][way] = {"refined": float(values.mean()), **gain}
    judge, names = classifier(manifest, photos, attributes), list(attributes.columns)
    other = _others(person, seed)
    changed, every = own[other], np.ones(own.shape, dtype=bool)

    def share(faces: np.ndarray, given: np.ndarray, counted: np.ndarray) -> dict[str, Any]:
        return _share_right(judge.scores(faces), given, counted, person, names, resamples, seed)

    metrics["attributes"] = {
        "own": share(refined["given"], own, every),
        "changed": share(refine(low, changed), changed, (changed != own) & ~np.isnan(own)),
        "real_photos": share(real, own, every),
    }
    if swap is not None:
        faces = embed(swap(low, real[other]))
        metrics["swap"] = _swapped(faces, embeddings[other], embeddings, person, resamples, seed)
    return metrics


def _swapped(
    swapped: np.ndarray,
    identity: np.ndarray,
    source: np.ndarray,
    person: np.ndarray,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Embeddings [N, D] of faces refined from a source's low-res face with another's identity, of that
    identity and of the source -> mean cosines to both, and how often the identity is nearer."""
    to_identity, to_source = ((swapped * of).sum(axis=1) for of in (identity, source))
    nearer = (to_identity > to_source).astype(np.float64)
    return {
        "identity_cosine": float(to_identity.mean()),
        "source_cosine": float(to_source.mean()),
        **bootstrap.mean_over_people("identity_nearer", nearer, person, resamples, seed),
    }


def _share_right(
    scores: np.ndarray,
    given: np.ndarray,
    counted: np.ndarray,
    person: np.ndarray,
    names: Sequence[str],
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """The share of attributes, where `counted` [N, K] and known, whose scores have the sign of those given:
    by name, and over all (interval over people)."""
    counted = counted & ~np.isnan(given)
    right = (scores * np.nan_to_num(given) > 0) & counted
    metrics: dict[str, Any] = {
        name: float(right[:, k].sum() / counted[:, k].sum())
        for k, name in enumerate(names)
        if counted[:, k].any()
    }
    _, hits, _ = bootstrap.person_sums(right.sum(axis=1), person)
    _, trials, _ = bootstrap.person_sums(counted.sum(axis=1), person)
    some = trials > 0
    return metrics | (bootstrap.mean("all", hits[some], trials[some], resamples, seed) if some.any() else {})


def _others(person: np.ndarray, seed: int) -> np.ndarray:
    """For each photo [N] the row of one of another person: everybody's is the next one's in a ring of all
    people in random order."""
    order = np.random.default_rng([seed, 14]).permutation(person.max() + 1)
    following = np.empty(len(order), dtype=np.int64)
    following[order] = np.roll(order, -1)
    first = np.unique(person, return_index=True)[1]
    return first[following[person]]


def psnr(faces: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB of uint8 [N, S, S, 3] against the real ones: float64 [N]; inf for
    equal pictures."""
    error = np.array([np.mean((a.astype(np.float64) - b) ** 2) for a, b in zip(faces, real, strict=True)])
    with np.errstate(divide="ignore"):
        return 10 * np.log10(PEAK**2 / error)


def ssim(faces: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang et al. 2004, eq. 13: Gaussian window of 11 px, sigma 1.5, K 0.01 and 0.03),
    the mean of the channels: float64 [N].

    The border of 5 px, where the window would leave the picture, does not count.
    """
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    out = np.empty(len(faces))
    for i in range(len(faces)):
        x, y = faces[i].astype(np.float64), real[i].astype(np.float64)
        mx, my = _smooth(x), _smooth(y)
        vx, vy, vxy = _smooth(x * x) - mx * mx, _smooth(y * y) - my * my, _smooth(x * y) - mx * my
        index = ((2 * mx * my + c1) * (2 * vxy + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))
        out[i] = index[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX].mean()
    return out


def enlarged(low: np.ndarray, size_px: int) -> np.ndarray:
    """uint8 [N, s, s, 3] -> [N, size, size, 3] by bicubic interpolation: the baseline."""
    return np.stack([cv2.resize(face, (size_px, size_px), interpolation=cv2.INTER_CUBIC) for face in low])


def _smooth(x: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(x, (SIGMA_PX, SIGMA_PX, 0), truncate=TRUNCATE)
