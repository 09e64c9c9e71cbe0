"""Generation by ONNX Runtime, without PyTorch: a process that generates one face begins in a fraction of the
time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime

from deepfacegen import stopping
from deepfacegen.release.generator import FromVoices
from deepfacegen.release.latents import standard_normal

FACES_AT_ONCE = 64  # bounds the memory of a call


class OnnxGenerator:
    """voice_to_face.onnx (`release.export`) of a release. It computes on one thread for each voice, so the
    bytes do not depend on the number of cores."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        _, noise = self._session.get_inputs()
        sizes = {output.name: output.shape[-1] for output in self._session.get_outputs()}
        self.latent_dim: int = noise.shape[1]
        self.image_size_px, self.voice_dim = sizes["pixels"], sizes["voice"]

    def latents(self, n: int, seed: int) -> np.ndarray:
        """Of faces 0 to n - 1 of a seed, standard normal: float32 [n, latent_dim]."""
        return standard_normal(n, self.latent_dim, seed)

    def run(self, voices: Sequence[np.ndarray], latents: np.ndarray) -> FromVoices:
        """Several voices side by side, on all cores."""
        if len(voices) == 1:
            found = [self._of(voices[0], latents)]
        else:
            with ThreadPoolExecutor(os.cpu_count(), initializer=stopping.shield) as pool:
                found = list(pool.map(lambda voice: self._of(voice, latents), voices))
        faces, embeddings, pitches = zip(*found, strict=True)
        return FromVoices(np.stack(faces), np.stack(embeddings), [pitch or None for pitch in pitches])

    def _of(self, voice: np.ndarray, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Faces [n, S, S, 3], embedding [Y], and pitch in Hz, 0 where nothing is voiced."""
        parts = [latents[i : i + FACES_AT_ONCE] for i in range(0, len(latents), FACES_AT_ONCE)]
        outputs = [
            self._session.run(["faces", "voice", "pitch_hz"], {"speech": voice[None], "noise": part})
            for part in parts
        ]
        _, voices, pitches = outputs[0]
        return np.concatenate([faces for faces, _, _ in outputs]), voices[0], float(pitches[0])
