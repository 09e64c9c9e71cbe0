"""What a trained SVHF-Net answers: scores of voices and faces, of voices and face tracks, and choices among
candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from deepfacegen.data.batches import SAMPLE_RATE_HZ, windows
from deepfacegen.encoders import face, speaker
from deepfacegen.systems import vggm
from deepfacegen.systems.svhf.batches import CROP_SECONDS
from deepfacegen.systems.svhf.networks import Matcher
from deepfacegen.systems.svhf.tracks import dynamic_images, spread
from deepfacegen.training.pixels import from_pixels

STILL, MOVING = "still", "moving"
SAMPLES = int(CROP_SECONDS * SAMPLE_RATE_HZ)
CELLS = 1 << 24  # values of fc8 at once when a matrix is scored


class Svhf:
    """Scores pairs and answers lists. `encoder` hears for the small size, `recogniser` sees for svhf.face:
    network; else they are None."""

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
        return matrix(self.networks[STILL], self._hear(STILL, voices), self._see(STILL, faces))

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
            pictures = np.stack(
                [
                    dynamic_images(tracks[row][chosen])
                    for row, chosen in zip(rows.tolist(), frames, strict=True)
                ]
            )
            moving = matrix(self.networks[MOVING], self._hear(MOVING, voices), self._see(MOVING, pictures))
            scores[:, rows] = (scores[:, rows] + moving) / 2
        return scores

    @torch.inference_mode()
    def choose(self, voice: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """A voice (int16) and N faces, uint8 [N, S, S, 3] -> float32 [N], the probability that each is the
        speaker's; the sum is 1.

        As published: every face is seen beside the mean of all N, so a probability says "which of these", and
        depends on who else is there.
        """
        logits = self.networks[STILL].which_face(self._hear(STILL, [voice]), self._see(STILL, faces))
        return logits.softmax(dim=1)[0].float().cpu().numpy()

    @torch.inference_mode()
    def choose_voice(self, face: np.ndarray, voices: Sequence[np.ndarray]) -> np.ndarray:
        """A face, uint8 [S, S, 3], and N voices -> float32 [N], the probability that each is that person's:
        `choose` in the other direction."""
        logits = self.networks[STILL].which_voice(self._hear(STILL, voices), self._see(STILL, face[None]))
        return logits.softmax(dim=0)[:, 0].float().cpu().numpy()

    @torch.inference_mode()
    def _hear(self, name: str, voices: Sequence[np.ndarray], batch: int = 64) -> Tensor:
        """Vectors [V, C]; those of the published stream are means over evenly spaced windows."""
        network = self.networks[name]
        if self.encoder is not None:
            return network.voice(self.encoder.embed(voices).to(self.device))
        starts = windows(np.array([len(v) for v in voices]), SAMPLES, speaker.WINDOWS)
        means = []
        for i in range(0, len(voices), batch):
            part = zip(voices[i : i + batch], starts[i : i + batch], strict=True)
            cut = np.stack(
                [
                    np.resize(v, SAMPLES) if len(v) < SAMPLES else v[s : s + SAMPLES]
                    for v, row in part
                    for s in row
                ]
            )
            means.append(
                network.voice(torch.from_numpy(cut).to(self.device))
                .view(-1, speaker.WINDOWS, network.dim)
                .mean(dim=1)
            )
        return torch.cat(means)

    @torch.inference_mode()
    def _see(self, name: str, faces: np.ndarray, batch: int = 128) -> Tensor:
        """Vectors [F, C]: the mean of those of a face and of its mirror image."""
        network = self.networks[name]
        if self.recogniser is not None and name == STILL:
            return network.face(self.recogniser.embed(faces).to(self.device))
        parts = [
            picture(self.params, torch.from_numpy(faces[i : i + batch]).to(self.device))
            for i in range(0, len(faces), batch)
        ]
        return torch.cat([(network.face(part) + network.face(part.flip(3))) / 2 for part in parts])


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
    """uint8 [B, S, S, 3] -> what a face stream sees, [B, 3, side, side] in [-1, 1]."""
    if params["size"] == "small":
        return from_pixels(faces, params["image_size_px"])
    return F.interpolate(
        from_pixels(faces, faces.shape[1]), (vggm.FACE_PX, vggm.FACE_PX), mode="bilinear", antialias=True
    )
