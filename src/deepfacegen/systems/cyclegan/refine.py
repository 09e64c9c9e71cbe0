"""The conditional CycleGAN as a system (Lu, Tai and Tang 2018): super-resolution with attributes, face swap
and frontal view."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepfacegen.config.systems import CycleganConfig
from deepfacegen.data.shards import batched
from deepfacegen.encoders import face as faces_net
from deepfacegen.errors import UserError
from deepfacegen.systems.cyclegan.begin import networks
from deepfacegen.systems.cyclegan.fits import SMALL
from deepfacegen.systems.cyclegan.identity import FaceEncoder
from deepfacegen.systems.cyclegan.networks import SMALL_PX, Upscaler, bicubic, small
from deepfacegen.systems.cyclegan.train import Trained, save, train
from deepfacegen.training import store
from deepfacegen.training.pixels import from_pixels, to_pixels

__all__ = ["Refiner", "Trained", "load", "save", "train"]

BATCH = 32


class Refiner:
    """A trained generator at rest.

    Attributes are float arrays [N, K] in the order of `names`: 1 yes, -1 no, between them more or less, nan
    unknown: guessed from the low-res face. Faces are uint8, RGB, in the alignment template.
    """

    def __init__(
        self,
        generator: Upscaler,
        frontal: nn.Linear,
        config: Mapping[str, Any],
        device: torch.device,
        face: FaceEncoder | None = None,
    ) -> None:
        self.generator = generator.to(device).eval().requires_grad_(False)
        self.turn, self.device, self.face = frontal.to(device), device, face
        self.names: list[str] = list(config["attributes"])
        self.identity_dim = int(config["identity_dim"])
        self.params = _params(config)
        self.size_px, self.scale = self.params.size_px, self.params.scale
        self.low_px = self.size_px // self.scale

    def upscale(
        self, faces_low: np.ndarray, attributes: np.ndarray | None = None, identity: np.ndarray | None = None
    ) -> np.ndarray:
        """[N, s, s, 3] -> [N, S, S, 3]. Larger faces are first reduced to s by area; `identity` are faces [N,
        T, T, 3] that these should look like.

        Raises ValueError for faces that are smaller than s, or whose side is no multiple of it, and for
        attributes of another shape. Raises UserError for an identity when the model was trained without one.
        """
        return self._generated(faces_low, attributes, identity, turned=False)

    def swap(
        self, faces_low: np.ndarray, identity: np.ndarray, attributes: np.ndarray | None = None
    ) -> np.ndarray:
        """The low-res face of one, its pose and light, with the identity of another: [N, s, s, 3], [N, T, T,
        3] -> [N, S, S, 3].

        Attributes that are unknown are guessed from the identity's face. Raises as `upscale` does.
        """
        theirs = self.guess(identity)
        return self._generated(
            faces_low, theirs if attributes is None else _filled(attributes, theirs), identity, turned=False
        )

    def frontal(
        self, faces: np.ndarray, attributes: np.ndarray | None = None, identity: np.ndarray | None = None
    ) -> np.ndarray:
        """A face [N, s, s, 3] or larger, turned -> the same person from the front, [N, S, S, 3]. Raises as
        `upscale` does.

        The low-res face is turned by a linear map fitted to training people's most frontal photos, at 16 px,
        and enlarged.
        """
        return self._generated(faces, attributes, identity, turned=True)

    @torch.inference_mode()
    def guess(self, faces: np.ndarray) -> np.ndarray:
        """The attributes that faces seem to have at 16 px: 1 or -1, float32 [N, K]."""
        parts = [torch.empty(0, len(self.names))]
        for part in batched(faces, BATCH):
            parts.append(self.generator.edit.guessed(self._low(part)).sign().cpu())
        return torch.cat(parts).numpy()

    @torch.inference_mode()
    def _generated(
        self, faces: np.ndarray, attributes: np.ndarray | None, identity: np.ndarray | None, turned: bool
    ) -> np.ndarray:
        if attributes is not None and attributes.shape != (len(faces), len(self.names)):
            raise ValueError(
                f"attributes must be [{len(faces)}, {len(self.names)}] ({', '.join(self.names)}), "
                f"not {list(attributes.shape)}"
            )
        guessed = self.guess(faces)
        condition = guessed if attributes is None else _filled(attributes, guessed)
        who = self._identity(identity, len(faces))
        out = np.empty((len(faces), self.size_px, self.size_px, 3), np.uint8)
        for rows in batched(np.arange(len(faces)), BATCH):
            low = self._turned(self._low(faces[rows])) if turned else self._low(faces[rows])
            inputs = torch.from_numpy(condition[rows]).to(self.device), who[rows].to(self.device)
            out[rows] = to_pixels(self.generator(low, *inputs))
        return out

    def _identity(self, faces: np.ndarray | None, count: int) -> Tensor:
        if faces is None:
            return torch.zeros(count, self.identity_dim)
        if self.face is None or not self.identity_dim:
            raise UserError(
                "the refiner was trained without identities; train it with cyclegan.identity: true"
            )
        if len(faces) != count:
            raise ValueError(f"{len(faces)} faces as identities of {count}")
        return torch.as_tensor(np.asarray(self.face.embed(np.ascontiguousarray(faces))))

    def _low(self, faces: np.ndarray) -> Tensor:
        side = faces.shape[1]
        if side < self.low_px or side % self.low_px:
            raise ValueError(f"faces of {side} px; the refiner takes {self.low_px} px or a multiple")
        return from_pixels(torch.from_numpy(np.ascontiguousarray(faces)).to(self.device), self.low_px)

    def _turned(self, low: Tensor) -> Tensor:
        front = self.turn(small(low)).view(-1, 3, SMALL_PX, SMALL_PX)
        return bicubic(front, self.low_px // SMALL_PX) if self.low_px > SMALL_PX else front


def load(models_dir: Path, device: torch.device, name: str = "cyclegan") -> Refiner:
    """Raises UserError if the model is missing or damaged, or it needs the face network and that is
    missing."""
    folder = models_dir / name
    config = store.read_config(folder)
    generator, *_ = networks(_params(config), len(config["attributes"]), config["identity_dim"])
    frontal = nn.Linear(SMALL, SMALL).requires_grad_(False)
    store.read_weights(folder, "generator", generator)
    store.read_weights(folder, "frontal", frontal)
    face = faces_net.load(models_dir / "face", device) if config["identity_dim"] else None
    return Refiner(generator, frontal, config, device, face)


def _params(config: Mapping[str, Any]) -> CycleganConfig:
    known = {field.name for field in dataclasses.fields(CycleganConfig)}
    return CycleganConfig(**{key: value for key, value in config["params"].items() if key in known})


def _filled(attributes: np.ndarray, guessed: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(attributes), guessed, attributes).astype(np.float32)
