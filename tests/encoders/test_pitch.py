"""The median pitch against voices whose pitch is known by construction."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfacegen.encoders.pitch import REFERENCE_HZ, median_pitch


def buzz(pitch_hz: float, seconds: float = 1.0, harmonics: int = 12) -> torch.Tensor:
    """Harmonics that fall off as those of a glottal source do."""
    time = torch.arange(int(16_000 * seconds)) / 16_000
    return sum(torch.sin(2 * math.pi * pitch_hz * k * time + k) / k for k in range(1, harmonics + 1))


@settings(max_examples=30)
@given(pitch_hz=st.floats(75.0, 360.0), level=st.floats(0.01, 1.0))
def test_the_pitch_of_a_buzz_is_found_at_any_loudness(pitch_hz: float, level: float) -> None:
    found = float(median_pitch(level * buzz(pitch_hz)[None]))
    # Lags are whole samples, and at 360 Hz a period has only 44 of them.
    assert found == pytest.approx(math.log2(pitch_hz / REFERENCE_HZ), abs=0.035)


def test_pauses_and_hiss_do_not_move_it() -> None:
    rng = torch.Generator().manual_seed(0)
    voiced = buzz(120.0)
    clip = torch.cat([voiced, torch.zeros(16_000), 0.4 * torch.randn(8_000, generator=rng), voiced])
    assert float(median_pitch(clip[None])) == pytest.approx(math.log2(120 / REFERENCE_HZ), abs=0.02)


def test_a_median_forgives_one_wrong_stretch() -> None:
    clip = torch.cat([buzz(200.0, 1.0), buzz(100.0, 0.5)])
    assert float(median_pitch(clip[None])) == pytest.approx(math.log2(200 / REFERENCE_HZ), abs=0.02)


def test_silence_hiss_and_very_short_clips_stand_at_the_reference() -> None:
    hiss = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(1))
    assert median_pitch(torch.zeros(2, 16_000)).tolist() == [0.0, 0.0]
    assert float(median_pitch(hiss)) == 0.0
    assert float(median_pitch(torch.zeros(1, 10))) == 0.0


def test_rows_do_not_touch_each_other_and_int16_reads_alike() -> None:
    both = torch.stack([buzz(110.0), buzz(230.0)]) / 4
    stored = torch.from_numpy((both.numpy() * 32767).astype(np.int16))
    alone = torch.cat([median_pitch(both[:1]), median_pitch(both[1:])])
    torch.testing.assert_close(median_pitch(both), alone)
    torch.testing.assert_close(median_pitch(stored), alone)
