"""A trained Learnable PINs: embeddings of voices and faces in one space, and their distances as scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from deepfacegen.data.batches import SAMPLE_RATE_HZ, cut_windows
from deepfacegen.data.shards import batched
from deepfacegen.encoders import face, speaker
from deepfacegen.encoders.gradients import gradients_of
from deepfacegen.systems import vggm
from deepfacegen.systems.pins import losses, networks
from deepfacegen.systems.pins.fits import Features
from deepfacegen.training import store

SAMPLES, WINDOWS = int(3.0 * SAMPLE_RATE_HZ), 4  # of a voice of the published size
ROWS = 1024


class Pins:
    """Compares voices with faces by the distance between their unit embeddings. `encoder` and `features` come
    before the small networks only.

    `threshold` is the score at which held-out people's own and others' faces were mistaken for one another
    equally often.
    """

    def __init__(
        self,
        joint: networks.Joint,
        device: torch.device,
        encoder: speaker.VoiceEncoder | None = None,
        features: Features | None = None,
        threshold: float | None = None,
    ) -> None:
        self.threshold = threshold
        self.joint, self.device = joint.to(device).eval().requires_grad_(False), device
        self.encoder, self.features = encoder, features

    @torch.inference_mode()
    def embed_voices(self, voices: Sequence[np.ndarray]) -> Tensor:
        """int16 arrays, 16 kHz mono -> unit vectors [V, dim] on the CPU. Of a long recording, the mean over
        evenly spaced windows."""
        if self.encoder is not None:
            inputs = self.joint.prepare_voice(self.encoder.embed(voices).to(self.device))
            return self.joint.voice(inputs).cpu()
        parts = []
        for part in batched(voices, 16):
            waveforms = torch.from_numpy(cut_windows(part, SAMPLES, WINDOWS)).flatten(0, 1).to(self.device)
            means = self.joint.voice(waveforms).unflatten(0, (-1, WINDOWS)).mean(dim=1)
            parts.append(F.normalize(means, dim=1).cpu())
        return torch.cat(parts)

    @torch.inference_mode()
    def embed_faces(self, faces: np.ndarray) -> Tensor:
        """uint8 [F, S, S, 3], RGB, in the alignment template -> unit vectors [F, dim] on the CPU."""
        parts = []
        for part in batched(faces, 128):
            if self.features is not None:
                inputs = self.features(part).to(self.device)
            else:
                inputs = vggm.face_inputs(torch.from_numpy(part).to(self.device))
            parts.append(self.joint.face(self.joint.prepare_face(inputs)).cpu())
        return torch.cat(parts)

    def score(self, voices: Sequence[np.ndarray], faces: np.ndarray) -> np.ndarray:
        """int16 arrays, uint8 [F, S, S, 3] -> minus the distance, float32 [V, F], in [-2, 0]."""
        of_faces = self.embed_faces(faces)
        parts = self.embed_voices(voices).split(ROWS)
        return torch.cat([-losses.distances(part, of_faces) for part in parts]).numpy()


def load(models_dir: Path, device: torch.device) -> Pins:
    """Raises UserError if the model, or one that it stands on, is missing."""
    config = store.read_config(models_dir / "pins")
    params = config["params"]
    if params["size"] == "published":
        joint = networks.published(params["dim"])
    else:
        sizes = config["described"], config["features"], config["directions"]
        joint = networks.small(*sizes, params["dim"])
    store.read_weights(models_dir / "pins", "joint", joint)
    if params["size"] == "published":
        return Pins(joint, device, threshold=config["threshold"])
    features = face.load(models_dir / "face", device).embed if params["faces"] == "network" else gradients_of
    return Pins(joint, device, speaker.load(models_dir / "voice", device), features, config["threshold"])
