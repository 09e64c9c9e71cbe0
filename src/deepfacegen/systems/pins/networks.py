"""Learnable PINs (Nagrani, Albanie and Zisserman, ECCV 2018): one network for voices and one for faces, with
unit embeddings in one space.

Published size: VGG-M for faces of 224 px, VGGVox for spectrograms of 512 x 300, and a last layer of 256 in
both. As in the paper's variant without pretraining, both start from nothing: the weights it started from
(VGGFace, VoxCeleb) are not among the project's.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen.systems import vggm
from deepfacegen.systems.condition import ProjectedCondition


class Embedding(nn.Module):
    """A network [B, ...] -> [B, width], and a last layer on it: unit vectors [B, dim], float32."""

    def __init__(self, trunk: nn.Module, width: int, dim: int) -> None:
        super().__init__()
        self.trunk, self.fc8 = trunk, nn.Linear(width, dim)

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.fc8(self.trunk(x)).float(), dim=1)


class Joint(nn.Module):
    """Both networks: `voice` and `face` give unit vectors [B, dim] of one space. `prepare_*` come before them
    and are not trained."""

    def __init__(
        self, voice: Embedding, face: Embedding, prepare_voice: nn.Module, prepare_face: nn.Module
    ) -> None:
        super().__init__()
        self.voice, self.face = voice, face
        self.prepare_voice, self.prepare_face = prepare_voice, prepare_face


def published(dim: int) -> Joint:
    """Voices are waveforms [B, T] (int16, 16 kHz; 3 s in training), faces [B, 3, 224, 224] in [-1, 1]."""
    voice = Embedding(vggm.VoiceStream(), vggm.FC7, dim)
    return Joint(voice, Embedding(vggm.FaceStream(), vggm.FC7, dim), nn.Identity(), nn.Identity())


def small(voice_dim: int, features: int, directions: int, dim: int) -> Joint:
    """A linear layer each: on embeddings of voices [B, voice_dim], and on `directions` of features of faces
    [B, features]."""
    voice, face = Embedding(nn.Identity(), voice_dim, dim), Embedding(nn.Identity(), directions, dim)
    return Joint(
        voice, face, ProjectedCondition(voice_dim, voice_dim), ProjectedCondition(features, directions)
    )
