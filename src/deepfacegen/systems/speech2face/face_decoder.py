"""The face decoder: from the feature of a face-recognition network to a face, by way of the prior."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from torch import Tensor, nn

from deepfacegen.systems.prior.flow import Flow
from deepfacegen.systems.prior.networks import Synthesis
from deepfacegen.systems.prior.prior import Prior, Sizes

RIDGES = np.logspace(0, 5, 11)  # on features of unit deviation; chosen by leave-one-out error


class FaceDecoder(nn.Module):
    """Feature [B, D] -> face [B, 3, S, S] in about [-1, 1].

    Published is a network that learns the texture and the landmarks of faces from their features, of a
    million photos (Cole et al. 2017). Here its first layer is the ridge regression from features to latents
    of the prior of faces (`systems.prior.prior`), which generates them. What a feature says nothing about is
    therefore typical, as in a canonical face: near the middle of the prior.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, dim: int, sizes: Sizes) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(()))
        self.latent = nn.Linear(dim, sizes.code_dim)
        self.flow, self.synthesis = Flow(sizes.code_dim), Synthesis(*sizes.widths, sizes.code_dim)

    @torch.no_grad()
    def start_from(self, prior: Prior, features: Tensor, latents: Tensor) -> None:
        """The prior's networks, and the regression of the latents [N, Z] of real faces on their features
        [N, D]."""
        self.flow.load_state_dict(prior.flow.state_dict())
        self.synthesis.load_state_dict(prior.synthesis.state_dict())
        self.centre.copy_(features.mean(dim=0))
        self.scale.copy_((features - self.centre).square().mean().sqrt().clamp(min=1e-6))
        found = RidgeCV(RIDGES).fit(self.standardise(features).double().numpy(), latents.double().numpy())
        self.latent.weight.copy_(torch.from_numpy(found.coef_))
        self.latent.bias.copy_(torch.from_numpy(found.intercept_))

    def first_layer(self, feature: Tensor) -> Tensor:
        """f_dec: [B, D] -> latents of the prior [B, Z]."""
        return self.latent(self.standardise(feature))

    def standardise(self, feature: Tensor) -> Tensor:
        """Features [B, D] less their mean, in their own deviation."""
        return (feature - self.centre) / self.scale

    def forward(self, feature: Tensor) -> Tensor:
        return self.synthesis(self.flow(self.first_layer(feature)))
