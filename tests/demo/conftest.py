"""A sample person's speech, a system that generates without a model, a tiny release, and people to show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfacegen import VoiceToFace
from deepfacegen.demo.people import People
from tests.demo.visit import demo, opening
from tests.shared.fixtures import said, speech, system

__all__ = ["demo", "opening", "said", "speech", "system"]


@pytest.fixture(scope="module")
def model(release: Path) -> VoiceToFace:
    return VoiceToFace.load(release, "cpu")


@pytest.fixture(scope="module")
def people() -> People:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "identity_id": [f"id{k}" for k in range(9)],
            "gender": ["f", "m", None] * 3,
            "age_years": [31.2, np.nan, 70.0] * 3,
        }
    )
    real, generated = (
        rng.integers(0, 255, shape, dtype=np.uint8) for shape in ((9, 8, 8, 3), (9, 2, 8, 8, 3))
    )
    return People(table, real, generated, rng.integers(-99, 99, (9, 1600)).astype(np.int16))
