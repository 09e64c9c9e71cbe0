"""Power spectra of sets of faces: do generated faces have the fine detail of real ones, and a pattern that
real ones do not have?

A recogniser reduces faces and looks past both; eyes do not.
"""

from __future__ import annotations

import numpy as np

from deepfacegen.data.shards import batched

GREY = np.array([0.299, 0.587, 0.114])  # BT.601
# Shortest wavelength of each octave. Below 2 px there are only diagonals, down to 1.41 px.
SHORTEST_PX = (1, 2, 4, 8, 16)
AXES_BELOW_PX = 8
FACES_AT_ONCE = 256


def spectrum(generated: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Generated faces uint8 [N, S, S, 3] and real ones of the same size [M, S, S, 3] -> metrics.

    `octave_<2w>_to_<w>_px`: power of generated over that of real faces at wavelengths from w up to, but
    without, 2w px, whatever the direction: 1 is as much, below 1 is too smooth. `axes_share_generated`,
    `axes_share_real`: share of the power at wavelengths below AXES_BELOW_PX that stripes along rows or
    columns of pixels have (fx = 0 or fy = 0): a weave or grid. The Hann window spreads a third of a stripe to
    its neighbours, so pure stripes have 2/3; white noise has about 0.02 at 64 px. What is undefined, for want
    of pixels or of any power, is left out. Raises ValueError for different sizes.
    """
    if generated.shape[1:] != real.shape[1:]:
        raise ValueError(f"faces of {generated.shape[1:]} and {real.shape[1:]} have no common frequencies")
    own, reference = mean_power(generated), mean_power(real)
    frequency = np.fft.fftfreq(generated.shape[1])
    radius = np.hypot(frequency[:, None], frequency[None, :])
    metrics = {}
    for shortest in SHORTEST_PX:
        octave = (radius > 0.5 / shortest) & (radius <= 1.0 / shortest)
        if (power := float(reference[octave].sum())) > 0:
            metrics[f"octave_{2 * shortest}_to_{shortest}_px"] = float(own[octave].sum()) / power
    fine = radius > 1.0 / AXES_BELOW_PX
    axes = fine & ((frequency[:, None] == 0) | (frequency[None, :] == 0))
    for name, power_of in (("generated", own), ("real", reference)):
        if (power := float(power_of[fine].sum())) > 0:
            metrics[f"axes_share_{name}"] = float(power_of[axes].sum()) / power
    return metrics


def mean_power(faces: np.ndarray) -> np.ndarray:
    """Mean power of grey faces under a Hann window, each less its mean: uint8 [N, S, S, 3], N > 0 -> float64
    [S, S] by frequency, as `np.fft.fftfreq` orders them."""
    side = faces.shape[1]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(side) / side)
    window, total = np.outer(hann, hann), np.zeros((side, side))
    for part in batched(faces, FACES_AT_ONCE):
        grey = part @ GREY
        flat = grey - grey.mean(axis=(1, 2), keepdims=True)
        total += (np.abs(np.fft.fft2(flat * window)) ** 2).sum(axis=0)
    return total / len(faces)
