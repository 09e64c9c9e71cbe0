"""The trained Speech2Face: features of a face from speech, the face decoded from them, and scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from deepfacegen.data.batches import SAMPLE_RATE_HZ, looped, windows
from deepfacegen.data.shards import batched
from deepfacegen.encoders import face, speaker
from deepfacegen.encoders.face_networks import SIDE_PX
from deepfacegen.systems.prior.prior import Sizes
from deepfacegen.systems.speech2face.face_decoder import FaceDecoder
from deepfacegen.systems.speech2face.networks import EmbeddingNet, VoiceNet, complex_spectrogram
from deepfacegen.training import store
from deepfacegen.training.pixels import from_pixels, to_pixels

FACES_AT_ONCE, VOICES_AT_ONCE = 128, 16


class Speech2Face:
    """Predicts the feature of a face from speech, decodes it, and compares it with features of photos.

    The paper's system is deterministic, and so is this one: all faces of a voice are the same, whatever the
    seed.
    """

    def __init__(
        self,
        recogniser: face.FaceEncoder,
        encoder: speaker.VoiceEncoder | None,
        voice_net: VoiceNet | EmbeddingNet,
        decoder: FaceDecoder,
        params: dict[str, Any],
        device: torch.device,
    ) -> None:
        self.network = recogniser.network.to(device).eval().requires_grad_(False)
        self.encoder, self.device = encoder, device
        self.voice_net = voice_net.to(device).eval().requires_grad_(False)
        self.decoder = decoder.to(device).eval().requires_grad_(False)
        self.clip_samples = int(params["clip_seconds"] * SAMPLE_RATE_HZ)

    def generate(self, voices: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
        """int16 arrays -> uint8 [V, n, S, S, 3]; the n faces are alike, and the seed changes nothing."""
        return np.repeat(self.decode(self.predict(voices))[:, None], n, axis=1)

    @torch.inference_mode()
    def decode(self, features: Tensor) -> np.ndarray:
        """Features of faces [V, D] -> uint8 [V, S, S, 3]."""
        parts = features.to(self.device).split(FACES_AT_ONCE)
        return np.concatenate([to_pixels(self.decoder(part)) for part in parts])

    def score(self, voices: Sequence[np.ndarray], faces: np.ndarray) -> np.ndarray:
        """int16 arrays, uint8 [F, S, S, 3] -> cosines of predicted and true features, float32 [V, F] (the
        paper's retrieval)."""
        both = self.voice_features(voices), self.face_features(faces)
        predicted, true = (F.normalize(torch.from_numpy(x), dim=1) for x in both)
        return (predicted @ true.T).numpy()

    def voice_features(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        """int16 arrays -> predicted features of the speakers' faces, float32 [V, D]."""
        return self.predict(voices).numpy()

    @torch.inference_mode()
    def face_features(self, faces: np.ndarray) -> np.ndarray:
        """uint8 [N, S, S, 3] -> features, float32 [N, D], of the recogniser that was trained on the seen
        people's faces."""
        parts = []
        for part in batched(faces, FACES_AT_ONCE):
            pixels = from_pixels(torch.from_numpy(part).to(self.device), SIDE_PX)
            parts.append(self.network(pixels)[1].float().cpu())
        return torch.cat(parts).numpy()

    @torch.inference_mode()
    def predict(self, voices: Sequence[np.ndarray]) -> Tensor:
        """int16 arrays -> features [V, D] on the CPU. Of a recording longer than a clip, the mean over evenly
        spaced clips of it."""
        if self.encoder is not None:
            return self.voice_net(self.encoder.embed(voices).to(self.device)).float().cpu()
        starts = windows(np.array([len(v) for v in voices]), self.clip_samples, speaker.WINDOWS)
        whose = np.repeat(np.arange(len(voices)), [len(np.unique(row)) for row in starts])
        first = np.concatenate([np.unique(row) for row in starts])
        total = torch.zeros(len(voices), len(self.decoder.centre))
        for rows in batched(np.arange(len(whose)), VOICES_AT_ONCE):
            cut = np.stack([looped(voices[whose[i]], first[i], self.clip_samples) for i in rows])
            found = self.voice_net(complex_spectrogram(torch.from_numpy(cut).to(self.device)))
            total.index_add_(0, torch.from_numpy(whose[rows]), found.float().cpu())
        return total / torch.from_numpy(np.bincount(whose, minlength=len(voices)))[:, None]


def load(models_dir: Path, device: torch.device) -> Speech2Face:
    """Raises UserError if this system, its face network or, where it needs one, the voice encoder is
    missing."""
    folder = models_dir / "speech2face"
    config = store.read_config(folder)
    params, dim = config["params"], config["feature_dim"]
    encoder = speaker.load(models_dir / "voice", device) if params["voice"] == "encoder" else None
    voice_net: VoiceNet | EmbeddingNet
    if encoder is not None:
        voice_net = EmbeddingNet(encoder.dim, config["directions"], dim)
    else:
        voice_net = VoiceNet(dim, params["size"])
    decoder = FaceDecoder(dim, Sizes(**config["sizes"]))
    store.read_weights(folder, "hearing", voice_net)
    store.read_weights(folder, "decoder", decoder)
    return Speech2Face(face.load(models_dir / "face", device), encoder, voice_net, decoder, params, device)
