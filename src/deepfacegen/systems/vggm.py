"""VGG-M streams for faces and for speech, layer by layer: the branches of SVHF-Net in their published size.

Face: Chatfield et al. 2014, with batch norm and the padding of the network that was trained on VGGFace.
Speech: VGGVox (Nagrani et al. 2017). The output of fc7 has 1024 values in both, after VGGVox; for the face
branch of SVHF-Net this is from memory (the face recogniser itself has 4096).
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen.training.pixels import from_pixels

FACE_PX = 224
BINS = 512
HOP_SAMPLES = 160
FC7 = 1024


class Norm(nn.BatchNorm1d):
    """Batch norm of [B, C] or of maps [B, C, ...]. Being a one-dimensional one, it is among those that
    `training.batch_norm` shares over ranks."""

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected [B, C, ...], not {list(input.shape)}")


def _block(
    number: int, narrow: int, wide: int, kernel: int | tuple[int, int], stride: int = 1, padding: int = 0
) -> list[tuple[str, nn.Module]]:
    """conv<number>, its norm and its ReLU; the norm's shift makes a bias of the convolution idle."""
    convolution = nn.Conv2d(narrow, wide, kernel, stride, padding, bias=False)
    return [
        (f"conv{number}", convolution),
        (f"norm{number}", Norm(wide)),
        (f"relu{number}", nn.ReLU(inplace=True)),
    ]


class FaceStream(nn.Module):
    """Face [B, 3, 224, 224] -> fc7 [B, 1024]. Maps: 109, 54, 26, 13 (three times), 6 px a side."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            OrderedDict(
                [
                    *_block(1, 3, 96, 7, stride=2),
                    ("pool1", nn.MaxPool2d(3, 2)),
                    *_block(2, 96, 256, 5, stride=2, padding=1),
                    ("pool2", nn.MaxPool2d(3, 2, ceil_mode=True)),
                    *_block(3, 256, 512, 3, padding=1),
                    *_block(4, 512, 512, 3, padding=1),
                    *_block(5, 512, 512, 3, padding=1),
                    ("pool5", nn.MaxPool2d(3, 2)),
                ]
            )
        )
        self.fc6, self.norm6 = nn.Linear(512 * 6 * 6, 4096, bias=False), Norm(4096)
        self.fc7, self.norm7 = nn.Linear(4096, FC7, bias=False), Norm(FC7)

    def forward(self, face: Tensor) -> Tensor:
        x = F.relu(self.norm6(self.fc6(self.maps(face).flatten(1))))
        return F.relu(self.norm7(self.fc7(x)))


class VoiceStream(nn.Module):
    """Waveform [B, T] (int16 or float, 16 kHz) -> fc7 [B, 1024]. 3 s give a spectrogram of 512 x 300 and 8
    steps of fc6.

    fc6 sees all frequencies, as a convolution (`conv6`); its output is averaged over time, so T may vary (0.6
    s or more).
    """

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            OrderedDict(
                [
                    *_block(1, 1, 96, 7, stride=2, padding=1),
                    ("pool1", nn.MaxPool2d(3, 2)),
                    *_block(2, 96, 256, 5, stride=2, padding=1),
                    ("pool2", nn.MaxPool2d(3, 2)),
                    *_block(3, 256, 384, 3, padding=1),
                    *_block(4, 384, 256, 3, padding=1),
                    *_block(5, 256, 256, 3, padding=1),
                    ("pool5", nn.MaxPool2d((5, 3), (3, 2))),
                    *_block(6, 256, 4096, (9, 1)),
                ]
            )
        )
        self.fc7, self.norm7 = nn.Linear(4096, FC7, bias=False), Norm(FC7)

    def forward(self, waveform: Tensor) -> Tensor:
        x = self.maps(spectrogram(waveform)[:, None])
        return F.relu(self.norm7(self.fc7(x.mean(dim=(2, 3)))))


def face_inputs(faces: Tensor) -> Tensor:
    """uint8 [N, S, S, 3] -> float [N, 3, 224, 224] in [-1, 1]."""
    side = (FACE_PX, FACE_PX)
    return F.interpolate(from_pixels(faces, faces.shape[1]), side, mode="bilinear", antialias=True)


@torch.no_grad()
def spectrogram(waveform: Tensor) -> Tensor:
    """Waveform [B, T] (int16 or float, 16 kHz) -> magnitudes [B, 512, T // 160], float32: every frequency
    with mean 0 and deviation 1 over time.

    25 ms Hamming windows every 10 ms; the lower 512 bins of 1024. VGGVox first removes the mean of the
    waveform and emphasises high frequencies: factors per frequency, which the normalisation takes away again.
    Its older front end kept both halves of a 512-point spectrum, which mirror each other.
    """
    x = waveform.float() / 32768.0 if waveform.dtype == torch.int16 else waveform.float()
    with torch.autocast(x.device.type, enabled=False):
        window = torch.hamming_window(400, device=x.device)
        found = torch.stft(
            x, 2 * BINS, HOP_SAMPLES, 400, window, center=True, pad_mode="constant", return_complex=True
        )
        size = found.abs()[:, :BINS, : x.shape[1] // HOP_SAMPLES]
        mean, deviation = size.mean(dim=2, keepdim=True), size.std(dim=2, keepdim=True)
        return (size - mean) / deviation.clamp(min=1e-5)
