"""Hair, neck and shoulders of a portrait."""

from __future__ import annotations

import math

import cv2
import numpy as np

from deepfacegen.synthetic.canvas import F, Grid, Noise, Photo, Window, cubic, lay, smooth, stroke
from deepfacegen.synthetic.face_shape import FaceShape
from deepfacegen.synthetic.head import outline_radius


def _hair_shade(
    grid: Grid, w: Window, face: FaceShape, photo: Photo, noise: Noise, half_width: np.ndarray
) -> np.ndarray:
    """Colour of hair: strands, a band of sheen, darker away from the light. `[h, w, 3]`."""
    u, v = grid.u[w], grid.v[w]
    wave = 0.10 * face.hair_curl * np.sin(v * 9.0 + u * 2.0)
    t = (u + wave) / half_width
    strands = noise.strand(t * 58.0 + 200.0) * 0.6 + noise.strand(t * 140.0 + v * 2.0 + 300.0) * 0.4
    round_side = np.clip(1.0 - 0.55 * np.clip(np.abs(t), 0, 1.3) ** 3, 0.2, 1.0)
    lit = 1.0 + math.copysign(0.35, photo.light_x) * np.clip(t, -1, 1)
    level = 0.95 * round_side * lit * (1.0 + 0.24 * strands)
    sheen = stroke(v + 0.74 - 0.22 * (1 - t * t) + 0.04 * strands, 0.16) * round_side
    sheen += 0.5 * stroke(v - 0.35 + 0.05 * strands, 0.22) * face.female
    colour = level[..., None] * face.hair
    return colour + (sheen * (0.55 + 0.3 * strands) * lit)[..., None] * (face.hair * 0.7 + 0.018)


def _hair_outer(face: FaceShape, degrees: np.ndarray) -> np.ndarray:
    """Outer radius of the hair cap by polar angle."""
    volume = face.hair_volume
    knots = np.array([-130.0, -90.0, -55.0, -25.0, 0.0, 20.0, 40.0])
    base = [face.outline[k] for k in (1, 0, 1, 2, 3, 4, 5)]
    extra = np.array([volume, volume, volume, 0.75 * volume, 0.45 * volume, 0.1 * volume, 0.0])
    return cubic(knots, np.asarray(base) + extra, degrees)


def _curtain(grid: Grid, w: Window, face: FaceShape) -> tuple[np.ndarray, np.ndarray]:
    """Long hair below the temples: (signed distance inside, half width by row)."""
    u, v = grid.u[w], grid.v[w]
    length = 0.35 + 1.1 * face.long_hair
    flare = (0.10 + 0.12 * face.hair_curl) * smooth(v, -0.1, 1.2)
    width = (face.outline[3] + 0.55 * face.hair_volume) + flare
    width = width + (0.03 + 0.03 * face.hair_curl) * np.sin(v * 7.0 + np.sign(u)) * smooth(v, 0.1, 0.6)
    inside = np.minimum(width - np.abs(u), length - v - 0.25 * np.abs(u))
    return np.minimum(inside, v + 0.62), width


def draw_hair_behind(picture: np.ndarray, grid: Grid, face: FaceShape, photo: Photo, noise: Noise) -> None:
    """What of long hair hangs behind the neck, in shadow."""
    if face.long_hair < 0.12:
        return
    w = grid.window(1.3, -0.65, 1.7)
    inside, width = _curtain(grid, w, face)
    colour = _hair_shade(grid, w, face, photo, noise, width) * 0.55
    lay(picture, w, colour, grid.edge(inside, 2.0))


def draw_hair_in_front(picture: np.ndarray, grid: Grid, face: FaceShape, photo: Photo, noise: Noise) -> None:
    """The cap over the skull down to the hairline, and for long hair the strands beside the face."""
    w = grid.window(1.35, -1.5, 1.7 if face.long_hair >= 0.12 else 0.5)
    u, v = grid.u[w], grid.v[w]
    au = np.abs(u)
    rho = np.sqrt(u * u + v * v)
    degrees = np.degrees(np.arctan2(v, au))
    outer = _hair_outer(face, degrees)
    strands = noise.strand(np.degrees(np.arctan2(v, u)) * (0.16 + 0.12 * face.hair_curl) + 256.0)
    rough = strands * (0.008 + 0.022 * face.hair_curl)
    back = face.hair_recession
    knots = np.array([-150.0, -90.0, -62.0, -42.0, -22.0, -2.0, 14.0, 40.0])
    top, temple = face.hairline
    above = [temple, top + 0.35 * back, temple + 0.36 * back, 0.80 + 0.16 * back, 0.80 + 0.04 * back]
    line = np.array([*above, face.outline[3] - 0.03, 1.0, 1.3])
    sweep = -0.30 * face.hair_part * u * smooth(v, -0.2, -0.6)
    inner = cubic(knots, line, degrees) + np.where(sweep > 0, 0.25 * sweep, sweep) + 0.2 * rough
    # no bare background between hairline and face, save where hair has fallen out
    edge = outline_radius(face, degrees) - 0.025 + (0.5 * back) * smooth(v, -0.45, -0.7)
    inner = np.minimum(inner, edge + smooth(v, -0.2, 0.1))
    # above the temples a strip of hair always stays, unless it has fallen out
    inner = np.minimum(inner, outer - 0.1 * (1.0 - min(1.0, back)) + 0.4 * smooth(v, -0.45, -0.1))
    cap = np.minimum(outer + rough - rho, rho - inner)
    low_width = face.outline[3] + 0.5 * face.hair_volume
    half_width = np.sqrt(np.maximum(outer * outer - v * v, 0) + 0.06)
    half_width += (low_width - half_width) * smooth(v, -0.15, 0.15)
    amount = grid.edge(cap, 2.6)
    if face.long_hair >= 0.12:
        curtain, _ = _curtain(grid, w, face)
        opening = au - (face.outline[3] - 0.035) - 0.10 * smooth(v, 0.1, 0.9)
        opening = opening + 0.16 * smooth(v, -0.12, -0.6) + 0.02 * np.sin(v * 6.0 + np.sign(u) * 1.3)
        amount = np.maximum(amount, grid.edge(np.minimum(curtain, opening), 2.2))
    # hair throws a soft shadow on the skin below it
    shadow = cv2.GaussianBlur(amount, (0, 0), float(0.06 * grid.px_per_unit)) * (1.0 - amount)
    part = picture[w]
    part *= (1.0 - 0.45 * shadow)[..., None]
    lay(picture, w, _hair_shade(grid, w, face, photo, noise, half_width), amount)


def draw_body(picture: np.ndarray, grid: Grid, face: FaceShape, photo: Photo) -> None:
    """Neck, shoulders and a plain round-necked top."""
    w = grid.window(4.0, 0.5, 3.0)
    x, y = grid.x[w], grid.y[w]
    dx = x - 0.25 * math.sin(photo.yaw)
    ax = np.abs(dx)
    flare = 0.25 * smooth(y, 1.05, 1.65) ** 2
    neck = face.neck_width + flare - ax
    t = dx / (face.neck_width + 0.1)
    light = 0.62 + 0.28 * t * photo.light_x - 0.3 * np.clip(t * t, 0, 1)
    chin_shadow = 1.0 - 0.5 * stroke(y - (face.outline[7] + 0.02), 0.3)
    level = np.clip(light * chin_shadow, 0.1, 1.2)
    lay(picture, w, level[..., None] * face.skin * np.array([1.0, 0.9, 0.86], dtype=F), grid.edge(neck, 1.0))
    beyond = np.clip(ax - face.shoulder_width, 0, None)
    top = 1.36 + 0.30 * np.clip(ax - 0.3, 0, None) ** 1.3 + 2.2 * beyond**2
    collar = 1.55 - 0.9 * ax * ax
    cloth = np.minimum(y - top, y - np.where(ax < 0.62, collar, 0.0))
    colour = np.asarray(photo.clothes_rgb, dtype=F)
    fold = 0.72 + 0.3 * np.clip(dx * photo.light_x, -1, 1) - 0.18 * smooth(ax, 0.6, 1.7)
    fold = fold + 0.1 * stroke(y - top - 0.12, 0.1)
    lay(picture, w, fold[..., None] * colour, grid.edge(cloth, 1.0))
    rib = stroke(y - collar - 0.035, 0.018) * (cloth > 0)
    lay(picture, w, colour * 0.45, rib * 0.6)
