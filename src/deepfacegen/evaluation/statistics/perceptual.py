"""Perceptual distance of two faces by a recogniser's inner layers: between samples, voices and real
people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfacegen import weights
from deepfacegen.data.batches import ByLabel
from deepfacegen.data.faces.align import recogniser_crop
from deepfacegen.evaluation.embedders import sface_net
from deepfacegen.evaluation.embedders.chips import shrink

# The last activation before each halving of SFace: 64 channels at 112 px, 128 at 56, 256 at 28, 512 at 14,
# 1024 at 7.
LAYERS = ("conv_2_relu", "conv_4_relu", "conv_6_relu", "conv_12_relu", "conv_14_relu")
PAIRS_AT_ONCE, FACES_AT_ONCE = 12, 48  # a face has 6 MB of features


@dataclass(frozen=True)
class Perceptual:
    """The inner layers of SFace: the distance of Zhang et al. (2018, eq. 1), with every channel and every
    layer counted alike.

    Their weights were learned from people's judgements and belong to other networks; without them the
    distance is of the same kind, but its numbers cannot be compared with published LPIPS. On photos of 128 px
    (LFW), two people differ by 0.97, two photos of a person by 0.82, and a photo from its copy blurred over 7
    px by 0.14.
    """

    net: sface_net.SfaceNet

    @classmethod
    def load(cls) -> Perceptual:
        """Raises UserError when the weights are not on this machine."""
        return cls(sface_net.read(weights.locate("sface")))

    def features(self, faces: np.ndarray) -> list[np.ndarray]:
        """Aligned faces uint8 [N, S, S, 3], RGB -> for each layer float32 [N, C, H, W], of length 1 at each
        position. 6 MB a face."""
        return [normalise(layer) for layer in self.net.layers(recogniser_crop(faces), LAYERS)]

    def distance(self, faces: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Aligned faces uint8 [N, S, S, 3] and pairs of their rows i, j [P] -> float64 [P], 0 for equal
        faces, at most 4.

        A few pairs at a time, so memory does not grow with their number; a face that several pairs of such a
        part share is embedded once, and so is every face where there are few.
        """
        few, place = np.unique(np.stack([i, j]), return_inverse=True)
        all_of_them = self.features(faces[few]) if 0 < len(few) <= FACES_AT_ONCE else None
        out = np.empty(len(i))
        for start in range(0, len(i), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            if all_of_them is not None:
                out[part] = layer_distance(all_of_them, *place.reshape(2, -1)[:, part])
                continue
            rows, where = np.unique(np.stack([i[part], j[part]]), return_inverse=True)
            out[part] = layer_distance(self.features(faces[rows]), *where.reshape(2, -1))
        return out


def normalise(layer: np.ndarray) -> np.ndarray:
    """[N, C, H, W] -> the same, its channels scaled to length 1 at each position; a position of zeros stays
    zero."""
    length = np.sqrt(np.einsum("nchw,nchw->nhw", layer, layer))
    return layer / np.maximum(length, 1e-10)[:, None]


def layer_distance(layers: list[np.ndarray], i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Normalised layers [N, C, H, W] and pairs of rows i, j [P] -> squared differences summed over channels,
    averaged over positions, then over layers: float64 [P]."""
    total = np.zeros(len(i))
    for layer in layers:
        difference = layer[i] - layer[j]
        total += np.einsum("pchw,pchw->phw", difference, difference).mean(axis=(1, 2), dtype=np.float64)
    return total / len(layers)


def diversity(
    faces: np.ndarray,
    real: np.ndarray,
    real_person: np.ndarray,
    pairs: int = 300,
    seed: int = 0,
    perceptual: Perceptual | None = None,
) -> dict[str, float]:
    """Generated faces uint8 [K, n, S, S, 3], n samples for each of K voices, and real ones uint8 [M, R, R, 3]
    of people real_person [M] -> mean distances, each of `pairs` random pairs.

    `perceptual_within_voice`: two samples of one voice (needs n > 1). `perceptual_between_voices`: two voices
    with one sample number (needs K > 1). `perceptual_real`: photos of two people, each as likely as any other
    (needs two). The pairs lie on a walk, where a face is paired with the one before and the one after: as
    many pairs from half as many faces. Real faces are reduced to the size of generated ones, for detail that
    no generated face can have is a distance, too. Raises UserError without weights.
    """
    perceptual = perceptual or Perceptual.load()
    rng = np.random.default_rng([seed, 9])
    (voices, samples), side = faces.shape[:2], faces.shape[2]
    within, between = "perceptual_within_voice", "perceptual_between_voices"
    kinds = [name for name, count in ((within, samples), (between, voices)) if count > 1]
    metrics = {}
    if kinds:
        # In turn another sample of the voice, and another voice with the same sample number.
        kind = np.arange(pairs * len(kinds)) % len(kinds)
        voice = _walk(voices, np.array(kinds)[kind] == between, rng)
        sample = _walk(samples, np.array(kinds)[kind] == within, rng)
        along = _along(perceptual, faces.reshape(-1, *faces.shape[2:]), voice * samples + sample)
        metrics = {name: float(along[kind == number].mean()) for number, name in enumerate(kinds)}
    people, person = np.unique(real_person, return_inverse=True)
    if len(people) > 1:
        rows = ByLabel(person).draw(_walk(len(people), np.ones(pairs, dtype=bool), rng), rng)
        chosen, place = np.unique(rows, return_inverse=True)
        photos = real[chosen] if real.shape[1] <= side else shrink(real[chosen], side)
        metrics["perceptual_real"] = float(_along(perceptual, photos, place).mean())
    return metrics


def _walk(places: int, moves: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Places 0..places-1 along a random walk that moves to any other place where `moves` [P] says so and
    stays where not: int64 [P + 1].

    At every step each place is as likely as any other.
    """
    jump = np.where(moves, rng.integers(1, max(places, 2), size=len(moves)), 0)
    return (rng.integers(places) + np.concatenate([[0], np.cumsum(jump)])) % places


def _along(perceptual: Perceptual, faces: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Distance of each row [P + 1] of faces to the next one: [P]. Pairs that come again are computed
    once."""
    pairs = np.sort(np.stack([rows[:-1], rows[1:]], axis=1), axis=1)
    _, first, place = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)  # as they come along the walk, where neighbours share a face
    values = np.empty(len(first))
    values[order] = perceptual.distance(faces, *pairs[first[order]].T)
    return values[place.reshape(-1)]
