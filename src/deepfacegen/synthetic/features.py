"""Eyes, brows and mouth, painted over the shaded face."""

from __future__ import annotations

import math

import numpy as np

from deepfacegen.synthetic.canvas import F, Grid, Noise, Photo, bump, lay, smooth, stroke
from deepfacegen.synthetic.face_shape import FaceShape


def draw_eyes(picture: np.ndarray, grid: Grid, face: FaceShape, photo: Photo) -> None:
    """Both eyes: ball, iris, highlight, lashes, lid crease."""
    w = grid.window(0.6, -0.2, 0.2)
    u, v = grid.u[w], grid.v[w]
    side = np.sign(u)
    x = np.abs(u) - face.eye_spacing
    y = v - 0.01 + face.eye_tilt * x
    a = face.eye_width
    open_share = 1.0 - photo.blink
    t = np.clip(1.0 - (x / a) ** 2, 0, None)
    top = -face.eye_height * open_share * t**0.7 * (1.0 - 0.25 * x / a)
    bottom = face.eye_height * 0.62 * t**0.85 * (1.0 + 0.2 * x / a)
    inside = np.where(np.abs(x) < a, np.minimum(y - top, bottom - y), -0.05)
    eye = grid.edge(inside, 0.9)
    # the ball: white, shaded under the lid and to the corners
    shade = 0.80 - 0.5 * np.clip(1.0 - (y - top) / 0.05, 0, 1) - 0.35 * (x / a) ** 2
    white = np.clip(shade, 0.12, 1)[..., None] * np.array([0.84, 0.80, 0.78], dtype=F)
    radius = 0.066
    ix, iy = u - side * face.eye_spacing - photo.gaze, v - 0.002
    r = np.sqrt(ix * ix + iy * iy)
    iris_colour = face.iris * (0.55 + 1.1 * np.clip(iy / radius + 0.35, 0, 1))[..., None]
    iris_colour = iris_colour * np.clip((1.12 - (r / radius) ** 6), 0.15, 1.0)[..., None]
    white += (iris_colour - white) * grid.edge(radius - r, 1.0)[..., None]
    white *= (1.0 - 0.97 * grid.edge(0.029 - r, 1.0))[..., None]
    gx, gy = ix - math.copysign(0.024, photo.light_x), iy + 0.026
    white += (grid.edge(0.017 - np.sqrt(gx * gx + gy * gy), 1.0) * 0.85)[..., None]
    lay(picture, w, white, eye)
    # lashes along the upper lid, longer outside; lower rim; crease
    reach = smooth(np.abs(x), float(a) * 1.16, float(a) * 0.94)
    thick = (0.012 + 0.013 * face.lash) * (0.75 + 0.35 * x / a)
    wing = 0.035 * face.lash * smooth(x, 0.6 * float(a), 1.25 * float(a))
    lash = grid.edge(thick - np.abs(y - top + thick * 0.6 + wing), 1.2) * reach
    lay(picture, w, np.array([0.018, 0.012, 0.010], dtype=F), lash * (0.55 + 0.4 * face.lash))
    rim = stroke(y - bottom, 0.011) * reach
    lay(picture, w, face.skin * np.array([0.42, 0.24, 0.22], dtype=F), rim * 0.45)
    crease = stroke(y - top * 1.25 + (0.042 - 0.02 * face.wrinkle_amount), 0.012) * reach * (y < top)
    dark = face.skin * np.array([0.34, 0.2, 0.17], dtype=F)
    lay(picture, w, dark, crease * (0.55 + 0.2 * face.wrinkle_amount))


def draw_brows(picture: np.ndarray, grid: Grid, face: FaceShape, photo: Photo, noise: Noise) -> None:
    """Both brows, thick inside and thin outside."""
    w = grid.window(0.65, -0.45, -0.05)
    u, v = grid.u[w], grid.v[w]
    x = np.abs(u) - 0.315
    half = 0.215
    s = x / half
    curve = face.brow_v - face.brow_arch * (1.0 - (s - 0.25) ** 2) + 0.02
    taper = np.clip(1.0 - np.clip(s, -1, None) ** 2 * (0.25 + 0.6 * (s > 0).astype(F)), 0.05, 1)
    thick = face.brow_thickness * taper
    d = 1.0 - np.abs(v - curve) / thick
    hairs = noise.strand((x + (v - curve) * 0.9) * 160.0 + 50.0)
    mask = smooth(d, -0.25, 0.45) * smooth(np.abs(s), 1.08, 0.85) * np.clip(0.86 + 0.1 * hairs, 0, 1)
    lay(picture, w, face.brow * 0.8, mask * 0.9)


def draw_mouth(picture: np.ndarray, grid: Grid, face: FaceShape, photo: Photo) -> None:
    """Lips, the line between them, and teeth when they part."""
    w = grid.window(0.45, face.mouth_v - 0.2, face.mouth_v + 0.3)
    u, v = grid.u[w], grid.v[w]
    half = face.mouth_width * (1 + 0.1 * photo.smile - 0.1 * photo.mouth_open)
    s = u / half
    t = np.clip(1.0 - s * s, 0, None)
    bend = 0.016 + 0.055 * photo.smile - 0.016 * face.sag_amount
    line = (face.mouth_v + 0.012) - bend * s * s + 0.006 * np.cos(s * 7.0)
    gap = 0.13 * photo.mouth_open * t**0.8
    bow = 0.72 * t + 0.42 * np.exp(-(((np.abs(s) - 0.24) / 0.2) ** 2)) - 0.1 * np.exp(-((s / 0.12) ** 2))
    upper = line - 0.3 * gap - face.upper_lip * bow * t**0.4
    lower = line + 0.7 * gap + face.lower_lip * t**1.1
    inside = np.where(t > 0, np.minimum(v - upper, lower - v), -0.05)
    lips = grid.edge(inside, 2.0)
    is_upper = v < line
    rises = (v - upper) / (line - upper + 1e-4), (lower - v) / (lower - line - 0.7 * gap + 1e-4)
    rise = np.where(is_upper, *rises)
    level = np.where(is_upper, 0.60 - 0.12 * rise, 0.70 + 0.22 * np.sin(np.clip(rise, 0, 1) * np.pi))
    level = level * (1.0 + 0.15 * photo.light_x * s) * (0.94 + 0.06 * np.cos(s * 34.0))
    gloss = 0.07 * bump(s - 0.2 * photo.light_x, v - line - 0.7 * gap - face.lower_lip * 0.45, 0.35, 0.014)
    strength = 0.9 if face.female else 0.7
    lay(picture, w, level[..., None] * face.lips + gloss[..., None], lips * strength)
    if photo.mouth_open > 0.02:
        hole = grid.edge(np.where(t > 0, np.minimum(v - line + 0.3 * gap, line + 0.7 * gap - v), -0.05), 1.2)
        teeth = smooth(v - line + 0.3 * gap, 0.05, 0.035) * smooth(np.abs(s), 0.8, 0.6)
        teeth = teeth * min(1.0, 4.0 * photo.mouth_open)
        dark, white = np.array([0.045, 0.014, 0.014], dtype=F), np.array([0.5, 0.48, 0.44], dtype=F)
        lay(picture, w, dark + teeth[..., None] * white, hole)
    strength = 0.8 if photo.mouth_open <= 0.02 else 0.15
    seam = stroke(v - line, 0.0095) * smooth(np.abs(s), 1.12, 0.95) * strength
    lay(picture, w, face.lips * 0.13, seam)
