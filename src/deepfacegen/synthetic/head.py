"""The head of a portrait: a height field of the face, skin, light."""

from __future__ import annotations

import cv2
import numpy as np

from deepfacegen.synthetic.canvas import F, Grid, Noise, Photo, bump, cubic, lay, smooth, stroke
from deepfacegen.synthetic.face_shape import OUTLINE_DEGREES, FaceShape


def draw_head(picture: np.ndarray, grid: Grid, face: FaceShape, photo: Photo, noise: Noise) -> None:
    """Ears and the shaded face; eyes, brows and mouth come on top of it."""
    _ears(picture, grid, face, photo)
    w = grid.window(0.95, -0.95, 1.25)
    u, v = grid.u[w], grid.v[w]
    au = np.abs(u)
    v_jaw = v - 0.05 * photo.mouth_open * smooth(v, 0.5, 1.1)
    degrees = np.degrees(np.arctan2(v_jaw, au))
    q = np.sqrt(u * u + v_jaw * v_jaw) / outline_radius(face, degrees)
    height = _relief(face, photo, u, v, au, q)
    albedo = _complexion(face, noise, u, v, au)
    shaded = _light(grid, photo, height, albedo)
    lay(picture, w, shaded, grid.edge((1.0 - q) * 0.9, 1.0))


def _ears(picture: np.ndarray, grid: Grid, face: FaceShape, photo: Photo) -> None:
    w = grid.window(1.05, -0.3, 0.6)
    u, v = grid.u[w], grid.v[w]
    au = np.abs(u)
    ex = (au - (face.outline[3] + 0.015)) / 0.10
    ey = (v - 0.16 + 0.3 * (au - face.outline[3])) / 0.24
    d = 1.0 - np.sqrt(ex * ex + ey * ey)
    level = 0.62 + 0.25 * np.clip(u * photo.light_x, -1, 1) - 0.35 * bump(ex - 0.1, ey, 0.45, 0.6)
    colour = level[..., None] * face.skin * np.array([1.0, 0.8, 0.76], dtype=F)
    lay(picture, w, colour, grid.edge(d * 0.1, 1.0))


def _relief(
    face: FaceShape, photo: Photo, u: np.ndarray, v: np.ndarray, au: np.ndarray, q: np.ndarray
) -> np.ndarray:
    """Height of the face above the picture plane, in face units."""
    inside = np.clip(q, 0, 0.995)
    z = 0.60 * np.sqrt(1.0 - inside**2.6)
    ex = au - face.eye_spacing
    z += face.brow_ridge * bump(au - 0.27, v - (face.brow_v + 0.02), 0.24, 0.085)
    z -= 0.075 * bump(ex + 0.02, v + 0.03, 0.17, 0.11)
    z += 0.045 * bump(ex, v - 0.01, 0.115, 0.075)
    # nose: a ridge that rises and widens to the tip, then breaks off
    end = face.nose_length
    along = np.clip(v + 0.12, 0, None) / (end + 0.12)
    cut = smooth(v, face.nose_length + 0.115, face.nose_length - 0.06)
    ridge_width = face.nose_width * (0.42 + 0.34 * along)
    z += face.nose_height * along**1.3 * np.exp(-((u / ridge_width) ** 2)) * cut * (v > -0.12)
    z += 0.40 * face.nose_height * bump(u, v - end + 0.02, 0.72 * face.nose_width, 0.075)
    wing = bump(au - face.nose_width * 0.92, v - end - 0.005, 0.45 * face.nose_width, 0.058)
    z += 0.42 * face.nose_height * wing
    # cheeks, muzzle, chin
    z += 0.05 * face.cheek_bone * bump(au - 0.48, v - 0.2, 0.16, 0.11)
    cheek = bump(au - 0.40, v - (0.44 - 0.04 * photo.smile), 0.2, 0.18)
    z += (0.085 * face.cheek_fat + 0.012 * photo.smile) * cheek
    z += 0.06 * face.sag_amount * bump(au - 0.46, v - 0.82, 0.13, 0.12)
    z -= 0.05 * (1 - face.cheek_fat) * (0.4 + face.wrinkle_amount) * bump(au - 0.48, v - 0.55, 0.12, 0.18)
    z += 0.05 * bump(u, v - face.mouth_v, 0.26, 0.17)
    z -= 0.03 * bump(u, v - (face.mouth_v + face.lower_lip + 0.065), 0.15, 0.03)
    chin = bump(u, v - (face.outline[7] - 0.13), 0.13 + 0.04 * face.chin_bump, 0.085)
    z += (0.035 + 0.035 * face.chin_bump) * chin
    z -= 0.012 * bump(u, v - 0.5 * (face.nose_length + face.mouth_v), 0.025, 0.06)
    return z + _wrinkles(face, photo, u, v, au, ex)


def _wrinkles(
    face: FaceShape, photo: Photo, u: np.ndarray, v: np.ndarray, au: np.ndarray, ex: np.ndarray
) -> np.ndarray:
    """Lines of age (and the fold of a smile) as grooves in the relief."""
    a = face.wrinkle_amount
    # from beside the nose round the mouth
    fold_u = (face.nose_width + 0.05) + 0.32 * np.clip(v - face.nose_length, 0, None) + 0.05 * photo.smile
    fold = stroke(au - fold_u, 0.028) * smooth(v, face.nose_length - 0.05, face.nose_length + 0.06)
    fold *= smooth(v, face.mouth_v + 0.06, face.mouth_v - 0.08)
    z = -0.022 * (0.2 + 0.35 * photo.smile + 1.15 * a) * fold
    if a <= 0.0:
        return z
    z -= 0.02 * a * stroke(ex + 0.02 - 0.25 * (v - 0.12), 0.2) * stroke(v - 0.135 - 0.5 * ex * ex, 0.018)
    z += 0.03 * a * bump(ex + 0.01, v - 0.095, 0.11, 0.03)
    waves = np.sin(v * 52.0 + 1.2 * np.cos(u * 5.0))
    z += 0.0085 * a * np.clip(waves, -1, 0.3) * bump(u, v + 0.52, 0.38, 0.14)
    crow = np.sin(np.arctan2(v - 0.01, ex - 0.08) * 13.0)
    z += 0.006 * a * crow * bump(ex - 0.255, v - 0.02, 0.08, 0.09)
    z -= 0.014 * a * stroke(au - 0.045, 0.012) * bump(u, v - (face.brow_v + 0.03), 1.0, 0.09)
    marionette = stroke(au - (face.mouth_width + 0.03) - 0.12 * (v - face.mouth_v), 0.022)
    z -= 0.014 * face.sag_amount * marionette * bump(u, v - (face.mouth_v + 0.12), 1.0, 0.1)
    return z


def _complexion(face: FaceShape, noise: Noise, u: np.ndarray, v: np.ndarray, au: np.ndarray) -> np.ndarray:
    """Skin colour before light: blush, beard shadow, blotches of age. `[h, w, 3]`."""
    shape = (u.shape[1], u.shape[0])
    blotch = cv2.resize(noise.coarse, shape, interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(noise.fine, shape, interpolation=cv2.INTER_LINEAR)
    tone = 1.0 + (0.02 + 0.025 * face.wrinkle_amount) * blotch + (0.012 + 0.03 * face.wrinkle_amount) * fine
    albedo = tone[..., None] * face.skin
    nose = bump(u, v - face.nose_length, face.nose_width * 1.3, 0.09)
    blush = (0.5 * bump(au - 0.42, v - 0.36, 0.2, 0.15) + 0.4 * nose) * (0.8 if face.female else 0.55)
    albedo *= 1.0 - blush[..., None] * np.array([0.0, 0.2, 0.2], dtype=F)
    under = bump(au - (face.eye_spacing - 0.02), v - 0.1, 0.13, 0.05) * (0.12 + 0.25 * face.wrinkle_amount)
    albedo *= 1.0 - under[..., None] * np.array([0.7, 1.0, 0.85], dtype=F)
    if face.beard_amount > 0.0:
        line = 0.28 + 0.55 * np.clip(0.62 - au, 0, None) ** 0.9
        zone = smooth(v - line, -0.02, 0.16)
        moustache = bump(u, v - (0.5 * (face.nose_length + face.mouth_v) + 0.015), 0.24, 0.06)
        zone = np.clip(np.maximum(zone, moustache * 0.9), 0, 1) * (1.0 + 0.12 * fine)
        amount = np.clip(zone * 0.75 * face.beard_amount, 0, 0.85)
        albedo += (face.brow * 0.8 + 0.01 - albedo) * amount[..., None]
    nostril = bump(au - 0.5 * face.nose_width, v - (face.nose_length + 0.052), 0.3 * face.nose_width, 0.017)
    albedo *= 1.0 - 0.8 * nostril[..., None]
    return albedo


def _light(grid: Grid, photo: Photo, height: np.ndarray, albedo: np.ndarray) -> np.ndarray:
    """Key light, fill, skin-coloured terminator, hollows, a soft gloss."""
    dz_dy, dz_dx = np.gradient(height * grid.px_per_unit)
    nz = 1.0 / np.sqrt(1.0 + dz_dx * dz_dx + dz_dy * dz_dy)
    nx, ny = -dz_dx * nz, -dz_dy * nz
    light = np.array([photo.light_x, photo.light_y, 0.95], dtype=F)
    light /= np.linalg.norm(light)
    facing = nx * light[0] + ny * light[1] + nz * light[2]
    wrapped = np.clip((facing + 0.35) / 1.35, 0, None)
    key = wrapped**1.35
    fill = 0.5 + 0.5 * nz - 0.12 * ny
    around = cv2.GaussianBlur(height, (0, 0), float(0.09 * grid.px_per_unit))
    hollow = np.clip((around - height) * 7.0, -0.35, 0.75)
    open_sky = 1.0 - hollow * 0.65
    half = light + np.array([0, 0, 1], dtype=F)
    half /= np.linalg.norm(half)
    gloss = np.clip(nx * half[0] + ny * half[1] + nz * half[2], 0, 1) ** 28.0 * 0.085
    level = (0.86 * key + 0.17 * fill) * open_sky
    warm = np.clip(1.0 - key, 0, 1) * 0.35
    tint = np.array([0.0, 0.30, 0.42], dtype=F)
    return albedo * level[..., None] * (1.0 - warm[..., None] * tint) + (gloss * open_sky)[..., None]


def outline_radius(face: FaceShape, degrees: np.ndarray) -> np.ndarray:
    """Outline radius at polar angles 0 = ear, 90 = chin, -90 = crown; smooth through the outline's knots."""
    knots = np.asarray(OUTLINE_DEGREES)
    values = np.asarray(face.outline)
    # even continuation at both ends makes the outline smooth on the axis of symmetry
    x = np.concatenate([-180 - knots[1:3][::-1], knots, 180 - knots[-3:-1][::-1]])
    y = np.concatenate([values[1:3][::-1], values, values[-3:-1][::-1]])
    return cubic(x, y, degrees)
