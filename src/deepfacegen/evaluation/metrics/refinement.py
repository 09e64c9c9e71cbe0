"""How good faces are that were drawn from low-res ones: against the true photo, beside bicubic interpolation,
and against what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from deepfacegen.data.batches import Manifest
from deepfacegen.data.manifest.attributes import matrix
from deepfacegen.data.shards import FaceShards
from deepfacegen.encoders.gradients import oriented_gradients
from deepfacegen.evaluation.metrics import bootstrap
from deepfacegen.evaluation.references.upper_bound import shrink

# low-res faces uint8 [N, s, s, 3], attributes float32 [N, K] (nan: not told) or None -> uint8 [N, S, S, 3]
Refine = Callable[[np.ndarray, np.ndarray | None], np.ndarray]
# low-res faces uint8 [N, s, s, 3], faces of others uint8 [N, S, S, 3] -> uint8 [N, S, S, 3]
Swap = Callable[[np.ndarray, np.ndarray], np.ndarray]
Embed = Callable[[np.ndarray], np.ndarray]

SIGMA_PX, TRUNCATE, BORDER_PX = 1.5, 3.5, 5  # of SSIM's window of 11 px
PEAK = 255.0
JUDGED_PX, RIDGE = 64, 1.0  # of the classifier of attributes
CHUNK = 64


def psnr(faces: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB of uint8 [N, S, S, 3] against the true ones: float64 [N]; inf for
    equal pictures."""
    error = np.array([np.mean((a.astype(np.float64) - b) ** 2) for a, b in zip(faces, true, strict=True)])
    with np.errstate(divide="ignore"):
        return 10 * np.log10(PEAK**2 / error)


def ssim(faces: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang et al. 2004, eq. 13: Gaussian window of 11 px, sigma 1.5, K 0.01 and 0.03),
    the mean of the channels: float64 [N].

    The border of 5 px, where the window would leave the picture, does not count.
    """
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    out = np.empty(len(faces))
    for i in range(len(faces)):
        x, y = faces[i].astype(np.float64), true[i].astype(np.float64)
        mx, my = _smooth(x), _smooth(y)
        vx, vy, vxy = _smooth(x * x) - mx * mx, _smooth(y * y) - my * my, _smooth(x * y) - mx * my
        index = ((2 * mx * my + c1) * (2 * vxy + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))
        out[i] = index[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX].mean()
    return out


def enlarged(low: np.ndarray, size_px: int) -> np.ndarray:
    """uint8 [N, s, s, 3] -> [N, size, size, 3] by bicubic interpolation: the yardstick."""
    return np.stack([cv2.resize(face, (size_px, size_px), interpolation=cv2.INTER_CUBIC) for face in low])


@dataclass(frozen=True)
class AttributeClassifier:
    """Tells attributes from faces: kernel ridge regression on shape (oriented gradients), colours, and the
    eyes, all at 64 px.

    It takes no part in the training of the GAN, nor the GAN in its own: they share the photos of training
    people, and nothing that is learned. Features and ridge were chosen by cross-validation over training and
    validation people of sample data with other seeds than the default.
    """

    means: tuple[Tensor, ...]
    scales: tuple[Tensor, ...]
    support: Tensor
    weight: Tensor
    bias: Tensor

    @classmethod
    def fit(cls, faces: np.ndarray, attributes: np.ndarray, ridge: float = RIDGE) -> AttributeClassifier:
        """uint8 [N, S, S, 3] and attributes [N, K] (1, -1, nan unknown; unknown ones count as 0). Each face
        is also taken mirrored."""
        both = _features(np.concatenate([faces, faces[:, :, ::-1]]))
        means = tuple(part.mean(dim=0) for part in both)
        scales = tuple(
            (part - mean).std() * part.shape[1] ** 0.5 for part, mean in zip(both, means, strict=True)
        )
        support = _joined(both, means, scales)
        target = torch.from_numpy(np.nan_to_num(attributes)).float().repeat(2, 1)
        bias = target.mean(dim=0)
        weight = torch.linalg.solve(support @ support.T + ridge * torch.eye(len(support)), target - bias)
        return cls(means, scales, support, weight, bias)

    def scores(self, faces: np.ndarray) -> np.ndarray:
        """uint8 [N, S, S, 3] -> float32 [N, K]: above 0 the face shows it."""
        parts = [
            _joined(_features(faces[i : i + CHUNK]), self.means, self.scales)
            for i in range(0, len(faces), CHUNK)
        ]
        return (torch.cat(parts) @ self.support.T @ self.weight + self.bias).numpy()


def classifier(manifest: Manifest, photos: FaceShards, attributes: pd.DataFrame) -> AttributeClassifier:
    """From all photos of training and validation people, of whom the GAN met the former; none of a test
    person."""
    known = manifest.faces[manifest.faces["split"].isin(["train", "val"])]
    return AttributeClassifier.fit(_faces(known, photos), matrix(attributes, known))


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
    """Of unseen people's photos, reduced to low_px by area and drawn again at size_px.

    `psnr_db`, `ssim`, `identity_cosine` (by a judge's `embed`, to the true face): `refined`, `bicubic`, and
    `gain`, refined less bicubic, with its 95 % interval over people; refined with the true attributes
    (`told`) and with those guessed from the low-res face (`guessed`). `attributes`: the share of drawn faces
    that show what was asked, by the classifier: `own` (the person's own attributes), `changed` (another
    unseen person's, where they differ from the own), and `real_photos`, what the classifier gets right of
    photos. `swap`: see `_swapped`.
    """
    unseen = manifest.split("test").faces
    person = pd.factorize(unseen["identity_id"])[0]
    true = shrink(_faces(unseen, photos), size_px)
    low, asked = shrink(true, low_px), matrix(attributes, unseen)
    drawn = {"given": refine(low, asked), "guessed": refine(low, None)}
    plain = enlarged(low, size_px)
    vectors = embed(true)
    told: dict[str, Any] = {
        "faces": len(unseen),
        "identities": int(person.max()) + 1,
        "scale": size_px // low_px,
        "size_px": size_px,
    }
    measures: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "psnr_db": lambda faces: psnr(faces, true),
        "ssim": lambda faces: ssim(faces, true),
        "identity_cosine": lambda faces: (embed(faces) * vectors).sum(axis=1),
    }
    for name, of in measures.items():
        yardstick = of(plain)
        told[name] = {"bicubic": float(yardstick.mean())}
        for way, faces in drawn.items():
            told[name][way] = {
                "refined": float((mine := of(faces)).mean()),
                **_over_people("gain", mine - yardstick, person, resamples, seed),
            }
    judge, names = classifier(manifest, photos, attributes), list(attributes.columns)
    other = _strangers(person, seed)
    every, differs = np.ones(asked.shape, dtype=bool), (asked[other] != asked) & ~np.isnan(asked)
    told["attributes"] = {
        "own": _shown(judge.scores(drawn["given"]), asked, every, person, names, resamples, seed),
        "changed": _shown(
            judge.scores(refine(low, asked[other])), asked[other], differs, person, names, resamples, seed
        ),
        "real_photos": _shown(judge.scores(true), asked, every, person, names, resamples, seed),
    }
    if swap is not None:
        told["swap"] = _swapped(swap(low, true[other]), vectors, embed, other, person, resamples, seed)
    return told


def _swapped(
    drawn: np.ndarray,
    vectors: np.ndarray,
    embed: Embed,
    other: np.ndarray,
    person: np.ndarray,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Faces drawn from one's low-res face as another's: cosine to that identity, to the source, and how often
    the identity is nearer."""
    of = embed(drawn)
    identity, source = (of * vectors[other]).sum(axis=1), (of * vectors).sum(axis=1)
    nearer = _over_people("identity_nearer", (identity > source).astype(np.float64), person, resamples, seed)
    return {"identity_cosine": float(identity.mean()), "source_cosine": float(source.mean()), **nearer}


def _shown(
    scores: np.ndarray,
    asked: np.ndarray,
    counted: np.ndarray,
    person: np.ndarray,
    names: Sequence[str],
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """The share of attributes, where `counted` [N, K] and known, whose side the scores are on: by name, and
    over all (interval over people)."""
    counted = counted & ~np.isnan(asked)
    right = (scores * np.nan_to_num(asked) > 0) & counted
    told: dict[str, Any] = {
        name: float(right[:, k].sum() / counted[:, k].sum())
        for k, name in enumerate(names)
        if counted[:, k].any()
    }
    _, hits, _ = bootstrap.person_sums(right.sum(axis=1), person)
    _, trials, _ = bootstrap.person_sums(counted.sum(axis=1), person)
    some = trials > 0
    return told | (bootstrap.mean("all", hits[some], trials[some], resamples, seed) if some.any() else {})


def _over_people(
    name: str, values: np.ndarray, person: np.ndarray, resamples: int, seed: int
) -> dict[str, float]:
    _, total, count = bootstrap.person_sums(values, person)
    return bootstrap.mean(name, total, count, resamples, seed)


def _strangers(person: np.ndarray, seed: int) -> np.ndarray:
    """For each photo [N] one of another person: a ring of all people in random order, each asked for what the
    next one's photos show."""
    order = np.random.default_rng([seed, 14]).permutation(person.max() + 1)
    following = np.empty(len(order), dtype=np.int64)
    following[order] = np.roll(order, -1)
    first = np.unique(person, return_index=True)[1]
    return first[following[person]]


def _smooth(x: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(x, (SIGMA_PX, SIGMA_PX, 0), truncate=TRUNCATE)


def _faces(table: pd.DataFrame, photos: FaceShards) -> np.ndarray:
    return photos.gather(table["shard"].to_numpy(), table["row"].to_numpy())


def _features(faces: np.ndarray) -> tuple[Tensor, ...]:
    """Shape, colours at 16 px, the inner face at 32 px, the band of the eyes at 64 px, and its colours
    whatever the light, each [N, D]."""
    x = (
        torch.from_numpy(shrink(np.ascontiguousarray(faces), JUDGED_PX)).permute(0, 3, 1, 2).float() / 127.5
        - 1
    )
    eyes = x[:, :, 22:34, 14:50]
    parts = (F.avg_pool2d(x, 4), F.avg_pool2d(x, 2)[:, :, 6:26, 6:26], eyes, eyes[:, [0, 2]] - eyes[:, 1:2])
    return (oriented_gradients(x), *(part.flatten(1) for part in parts))


def _joined(parts: tuple[Tensor, ...], means: tuple[Tensor, ...], scales: tuple[Tensor, ...]) -> Tensor:
    return torch.cat(
        [(part - mean) / scale for part, mean, scale in zip(parts, means, scales, strict=True)], dim=1
    )
