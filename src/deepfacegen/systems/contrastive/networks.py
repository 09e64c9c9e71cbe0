"""Two small heads that bring the embeddings of a voice and of a face into one space: a linear start, and a
learned correction, zero at first."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Head(nn.Module):
    """Several heads at once, each linear start + two layers: [B, I] -> unit vectors [M, B, K].

    The last layer starts at zero, so an untrained head is its linear start.
    """

    start: Tensor

    def __init__(self, members: int, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("start", torch.zeros(members, inputs, outputs))
        self.up = nn.Parameter(torch.randn(members, inputs, hidden) * inputs**-0.5)
        self.up_bias = nn.Parameter(torch.zeros(members, 1, hidden))
        self.down = nn.Parameter(torch.zeros(members, hidden, outputs))

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """`keep` [B, hidden]: what each item's hidden layer is multiplied by (dropout)."""
        hidden = F.gelu(x @ self.up + self.up_bias)
        if keep is not None:
            hidden = hidden * keep
        return F.normalize(x @ self.start + hidden @ self.down, dim=-1)


class Matcher(nn.Module):
    """Embeddings of voices [V, Y] and faces [F, P] to unit vectors of each member, [M, V, K] and [M, F, K],
    whose mean cosine is the score.

    Voices are centred and divided by one number, faces taken to K principal components
    (`training.linear_match`).
    """

    voice_mean: Tensor
    voice_spread: Tensor
    face_mean: Tensor
    face_basis: Tensor

    def __init__(self, members: int, voice_dim: int, face_dim: int, components: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("voice_mean", torch.zeros(voice_dim))
        self.register_buffer("voice_spread", torch.ones(()))
        self.register_buffer("face_mean", torch.zeros(face_dim))
        self.register_buffer("face_basis", torch.zeros(face_dim, components))
        self.voice = Head(members, voice_dim, hidden, components)
        self.face = Head(members, components, hidden, components)

    def voice_inputs(self, voices: Tensor) -> Tensor:
        return (voices - self.voice_mean) / self.voice_spread

    def face_inputs(self, faces: Tensor) -> Tensor:
        return (faces - self.face_mean) @ self.face_basis

    def forward(self, voices: Tensor, faces: Tensor) -> Tensor:
        """[V, Y], [F, P] -> scores [V, F] in [-1, 1]."""
        a, b = self.voice(self.voice_inputs(voices)), self.face(self.face_inputs(faces))
        return a.permute(1, 0, 2).flatten(1) @ b.permute(1, 0, 2).flatten(1).T / len(a)
