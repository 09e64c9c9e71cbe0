"""A trained SVHF-Net: scores of voices and faces, of voices and face tracks, and choices among candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepfacegen.data.batches import SAMPLE_RATE_HZ, cut_windows
from deepfacegen.data.shards import batched
from deepfacegen.encoders import face, speaker
from deepfacegen.systems import vggm
from deepfacegen.systems.svhf import networks
from deepfacegen.systems.svhf.networks import Matcher
from deepfacegen.systems.svhf.tracks import dynamic_images, spread
from deepfacegen.training import store
from deepfacegen.training.pixels import from_pixels

STILL, MOVING = "still", "moving"
SAMPLES = int(3.0 * SAMPLE_RATE_HZ)  # of a voice of the published size
CELLS = 1 << 24  # values of fc8 at once when a matrix is scored


class Svhf:
    """Scores pairs and chooses from lists. `encoder` embeds voices for the small size, `recogniser` faces for
    svhf.face: network; else they are None."""

    def __init__(
        self,
        params: Mapping[str, Any],
        networks: Mapping[str, Matcher],
        encoder: speaker.VoiceEncoder | None,
        recogniser: face.FaceEncoder | None,
        device: torch.device,
    ) -> None:
        self.params, self.encoder, self.recogniser, self.device = params, encoder, recogniser, device
        self.networks = {
            name: network.to(device).eval().requires_grad_(False) for name, network in networks.items()
        }

    def score(self, voices: Sequence[np.ndarray], faces: np.ndarray) -> np.ndarray:
        """int16 arrays 16 kHz, uint8 [F, S, S, 3] -> float32 [V, F], higher = same person.

        The logits that the softmax over N candidates uses, but with the mean voice and the mean face of
        training as context in place of the candidates' mean. A pair's score therefore depends on nothing but
        the pair, and rows as well as columns can be compared.
        """
        return self._matrix(STILL, voices, faces)

    def score_tracks(self, voices: Sequence[np.ndarray], tracks: Sequence[np.ndarray]) -> np.ndarray:
        """int16 arrays, face tracks uint8 [T, S, S, 3] (T may differ) -> float32 [V, N]: like `score`, from
        the middle frame and the dynamic image.

        Late fusion: the mean of the logits of both networks. A track of one frame, and every track if there
        is no network for dynamic images, is scored by its middle frame alone.
        """
        scores = self.score(voices, np.stack([track[len(track) // 2] for track in tracks]))
        lengths = np.array([len(track) for track in tracks])
        rows = np.flatnonzero(lengths > 1)
        if MOVING in self.networks and len(rows):
            frames = spread(lengths[rows], self.params["frames"])
            pairs = zip(rows.tolist(), frames, strict=True)
            pictures = np.stack([dynamic_images(tracks[row][chosen]) for row, chosen in pairs])
            scores[:, rows] = (scores[:, rows] + self._matrix(MOVING, voices, pictures)) / 2
        return scores

    @torch.inference_mode()
    def choose(self, voice: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """A voice (int16) and N faces, uint8 [N, S, S, 3] -> float32 [N], the probability that each is the
        speaker's; the sum is 1.

        As published: the context of every face is the mean of all N, so a probability says "which of these",
        and depends on who else is there.
        """
        logits = self.networks[STILL].which_face(self._voices(STILL, [voice]), self._faces(STILL, faces))
        return logits.softmax(dim=1)[0].float().cpu().numpy()

    @torch.inference_mode()
    def choose_voice(self, face: np.ndarray, voices: Sequence[np.ndarray]) -> np.ndarray:
        """A face, uint8 [S, S, 3], and N voices -> float32 [N], the probability that each is that person's:
        `choose` in the other direction."""
        logits = self.networks[STILL].which_voice(self._voices(STILL, voices), self._faces(STILL, face[None]))
        return logits.softmax(dim=0)[:, 0].float().cpu().numpy()

    def _matrix(self, name: str, voices: Sequence[np.ndarray], faces: np.ndarray) -> np.ndarray:
        return matrix(self.networks[name], self._voices(name, voices), self._faces(name, faces))

    @torch.inference_mode()
    def _voices(self, name: str, voices: Sequence[np.ndarray]) -> Tensor:
        """Vectors [V, C]; those of the published stream are means over evenly spaced windows."""
        network, count = self.networks[name], speaker.WINDOWS
        if self.encoder is not None:
            return network.voice(self.encoder.embed(voices).to(self.device))
        means = []
        for part in batched(voices, 64):
            cut = torch.from_numpy(cut_windows(part, SAMPLES, count)).flatten(0, 1).to(self.device)
            means.append(network.voice(cut).view(-1, count, network.dim).mean(dim=1))
        return torch.cat(means)

    @torch.inference_mode()
    def _faces(self, name: str, faces: np.ndarray) -> Tensor:
        """Vectors [F, C]: the mean of those of a face and of its mirror image."""
        network = self.networks[name]
        if self.recogniser is not None and name == STILL:
            return network.face(self.recogniser.embed(faces).to(self.device))
        found = []
        for part in batched(faces, 128):
            pixels = picture(self.params, torch.from_numpy(part).to(self.device))
            found.append((network.face(pixels) + network.face(pixels.flip(3))) / 2)
        return torch.cat(found)


@torch.inference_mode()
def matrix(network: Matcher, voices: Tensor, faces: Tensor) -> np.ndarray:
    """`Matcher.pairs` of vectors [V, C] and [F, C], a block at a time: float32 [V, F]."""
    of_voices, of_faces = network.head.parts(voices, faces, network.voice_reference, network.face_reference)
    side = max(1, int((CELLS / of_faces.shape[1]) ** 0.5))
    rows = [
        torch.cat([network.head.meet(v, f) for f in of_faces.split(side)], dim=1).float().cpu()
        for v in of_voices.split(side)
    ]
    return torch.cat(rows).numpy()


def picture(params: Mapping[str, Any], faces: Tensor) -> Tensor:
    """uint8 [B, S, S, 3] -> what a face stream takes, [B, 3, side, side] in [-1, 1]."""
    small = params["size"] == "small"
    return from_pixels(faces, params["image_size_px"]) if small else vggm.face_inputs(faces)


def load(models_dir: Path, device: torch.device) -> Svhf:
    """Raises UserError if the networks are missing, or the voice encoder or the face network that they stand
    on."""
    folder = models_dir / "svhf"
    config = store.read_config(folder)
    params = config["params"]
    encoder = speaker.load(models_dir / "voice", device) if params["size"] == "small" else None
    recogniser = face.load(models_dir / "face", device) if stands_on_network(params) else None
    found = {}
    for name in (STILL, MOVING) if params["dynamic"] else (STILL,):
        found[name] = network(name, params, encoder, recogniser)
        store.read_weights(folder, name, found[name])
    return Svhf(params, found, encoder, recogniser, device)


def stands_on_network(params: Mapping[str, Any]) -> bool:
    return bool(params["size"] == "small" and params["face"] == "network")


def network(
    name: str,
    params: Mapping[str, Any],
    encoder: speaker.VoiceEncoder | None,
    recogniser: face.FaceEncoder | None,
) -> Matcher:
    if encoder is None:
        return networks.published()
    stream: nn.Module
    if recogniser is not None and name == STILL:
        stream = networks.FromEmbedding(recogniser.dim, params["dim"])
    else:
        sizes = (params[name] for name in ("image_size_px", "channels", "max_channels", "dim"))
        stream = networks.SmallFace(*sizes)
    return networks.small(encoder.dim, stream, params["dim"], params["hidden"])
