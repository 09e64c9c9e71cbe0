"""dlib's face recognition network, read from dlib's own file of weights and computed by torch.

dlib itself computes one face after the other, as it is packed for Python without a BLAS, and holds the
interpreter lock: 60 ms a face where torch needs 3 ms on the same core. The vectors agree to a millionth.
Layers as in dlib's example dnn_face_recognition_ex.cpp: a ResNet (He et al. 2016) of 29 convolutions under a
metric loss.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHIP_PX = 150
PADDING = 0.25  # of the chips that it was trained on, see `encoders.chips`
DIM, FEATURES = 128, 256
STEM, STEM_SIDE = 32, 7
# Of each stage: filters, residual blocks, and whether the first of them halves the picture.
STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
TENSORS = (
    2 * (1 + 2 * sum(count for _, count, _ in STAGES)) + 1
)  # of each convolution its own and its affine layer's; the last layer's
RAW = 2  # the version of tensors whose numbers follow as they are
# What dlib takes from red, green and blue before it divides by 256.
MEANS = (122.782, 117.001, 104.298)
# A layer with numbers begins with its name; of the last, fully connected one, two counts stand before the
# tensor.
_LAYER = re.compile(rb"con_4|affine_|fc_2")


class Convolution(nn.Module):
    """A convolution whose affine layer (a batch normalisation at rest) is folded in: kernel [O, I, k, k],
    bias [O]."""

    kernel: Tensor
    bias: Tensor

    def __init__(self, inputs: int, filters: int, side: int) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.empty(filters, inputs, side, side))
        self.register_buffer("bias", torch.empty(filters))

    def forward(self, x: Tensor, stride: int) -> Tensor:
        # dlib continues a picture with zeros only where the stride is 1.
        return F.conv2d(x, self.kernel, self.bias, stride, self.kernel.shape[-1] // 2 if stride == 1 else 0)


class DlibNet(nn.Module):
    """All layers that have weights: `first` and then two convolutions a block, `last` [256, 128]. They are
    buffers: nothing here is trained."""

    last: Tensor
    means: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first = Convolution(3, STEM, STEM_SIDE)
        self.blocks, before = nn.ModuleList(), STEM
        for filters, count, _ in STAGES:
            for _ in range(count):
                self.blocks.append(
                    nn.ModuleList([Convolution(before, filters, 3), Convolution(filters, filters, 3)])
                )
                before = filters
        self.register_buffer("last", torch.empty(before, DIM))
        self.register_buffer("means", torch.tensor(MEANS)[:, None, None], persistent=False)

    def forward(self, chips: Tensor) -> tuple[Tensor, Tensor]:
        """Chips [N, 3, 150, 150], RGB in 0..255 -> vectors [N, 128], about 1.4 long, and what they are
        computed from [N, 256]."""
        x = (chips - self.means) / 256.0
        x = F.max_pool2d(F.relu(self.first(x, 2)), 3, 2)
        for pair, halves in zip(self.blocks, _halving(), strict=True):
            one, two = cast(nn.ModuleList, pair)
            y = two(F.relu(one(x, 2 if halves else 1)), 1)
            x = F.relu(_sum_of_unlike(F.avg_pool2d(x, 2), y) if halves else x + y)
        features = x.mean(dim=(2, 3))
        return features @ self.last, features

    @torch.inference_mode()
    def vectors(self, chips: np.ndarray) -> np.ndarray:
        """Chips uint8 [N, 150, 150, 3], RGB -> vectors float32 [N, 128]."""
        return self(torch.from_numpy(chips).permute(0, 3, 1, 2).float())[0].numpy()


def read(path: Path) -> DlibNet:
    """The network in dlib_face_recognition_resnet_model_v1.dat. Raises ValueError when the file holds other
    layers."""
    found = list(_tensors(path.read_bytes()))
    if len(found) != TENSORS:
        raise ValueError(f"{path}: {len(found)} tensors, where dlib's face recognition network has {TENSORS}")
    tensors, net = iter(found), DlibNet()
    _fill(net.first, tensors)
    for pair in net.blocks:
        for convolution in cast(nn.ModuleList, pair):
            _fill(cast(Convolution, convolution), tensors)
    net.last.copy_(torch.from_numpy(next(tensors).reshape(net.last.shape)))
    return net.eval()


def _halving() -> list[bool]:
    return [halves and block == 0 for _, count, halves in STAGES for block in range(count)]


def _sum_of_unlike(x: Tensor, y: Tensor) -> Tensor:
    """dlib's sum of [N, C, H, W] of two sizes: what one lacks in channels, rows or columns counts as zero."""
    size = [max(a, b) for a, b in zip(x.shape[1:], y.shape[1:], strict=True)]
    a, b = (
        F.pad(v, [0, size[2] - v.shape[3], 0, size[1] - v.shape[2], 0, size[0] - v.shape[1]]) for v in (x, y)
    )
    return a + b


def _fill(convolution: Convolution, tensors: Iterator[np.ndarray]) -> None:
    values, affine, filters = next(tensors), next(tensors), len(convolution.bias)
    kernel, bias = values[:-filters].reshape(convolution.kernel.shape), values[-filters:]
    scale, shift = affine[:filters], affine[filters:]
    convolution.kernel.copy_(torch.from_numpy(kernel * scale[:, None, None, None]))
    convolution.bias.copy_(torch.from_numpy(bias * scale + shift))


def _tensors(content: bytes) -> Iterator[np.ndarray]:
    """The tensors of all layers from the first to the last, each flat, float32."""
    at = 0
    while (layer := _LAYER.search(content, at)) is not None:
        at = layer.end()
        for _ in range(2 if layer.group() == b"fc_2" else 0):
            at = _integer(content, at)[1]
        version, at = _integer(content, at)
        if version != RAW:
            raise ValueError(f"a tensor of version {version}, not {RAW}")
        size = 1
        for _ in range(4):
            extent, at = _integer(content, at)
            size *= extent
        yield np.frombuffer(content, "<f4", size, at).astype(np.float32)
        at += 4 * size


def _integer(content: bytes, at: int) -> tuple[int, int]:
    """dlib's packed integer (a count of bytes, then these, lowest first) at a place in the file -> its value
    and the place behind it."""
    count = content[at]
    return int.from_bytes(content[at + 1 : at + 1 + count], "little"), at + 1 + count
