"""What portraits are painted on: the photo's conditions, face coordinates of every pixel, smooth noise, soft
strokes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

F = np.float32
Window = tuple[slice, slice]


@dataclass(frozen=True)
class Photo:
    """What changes from photo to photo of one person; angles in radians, positive yaw turns the face to the
    right of the picture."""

    yaw: float
    pitch: float
    roll: float
    centre_x: float
    centre_y: float
    scale: float
    light_x: float
    light_y: float
    warmth: float
    exposure: float
    background_rgb: tuple[float, float, float]
    clothes_rgb: tuple[float, float, float]
    smile: float
    mouth_open: float
    blink: float
    gaze: float
    noise_seed: int


class Grid:
    """Face coordinates u (right), v (down) of every pixel, float32 `[S, S]`: shift, scale, roll, and the
    parallax of yaw and pitch on a dome."""

    def __init__(self, photo: Photo, size_px: int) -> None:
        self.size_px = size_px
        self.px_per_unit = photo.scale * size_px
        self.cx = (0.5 + photo.centre_x) * size_px
        self.cy = (0.47 + photo.centre_y) * size_px
        cols = (np.arange(size_px, dtype=F) + 0.5 - self.cx) / self.px_per_unit
        rows = (np.arange(size_px, dtype=F) + 0.5 - self.cy) / self.px_per_unit
        self.x, self.y = np.meshgrid(cols, rows)
        c, s = math.cos(photo.roll), math.sin(photo.roll)
        x, y = c * self.x + s * self.y, c * self.y - s * self.x
        sin_yaw, sin_pitch = math.sin(photo.yaw), math.sin(photo.pitch)
        cos_yaw, cos_pitch = math.cos(photo.yaw), math.cos(photo.pitch)
        u, v = x, y
        for _ in range(2):
            depth = 0.75 * np.exp(-(u * u * 1.2 + v * v * 0.6))
            u, v = (x - depth * sin_yaw) / cos_yaw, (y - depth * sin_pitch) / cos_pitch
        self.u, self.v = u, v
        self.soft = 0.8 / self.px_per_unit

    def window(self, half_u: float, v0: float, v1: float) -> Window:
        """Slices of the pixels that can lie in |u| <= half_u, v0 <= v <= v1 (with room for the pose)."""
        room, n = 0.24, self.size_px
        top, bottom = self.cy + (v0 - room) * self.px_per_unit, self.cy + (v1 + room) * self.px_per_unit
        half_width = (half_u + room) * self.px_per_unit
        left, right = self.cx - half_width, self.cx + half_width
        rows, columns = ((max(0, int(a)), min(n, int(b) + 1)) for a, b in ((top, bottom), (left, right)))
        return slice(*rows), slice(*columns)

    def edge(self, distance: np.ndarray, width: float = 1.0) -> np.ndarray:
        """0 outside, 1 inside of `distance` >= 0 (face units), with an edge about `width` pixels wide."""
        return np.clip(0.5 + distance / (2.0 * self.soft * width), 0.0, 1.0)


class Noise:
    """Smooth random fields, fixed per photo seed."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.coarse = rng.standard_normal((12, 12)).astype(F)
        self.fine = rng.standard_normal((64, 64)).astype(F)
        self.strands = cv2.GaussianBlur(rng.standard_normal((1, 512)).astype(F), (0, 0), 1.0).ravel() * 1.9
        self.grain = rng.standard_normal((97, 101)).astype(F)

    def strand(self, t: np.ndarray) -> np.ndarray:
        """Hair texture at strand coordinate t (any real), about unit deviation."""
        low = np.floor(t)
        part = t - low
        i = low.astype(np.int32) & 511
        return self.strands[i] * (1 - part) + self.strands[(i + 1) & 511] * part


def bump(a: np.ndarray, b: np.ndarray, width_a: float, width_b: float) -> np.ndarray:
    """exp(-(a / width_a)^2 - (b / width_b)^2)."""
    a, b = a / width_a, b / width_b
    return np.exp(-(a * a + b * b))


def stroke(distance: np.ndarray, width: float) -> np.ndarray:
    """A soft stroke of half width `width` around distance 0."""
    d = distance / width
    return np.exp(-(d * d))


def smooth(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between (also for low > high)."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def lay(picture: np.ndarray, window: Window, colour: np.ndarray, amount: np.ndarray) -> None:
    """Lay `colour` (`[3]` or `[h, w, 3]`) over the window of the picture, in place."""
    part = picture[window]
    part += (colour - part) * amount[..., None]


def cubic(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Cubic Hermite curve through (x, y) with central slopes, sampled on a table of 256 and read off
    linearly. float32."""
    slopes = np.gradient(y, x)
    table_x = np.linspace(x[0], x[-1], 256)
    i = np.clip(np.searchsorted(x, table_x) - 1, 0, len(x) - 2)
    h = x[i + 1] - x[i]
    t = (table_x - x[i]) / h
    value = (1 + 2 * t) * (1 - t) ** 2 * y[i] + t * (1 - t) ** 2 * h * slopes[i]
    value += t**2 * (3 - 2 * t) * y[i + 1] + t**2 * (t - 1) * h * slopes[i + 1]
    return np.interp(at, table_x, value).astype(F)
