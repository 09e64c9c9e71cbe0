"""The generator of a folder of models: the ONNX model of its release, or the networks themselves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepfacegen.release.generator import FromVoices, VoiceGenerator
from deepfacegen.release.latents import standard_normal
from deepfacegen.systems.protocol import LatentGenerator


class Networks:
    """A trained system in PyTorch, on any device."""

    def __init__(self, system: LatentGenerator) -> None:
        self._system = system
        self.image_size_px, self.voice_dim = system.image_size_px, system.voice_dim
        self.latent_dim = system.latent_dim

    def latents(self, n: int, seed: int) -> np.ndarray:
        """As the ONNX model has them, to the last bit."""
        return standard_normal(n, self.latent_dim, seed)

    def run(self, voices: Sequence[np.ndarray], latents: np.ndarray) -> FromVoices:
        """All voices at once."""
        embeddings = self._system.embed(voices)
        faces = self._system.generate_from(embeddings, latents)
        return FromVoices(faces, embeddings, [self._system.pitch_hz(voice) for voice in voices])


def load(models: Path, onnx: Path | None, device: str | None) -> VoiceGenerator:
    """The generator of a folder of models: on the CPU its ONNX model, if there is one, else the networks.

    device: `cpu`, `cuda`, `cuda:N`; None: that of DEEPFACEGEN_DEVICE, or the CPU. Raises UserError when a
    part is missing, and RuntimeError for a device that is unknown or missing.
    """
    on_cpu = (device or os.environ.get("DEEPFACEGEN_DEVICE", "cpu")) == "cpu"
    if on_cpu and onnx is not None:
        from deepfacegen.release.onnx_generator import OnnxGenerator

        return OnnxGenerator(onnx)
    from deepfacegen.systems import registry  # imports torch, which takes seconds

    return Networks(registry.latent_generator(models, "cpu" if on_cpu else device))
