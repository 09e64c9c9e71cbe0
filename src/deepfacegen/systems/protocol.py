"""What evaluation, report and serving know of a system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from deepfacegen.config.systems import CycleganConfig


@runtime_checkable
class FaceGenerator(Protocol):
    """A system that generates faces from voices."""

    def generate(self, voices: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
        """voices: int16 arrays, 16 kHz mono -> uint8 [V, n, S, S, 3], RGB, in the alignment template.

        The same voice, number and seed give the same face, whatever else is in the batch.
        """
        ...


@runtime_checkable
class LatentGenerator(Protocol):
    """A system that generates from the embedding of a voice and latents of the caller's."""

    @property
    def image_size_px(self) -> int: ...

    @property
    def voice_dim(self) -> int:
        """Length of an embedding: the unit speaker embedding, then the pitch."""
        ...

    @property
    def latent_dim(self) -> int:
        """Numbers behind one face, besides the voice."""
        ...

    def embed(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        """int16 arrays, 16 kHz mono -> float32 [V, voice_dim]."""
        ...

    def latents(self, n: int, seed: int) -> np.ndarray:
        """Those that `FaceGenerator.generate` takes for n faces of a seed, of unit deviation: float32 [n,
        latent_dim]."""
        ...

    def generate_from(self, embeddings: np.ndarray, latents: np.ndarray) -> np.ndarray:
        """Embeddings [V, voice_dim] and latents, the same for all voices [n, latent_dim] or for each its own
        [V, n, latent_dim], float32 -> uint8 [V, n, S, S, 3]."""
        ...

    def pitch_hz(self, voice: np.ndarray) -> float | None:
        """Median pitch of an int16 array, 16 kHz mono; None when nothing in it is voiced."""
        ...


@runtime_checkable
class HasTemperature(Protocol):
    """A system whose latents are scaled by a temperature: 0 generates the typical face of a voice, 1 the
    whole variety."""

    temperature: float

    def at_temperature(self, temperature: float) -> System:
        """The same system with latents scaled by `temperature`."""
        ...


@runtime_checkable
class HasDirections(Protocol):
    """A system whose faces follow a voice in a few directions, the one that voices say most about first."""

    @property
    def directions(self) -> int:
        """How many; 0 where it takes the whole embedding of a voice."""
        ...

    def generate_along(self, deviations: np.ndarray) -> np.ndarray:
        """Places on the directions, in standard deviations over faces from the mean face, float32 [N,
        directions] -> the typical face of each, without latents, uint8 [N, S, S, 3]."""
        ...


@runtime_checkable
class VoiceFaceMatcher(Protocol):
    """A system that compares voices with faces itself."""

    def score(self, voices: Sequence[np.ndarray], faces: np.ndarray) -> np.ndarray:
        """int16 arrays, uint8 [F, S, S, 3] -> float32 [V, F], higher = same person."""
        ...


@runtime_checkable
class HasFaceFeatures(Protocol):
    """A system whose training had a network of its own for faces. That has seen the seen people, so it only
    ever judges beside an independent one."""

    def face_features(self, faces: np.ndarray) -> np.ndarray:
        """uint8 [N, S, S, 3], RGB, in the alignment template -> float32 [N, D]."""
        ...


@runtime_checkable
class VoiceEncoder(Protocol):
    """What embeds a voice for a system."""

    def speaker_embeddings(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        """voices: int16 arrays, 16 kHz mono -> unit speaker embeddings, float32 [V, D]."""
        ...


System = FaceGenerator | VoiceFaceMatcher


class Refiner(Protocol):
    """What generates larger faces, of `size_px`, from low-res ones of `low_px`; all are uint8 [N, S, S, 3],
    RGB, in the alignment template.

    attributes: float [N, K] in the order of `names`, 1 yes, -1 no, nan unknown: guessed from the face.
    identity: faces that the generated ones should look like; a refiner whose `identity_dim` is 0 takes none.
    """

    params: CycleganConfig
    names: list[str]
    identity_dim: int
    low_px: int
    size_px: int

    def guess(self, faces: np.ndarray) -> np.ndarray:
        """The attributes that faces seem to have, 1 or -1: float32 [N, K]."""
        ...

    def upscale(
        self, faces_low: np.ndarray, attributes: np.ndarray | None = None, identity: np.ndarray | None = None
    ) -> np.ndarray:
        """A low-res face, large."""
        ...

    def swap(
        self, faces_low: np.ndarray, identity: np.ndarray, attributes: np.ndarray | None = None
    ) -> np.ndarray:
        """A low-res face, large, with another's identity."""
        ...

    def frontal(
        self, faces: np.ndarray, attributes: np.ndarray | None = None, identity: np.ndarray | None = None
    ) -> np.ndarray:
        """A turned face, large, from the front."""
        ...
