"""SVHF-Net (Nagrani, Albanie and Zisserman, CVPR 2018): which of N faces belongs to a voice, and which of N
voices to a face.

N face streams with shared weights and a voice stream meet in fully connected layers, which see each
candidate beside the probe and the mean of all candidates, its *context*; one logit each, and a softmax over
the candidates. The order of the candidates therefore cannot matter. The published network for N = 2
concatenates both faces instead, and its two outputs need not agree when the faces change places.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen.systems import vggm


class SmallFace(nn.Module):
    """Face [B, 3, S, S] -> [B, dim]: a convolution at every size from S / 2 down to 4 px."""

    def __init__(self, image_size_px: int, channels: int, max_channels: int, dim: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        narrow, side, wide = 12, image_size_px // 2, channels
        while side >= 4:
            self.stages.append(
                nn.Sequential(
                    nn.Conv2d(narrow, wide, 3, padding=1, bias=False), vggm.Norm(wide), nn.ReLU(inplace=True)
                )
            )
            narrow, side, wide = wide, side // 2, min(2 * wide, max_channels)
        self.leave = nn.Sequential(nn.Linear(narrow * 16, dim, bias=False), vggm.Norm(dim))

    def forward(self, face: Tensor) -> Tensor:
        x = F.pixel_unshuffle(face, 2)
        for i, stage in enumerate(self.stages):
            x = stage(F.avg_pool2d(x, 2) if i else x)
        return self.leave(x.flatten(1))


class FromEmbedding(nn.Module):
    """The embedding of a voice or a face by a frozen encoder [B, Y] -> [B, dim]: a linear layer."""

    def __init__(self, embedding: int, dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            vggm.Norm(embedding), nn.Linear(embedding, dim, bias=False), vggm.Norm(dim)
        )

    def forward(self, embedding: Tensor) -> Tensor:
        return self.layers(embedding)


class Head(nn.Module):
    """fc8, fc9 and fc10: logits of pairs from voice, face, and the mean of the candidates on either side.

    fc8 is one linear layer over the concatenation of the four, kept as four blocks: its part for a voice is
    computed once for all faces.
    """

    def __init__(self, dim: int, widths: tuple[int, int]) -> None:
        super().__init__()
        self.voice = nn.Linear(dim, widths[0])
        self.face, self.mean_voice, self.mean_face = (nn.Linear(dim, widths[0], bias=False) for _ in range(3))
        self.fc9, self.fc10 = nn.Linear(widths[0], widths[1]), nn.Linear(widths[1], 1)

    def parts(
        self, voices: Tensor, faces: Tensor, mean_voice: Tensor, mean_face: Tensor
    ) -> tuple[Tensor, Tensor]:
        """voices [..., V, C], faces [..., F, C], means [..., 1, C] -> what each adds to fc8: [..., V, H] and
        [..., F, H]."""
        return self.voice(voices) + self.mean_voice(mean_voice), self.face(faces) + self.mean_face(mean_face)

    def meet(self, of_voices: Tensor, of_faces: Tensor) -> Tensor:
        """Parts [..., V, H], [..., F, H] -> logits [..., V, F]."""
        x = F.relu(of_voices[..., :, None, :] + of_faces[..., None, :, :])
        return self.fc10(F.relu(self.fc9(x))).squeeze(-1)


class Matcher(nn.Module):
    """Both streams and the head. One network chooses both ways: the same logit of a pair is trained under
    both softmaxes.

    Among N faces, the context of faces is their mean, and the context of voices the *reference*, the mean
    voice of training; among N voices, the other way round. With both references it is a score of a pair that
    depends on nothing else, which a matrix is made of. Two heads, or two networks as published, would not
    give such a matrix: a softmax over faces leaves a free constant for each voice.
    """

    face_reference: Tensor
    voice_reference: Tensor

    def __init__(self, voice: nn.Module, face: nn.Module, dim: int, widths: tuple[int, int]) -> None:
        """Streams that give vectors of `dim` values, and the widths of fc8 and fc9."""
        super().__init__()
        self.voice, self.face, self.dim = voice, face, dim
        self.head = Head(dim, widths)
        self.register_buffer("voice_reference", torch.zeros(1, dim))
        self.register_buffer("face_reference", torch.zeros(1, dim))

    def which_face(self, voices: Tensor, faces: Tensor) -> Tensor:
        """Vectors of voices [..., V, C], and of N faces to choose from [..., N, C] -> logits [..., V, N]:
        a softmax over the last."""
        return self.head.meet(
            *self.head.parts(voices, faces, self.voice_reference, faces.mean(dim=-2, keepdim=True))
        )

    def which_voice(self, voices: Tensor, faces: Tensor) -> Tensor:
        """Vectors of N voices to choose from [..., N, C], and of faces [..., F, C] -> logits [..., N, F]:
        a softmax over the last but one."""
        return self.head.meet(
            *self.head.parts(voices, faces, voices.mean(dim=-2, keepdim=True), self.face_reference)
        )

    def pairs(self, voices: Tensor, faces: Tensor) -> Tensor:
        """Vectors [..., V, C], [..., F, C] -> logits [..., V, F] with the references as context: each depends
        on its own pair alone."""
        return self.head.meet(*self.head.parts(voices, faces, self.voice_reference, self.face_reference))


def published() -> Matcher:
    """VGG-M streams of 1024 values; fc8 1024, fc9 512 (both from memory), fc10."""
    return Matcher(vggm.VoiceStream(), vggm.FaceStream(), vggm.FC7, (1024, 512))


def small(voice_dim: int, face: nn.Module, dim: int, hidden: int) -> Matcher:
    """A few hundred people's size: the voice stream takes the embedding by a trained speaker encoder; `face`
    gives vectors of `dim` values."""
    return Matcher(FromEmbedding(voice_dim, dim), face, dim, (hidden, hidden // 2))
