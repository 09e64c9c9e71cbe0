"""A sample person's speech, and a system that draws without a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepfacegen.config.schema import SampleConfig
from deepfacegen.synthetic.people import from_row, sample_people
from deepfacegen.synthetic.voice import speak
from tests.shared.sounds import FakeSystem, write_wav

TEXT = "The grey boat came home with the tide, and nobody on the quay could say who had been at the helm."


@pytest.fixture
def system() -> FakeSystem:
    return FakeSystem()


@pytest.fixture(scope="session")
def said() -> np.ndarray:
    """About five seconds of a sample person's speech, int16, 16 kHz."""
    people = sample_people(SampleConfig(identities=12))
    return speak(from_row(people.iloc[0]), TEXT, np.random.default_rng(0))


@pytest.fixture
def speech(tmp_path: Path, said: np.ndarray) -> Path:
    return write_wav(tmp_path / "in" / "speech.wav", said)
