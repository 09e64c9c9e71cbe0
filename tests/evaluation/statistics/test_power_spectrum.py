"""Spectra of hand-made pictures: each of them has its power where it must."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from deepfacegen.evaluation.statistics.power_spectrum import mean_power, spectrum

SIDE_PX = 64
OCTAVES = [f"octave_{2 * w}_to_{w}_px" for w in (1, 2, 4, 8, 16)]
FINE = OCTAVES[:3]


def noise(seed: int, count: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 196, size=(count, SIDE_PX, SIDE_PX, 3)).astype(np.uint8)


def wave(cycles_x: float, cycles_y: float, height: float = 60.0) -> np.ndarray:
    """One grey face with so many cycles along its rows and columns: uint8 [1, S, S, 3]."""
    place = np.arange(SIDE_PX) / SIDE_PX
    phase = 2 * np.pi * (cycles_x * place[None, :] + cycles_y * place[:, None])
    grey = np.rint(128 + height * np.cos(phase)).astype(np.uint8)
    return np.repeat(grey[None, :, :, None], 3, axis=3)


def test_faces_against_themselves_and_against_others_of_their_kind() -> None:
    same, other = spectrum(noise(0), noise(0)), spectrum(noise(0), noise(1))
    assert [same[key] for key in OCTAVES] == [1.0] * 5
    assert [other[key] for key in FINE] == pytest.approx([1.0] * 3, abs=0.1)
    assert same["axes_share_generated"] == same["axes_share_real"]


def test_noise_has_no_direction() -> None:
    """Its share is that of the frequencies on the axes."""
    cycles = np.fft.fftfreq(SIDE_PX)
    fine = np.hypot(cycles[:, None], cycles) > 1 / 8
    expected = (fine[0].sum() + fine[:, 0].sum()) / fine.sum()
    assert spectrum(noise(0), noise(1))["axes_share_generated"] == pytest.approx(expected, rel=0.1)


def test_a_blurred_copy_loses_its_finest_octaves_first() -> None:
    faces = noise(2)
    blurred = np.stack([cv2.GaussianBlur(face, (0, 0), 0.8) for face in faces])
    found = spectrum(blurred, faces)
    assert found[OCTAVES[0]] < found[OCTAVES[1]] < found[OCTAVES[2]] < found[OCTAVES[3]] < found[OCTAVES[4]]
    assert found["octave_4_to_2_px"] < 0.2
    assert found["octave_32_to_16_px"] == pytest.approx(1.0, abs=0.12)


def test_contrast_counts_squared() -> None:
    found = spectrum(wave(22, 3, height=30.0), wave(22, 3, height=60.0))
    assert found["octave_4_to_2_px"] == pytest.approx(0.25, rel=0.03)


@pytest.mark.parametrize(
    ("cycles", "octave"),
    [
        ((22, 0), "octave_4_to_2_px"),  # 64 / 22 = 2.9 px
        ((0, 11), "octave_8_to_4_px"),
        ((4, 4), "octave_16_to_8_px"),  # 64 / sqrt(32) = 11.3 px
        ((3, 0), "octave_32_to_16_px"),
        ((28, 28), "octave_2_to_1_px"),  # 64 / 39.6 = 1.6 px: a diagonal
    ],
)
def test_a_wave_lies_in_its_octave(cycles: tuple[int, int], octave: str) -> None:
    """Added to noise, it raises its own octave, and others by hardly more than the window spreads."""
    faces = noise(3)
    with_wave = np.clip(faces.astype(int) + wave(*cycles, height=30.0) - 128, 0, 255).astype(np.uint8)
    found = spectrum(with_wave, faces)
    assert found[octave] > 1.4
    assert found[octave] - 1 > 8 * max(abs(found[key] - 1) for key in OCTAVES if key != octave)


def test_stripes_along_rows_or_columns_are_a_weave_and_others_are_not() -> None:
    faces = noise(4)
    for cycles in ((16, 0), (0, 16)):
        found = spectrum(wave(*cycles), faces)
        assert found["axes_share_generated"] == pytest.approx(2 / 3, abs=0.01), "the window has the rest"
        assert found["axes_share_real"] < 0.03
    assert spectrum(wave(12, 12), faces)["axes_share_generated"] < 0.01
    coarse = np.clip(faces.astype(int) + wave(4, 0, height=30.0) - 128, 0, 255).astype(np.uint8)
    assert spectrum(coarse, faces)["axes_share_generated"] == pytest.approx(
        spectrum(faces, faces)["axes_share_real"], rel=0.1
    ), "16 px are no fine detail"


def test_a_weave_over_faces_shows() -> None:
    faces = noise(5)
    weave = wave(16, 0, height=12.0).astype(int) + wave(0, 16, height=12.0) - 256
    woven = np.clip(faces.astype(int) + weave, 0, 255).astype(np.uint8)
    found = spectrum(woven, faces)
    assert found["axes_share_generated"] > 3 * found["axes_share_real"]


def test_mean_power_is_that_of_each_face_and_brightness_has_none() -> None:
    faces = noise(6, count=300)  # more than are transformed at once
    each = np.mean([mean_power(face[None]) for face in faces], axis=0)
    np.testing.assert_allclose(mean_power(faces), each, rtol=1e-9)
    np.testing.assert_allclose(mean_power(faces + np.uint8(40)), mean_power(faces), rtol=1e-6)


def test_what_is_undefined_is_left_out() -> None:
    flat = np.full((3, SIDE_PX, SIDE_PX, 3), 90, dtype=np.uint8)
    assert set(spectrum(noise(7), flat)) == {"axes_share_generated"}
    assert spectrum(flat, noise(7)) == {
        **dict.fromkeys(OCTAVES, 0.0),
        "axes_share_real": pytest.approx(0.024, abs=0.005),
    }


def test_faces_of_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="no common frequencies"):
        spectrum(noise(0), noise(0)[:, :32, :32])
