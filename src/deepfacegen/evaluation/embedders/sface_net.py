"""SFace, read from its ONNX file and computed by torch, which takes half as long for it as ONNX Runtime (its
activation, PReLU, is slow there): 20 ms a face on one core instead of 40. The vectors agree to a millionth.

A MobileNet (Howard et al. 2017) of 27 convolutions, each with a batch normalisation and a PReLU, and a last
layer of 128; the weights are stored as int8.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import Tensor, nn

SIDE_PX, DIM = 112, 128
MEAN, SCALE = 127.5, 1 / 128  # of the pictures, as the graph has them
CONVOLUTIONS = 27


class Convolution(nn.Module):
    """With its batch normalisation folded in, and its PReLU; `name` is that of the PReLU's output."""

    kernel: Tensor
    bias: Tensor
    slope: Tensor

    def __init__(
        self, name: str, kernel: Tensor, bias: Tensor, slope: Tensor, attributes: dict[str, Any]
    ) -> None:
        super().__init__()
        self.name = name
        self.register_buffer("kernel", kernel.contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", bias)
        self.register_buffer("slope", slope)
        self.stride, self.padding = attributes["strides"][0], attributes["pads"][0]
        self.groups = attributes["group"]

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.kernel, self.bias, self.stride, self.padding, groups=self.groups)
        return F.prelu(x, self.slope)


class SfaceNet(nn.Module):
    """Pictures [N, 3, 112, 112], RGB in 0..255 -> vectors [N, 128]."""

    kernel: Tensor
    bias: Tensor

    def __init__(self, convolutions: list[Convolution], kernel: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(convolutions)
        self.register_buffer("kernel", kernel)
        self.register_buffer("bias", bias)

    def forward(self, pictures: Tensor) -> Tensor:
        x = _entered(pictures)
        for convolution in self.convolutions:
            x = convolution(x)
        return F.linear(x.flatten(1), self.kernel, self.bias)

    @torch.inference_mode()
    def vectors(self, pictures: np.ndarray) -> np.ndarray:
        """uint8 [N, 112, 112, 3], RGB -> float32 [N, 128]."""
        return self(torch.from_numpy(pictures).permute(0, 3, 1, 2)).numpy()

    @torch.inference_mode()
    def layers(self, pictures: np.ndarray, names: Collection[str]) -> list[np.ndarray]:
        """uint8 [N, 112, 112, 3], RGB -> the activations of these names in the file, float32 [N, C, H, W]."""
        x, found = _entered(torch.from_numpy(pictures).permute(0, 3, 1, 2)), []
        for convolution in self.convolutions:
            x = convolution(x)
            if convolution.name in names:
                found.append(x.contiguous().numpy())
        return found


def _entered(pictures: Tensor) -> Tensor:
    return ((pictures.float() - MEAN) * SCALE).contiguous(memory_format=torch.channels_last)


def read(path: Path) -> SfaceNet:
    """The network in face_recognition_sface_2021dec_int8bq.onnx. Raises ValueError when the file holds other
    layers."""
    graph = onnx.load(path).graph
    values = _weights(graph)
    nodes = [node for node in graph.node if node.op_type not in ("DequantizeLinear", "Reshape", "Constant")]
    count = 3 * CONVOLUTIONS
    kinds = ["Sub", "Mul", *CONVOLUTIONS * ["Conv", "BatchNormalization", "PRelu"]]
    kinds += ["BatchNormalization", "Dropout", "Flatten", "Gemm", "BatchNormalization"]
    if [node.op_type for node in nodes] != kinds:
        raise ValueError(f"{path}: other layers than SFace's")
    convolutions = []
    for conv, norm, prelu in zip(*(nodes[2 + k : 2 + count : 3] for k in range(3)), strict=True):
        scale, shift = _affine(norm, values)
        kernel, slope = values[conv.input[1]] * scale[:, None, None, None], values[prelu.input[1]].flatten()
        convolutions.append(Convolution(prelu.output[0], kernel, shift, slope, _attributes(conv)))
    before, last, after = nodes[2 + count], nodes[-2], nodes[-1]
    kernel, bias = values[last.input[1]], values[last.input[2]].flatten()
    scale, shift = _affine(before, values)
    places = kernel.shape[1] // len(scale)
    bias = bias + kernel @ shift.repeat_interleave(places)
    kernel = kernel * scale.repeat_interleave(places)
    scale, shift = _affine(after, values)
    return SfaceNet(convolutions, kernel * scale[:, None], bias * scale + shift).eval()


def _weights(graph: onnx.GraphProto) -> dict[str, Tensor]:
    """All constants by name, those that are stored as int8 in blocks of one scale unpacked."""
    found = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear":
            packed, scale, zero = (found[name].float() for name in node.input)
            axis, block = (_attributes(node)[name] for name in ("axis", "block_size"))
            scale, zero = (
                part.repeat_interleave(block, axis).narrow(axis, 0, packed.shape[axis])
                for part in (scale, zero)
            )
            found[node.output[0]] = (packed - zero) * scale
        elif node.op_type == "Reshape" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]].reshape(found[node.input[1]].tolist())
    return found


def _affine(norm: onnx.NodeProto, values: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Scale and shift of a batch normalisation at rest."""
    gamma, beta, mean, variance = (values[name] for name in norm.input[1:])
    scale = gamma / torch.sqrt(variance + _attributes(norm)["epsilon"])
    return scale, beta - mean * scale


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
