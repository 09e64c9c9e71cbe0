"""Estimates from a voice: readouts of apparent gender and age, and how typical it is of the training voices.

A readout is linear in the embedding of the voice (`encoders.speaker`: the unit embedding, then the pitch).
`release.fit` fits them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from deepfacegen.errors import UserError
from deepfacegen.release.folder import AGAIN

FILE = "traits.safetensors"
TYPICALITY = ("mean", "whiten", "distances")
# A voice less typical than 95 % of the training voices is not familiar. Of 82 unseen sample people's 246
# clips one is below; tones and noise are at 0.
UNFAMILIAR_BELOW = 0.05
# 80 % of a normal distribution lie within so many deviations of its mean.
WITHIN_80 = 1.2815515655446004


@dataclass(frozen=True)
class GenderReadout:
    """P(female) = sigmoid(slope * (x @ weight + bias)), assuming equal priors: weight and bias from training
    people, slope (1 / temperature) from validation people."""

    weight: np.ndarray  # float64 [Y]
    bias: float
    slope: float

    def female(self, embeddings: np.ndarray) -> np.ndarray:
        """Embeddings [V, Y] -> probabilities [V]."""
        return 1 / (1 + np.exp(-np.clip(self.slope * (embeddings @ self.weight + self.bias), -40, 40)))


@dataclass(frozen=True)
class AgeReadout:
    """Years = x @ weight + bias, from training people; `deviation_years` is that of validation errors."""

    weight: np.ndarray  # float64 [Y]
    bias: float
    deviation_years: float

    def years(self, embeddings: np.ndarray) -> np.ndarray:
        """Embeddings [V, Y] -> years [V]."""
        return np.maximum(embeddings @ self.weight + self.bias, 0.0)

    def interval(self, years: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Years [V] -> lowest and highest years of the 80 % interval [V]."""
        half = WITHIN_80 * self.deviation_years
        return np.maximum(years - half, 0.0), years + half


@dataclass(frozen=True)
class Typicality:
    """How far a voice lies from the mean training voice, as a share of the training voices that lie farther.

    Distances are Mahalanobis, of a shrunk covariance; `distances` are their quantiles (0 to 1, evenly spaced)
    among training voices, each measured without its own speaker.
    """

    mean: np.ndarray  # float64 [Y]
    whiten: np.ndarray  # float64 [Y, Y]: the distance is the length of (x - mean) @ whiten
    distances: np.ndarray  # float64 [Q], rising

    def share(self, embeddings: np.ndarray) -> np.ndarray:
        """Embeddings [V, Y] -> share of training voices that are less typical [V], 0 to 1."""
        far = np.linalg.norm((embeddings - self.mean) @ self.whiten, axis=1)
        return 1 - np.interp(far, self.distances, np.linspace(0, 1, len(self.distances)))


@dataclass(frozen=True)
class Traits:
    """A readout is None where too few people are labelled."""

    gender: GenderReadout | None
    age: AgeReadout | None
    typicality: Typicality


def save(folder: Path, traits: Traits) -> None:
    """Write traits.safetensors."""
    tensors = {f"typicality.{name}": getattr(traits.typicality, name) for name in TYPICALITY}
    if (gender := traits.gender) is not None:
        tensors |= {"gender.weight": gender.weight, "gender.scalars": [gender.bias, gender.slope]}
    if (age := traits.age) is not None:
        tensors |= {"age.weight": age.weight, "age.scalars": [age.bias, age.deviation_years]}
    arrays = {name: np.ascontiguousarray(value, dtype=np.float64) for name, value in tensors.items()}
    save_file(arrays, folder / FILE)


def load(folder: Path, voice_dim: int) -> Traits:
    """Raises UserError naming the file if it is missing, damaged, or not for `voice_dim`."""
    path = folder / FILE
    try:
        tensors = load_file(path)
        typicality = Typicality(*(tensors[f"typicality.{name}"] for name in TYPICALITY))
        found = [name for name in ("gender", "age") if f"{name}.weight" in tensors]
        weights = {name: tensors[f"{name}.weight"] for name in found}
        scalars = {name: tensors[f"{name}.scalars"].tolist() for name in weights}
    except (OSError, SafetensorError, KeyError) as error:
        raise UserError(f"{path}: cannot be loaded ({str(error).splitlines()[0]})") from None
    if {len(vector) for vector in (typicality.mean, *weights.values())} != {voice_dim}:
        raise UserError(f"{path}: does not belong to the voice encoder of this release; {AGAIN}")
    gender = GenderReadout(weights["gender"], *scalars["gender"]) if "gender" in weights else None
    age = AgeReadout(weights["age"], *scalars["age"]) if "age" in weights else None
    return Traits(gender, age, typicality)
