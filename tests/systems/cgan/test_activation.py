"""The activations of the last layers: their formulas, the way back, and what they do to the networks with
one."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.config.schema import TrainConfig
from deepfacegen.systems.cgan.activation import CLIP, FACE, LOGIT, undecided
from deepfacegen.systems.cgan.discriminator import Discriminator
from deepfacegen.systems.cgan.paper_networks import WenDiscriminator, WenGenerator

NAMES = ["identity", "tanh", "sigmoid"]
X = np.linspace(-6, 6, 101)
SIGMOID = 1 / (1 + np.exp(-X))
TANH = (np.exp(X) - np.exp(-X)) / (np.exp(X) + np.exp(-X))


def generator(activation: str) -> WenGenerator:
    """The paper's, with weights so large that identity leaves [-1, 1]; condition 8."""
    torch.manual_seed(0)
    wen = WenGenerator(8, activation=activation)
    torch.nn.init.normal_(wen.layers[-1].weight, std=1e3)
    return wen


def discriminators(activation: str) -> list[Any]:
    torch.manual_seed(0)
    return [Discriminator(8, 5, (64, 8, 16), activation), WenDiscriminator(5, activation=activation)]


def test_the_tables_hold_what_the_parameters_offer() -> None:
    choices = {field.name: field.metadata["choices"] for field in dataclasses.fields(TrainConfig)}
    assert tuple(FACE) == choices["face_activation"]
    assert tuple(LOGIT) == choices["logit_activation"]
    assert (TrainConfig().face_activation, TrainConfig().logit_activation) == ("identity", "identity")


@pytest.mark.parametrize(
    ("name", "face", "logit"),
    [("identity", X, X), ("tanh", TANH, TANH), ("sigmoid", 2 * SIGMOID - 1, SIGMOID)],
)
def test_values_are_those_of_the_formula(name: str, face: np.ndarray, logit: np.ndarray) -> None:
    x = torch.from_numpy(X)
    np.testing.assert_allclose(FACE[name].forward(x), face, atol=1e-12)
    np.testing.assert_allclose(LOGIT[name](x), logit, atol=1e-12)


def test_identity_gives_back_the_very_tensor() -> None:
    x = torch.randn(3)
    assert FACE["identity"].forward(x) is x
    assert FACE["identity"].inverse(x) is x
    assert LOGIT["identity"](x) is x


@given(st.sampled_from(NAMES), st.floats(-1, 1))
def test_a_face_comes_back_from_its_inverse_but_for_the_darkest_and_brightest(
    name: str, value: float
) -> None:
    before = FACE[name].inverse(torch.tensor(value, dtype=torch.float64))
    assert torch.isfinite(before)
    assert float(FACE[name].forward(before)) == pytest.approx(
        value if name == "identity" else np.clip(value, -CLIP, CLIP), abs=1e-9
    )


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_generated_faces_stay_within_bounds(name: str) -> None:
    condition, z = torch.randn(6, 8), torch.zeros(6, 0)
    face, before = generator(name)(condition, z), generator("identity")(condition, z)
    assert before.abs().max() > 2
    assert face.abs().max() <= 1
    assert face.min() < -0.9
    assert face.max() > 0.9
    expected = before.tanh() if name == "tanh" else (before / 2).tanh()
    torch.testing.assert_close(face, expected)


@pytest.mark.parametrize(("name", "low", "high"), [("tanh", -1, 1), ("sigmoid", 0, 1)])
def test_logits_stay_within_bounds_and_identities_do_not(name: str, low: float, high: float) -> None:
    faces, condition = 30 * torch.randn(16, 3, 64, 64), 9 * torch.randn(16, 8)
    for bounded, free in zip(discriminators(name), discriminators("identity"), strict=True):
        bounded.load_state_dict(free.state_dict())
        embedding, _ = free.trunk(faces)
        embedding = torch.linspace(0, 100, 16)[:, None] * embedding
        logit, before = bounded.logits(embedding, condition), free.logits(embedding, condition)
        assert before.abs().max() > 2
        assert low <= logit.min() < logit.max() <= high
        assert torch.equal(
            logit > bounded.undecided, before > free.undecided
        )  # d/accuracy means the same under each
        assert torch.equal(bounded.identity(embedding), free.identity(embedding))


def test_the_undecided_logit_is_the_middle_of_the_range() -> None:
    assert [undecided(name) for name in NAMES] == [0.0, 0.0, 0.5]
    with torch.device("meta"):  # where sizes are known from
        assert undecided("sigmoid") == 0.5
