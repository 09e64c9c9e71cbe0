"""Portraits of sample people: a small height-field renderer in numpy, about 25 ms for 224 px on one core."""

from __future__ import annotations

import numpy as np

from deepfacegen.synthetic.canvas import F, Grid, Noise, Photo
from deepfacegen.synthetic.face_shape import shape_of
from deepfacegen.synthetic.features import draw_brows, draw_eyes, draw_mouth
from deepfacegen.synthetic.hair import draw_body, draw_hair_behind, draw_hair_in_front
from deepfacegen.synthetic.head import draw_head
from deepfacegen.synthetic.people import Person

_GAMMA = (np.linspace(0.0, 1.0, 4096) ** (1 / 2.2) * 255.0 + 0.5).astype(np.uint8)


def sample_photo(rng: np.random.Generator) -> Photo:
    """A fresh photo: pose, light, background, clothes, expression."""
    yaw, pitch, roll = rng.normal(0.0, 0.11), rng.normal(0.0, 0.06), rng.normal(0.0, 0.045)
    return Photo(
        yaw=float(np.clip(yaw, -0.24, 0.24)),
        pitch=float(np.clip(pitch, -0.12, 0.12)),
        roll=float(np.clip(roll, -0.1, 0.1)),
        centre_x=float(rng.uniform(-0.03, 0.03)),
        centre_y=float(rng.uniform(-0.025, 0.025)),
        scale=float(rng.uniform(0.292, 0.328)),
        light_x=float(rng.choice([-1.0, 1.0]) * rng.uniform(0.25, 0.75)),
        light_y=float(rng.uniform(-0.75, -0.4)),
        warmth=float(rng.uniform(-0.06, 0.06)),
        exposure=float(rng.uniform(0.9, 1.12)),
        background_rgb=_muted(rng, 0.1, 0.6),
        clothes_rgb=_muted(rng, 0.02, 0.35),
        smile=float(rng.uniform(0.15, 1.0)),
        mouth_open=_parted(rng.uniform(-0.4, 0.3)),
        blink=float(rng.uniform(0.0, 0.15)),
        gaze=float(rng.normal(0.0, 0.006)),
        noise_seed=int(rng.integers(2**31)),
    )


def _parted(share: float) -> float:
    """Lips are closed or clearly open."""
    return float(share) if share > 0.1 else 0.0


def render_portrait(person: Person, rng: np.random.Generator, size_px: int) -> np.ndarray:
    """A portrait of `person` in a fresh photo, RGB uint8 `[size_px, size_px, 3]`."""
    return render_photo(person, sample_photo(rng), size_px)


def render_photo(person: Person, photo: Photo, size_px: int) -> np.ndarray:
    """A portrait of `person` under the given conditions, RGB uint8 `[size_px, size_px, 3]`."""
    face = shape_of(person)
    grid = Grid(photo, size_px)
    noise = Noise(photo.noise_seed)
    picture = _background(grid, photo)
    draw_hair_behind(picture, grid, face, photo, noise)
    draw_body(picture, grid, face, photo)
    draw_head(picture, grid, face, photo, noise)
    draw_eyes(picture, grid, face, photo)
    draw_brows(picture, grid, face, photo, noise)
    draw_mouth(picture, grid, face, photo)
    draw_hair_in_front(picture, grid, face, photo, noise)
    return _develop(picture, photo, noise)


def render_backdrop(photo: Photo, size_px: int) -> np.ndarray:
    """The studio without anybody in it, RGB uint8 `[size_px, size_px, 3]`."""
    return _develop(_background(Grid(photo, size_px), photo), photo, Noise(photo.noise_seed))


def _muted(rng: np.random.Generator, low: float, high: float) -> tuple[float, float, float]:
    """A quiet linear colour: one brightness, a little hue."""
    base = rng.uniform(low, high)
    hue = rng.uniform(0.0, 2 * np.pi)
    strength = rng.uniform(0.1, 0.45)
    r, g, b = (float(base * (1 + strength * np.cos(hue + k * 2.0944))) for k in range(3))
    return r, g, b


def _background(grid: Grid, photo: Photo) -> np.ndarray:
    """Studio background: a soft glow behind the head that falls off to the corners. float32 `[S, S, 3]`,
    linear."""
    glow = np.exp(-((grid.x + 0.5 * photo.light_x) ** 2 + (grid.y - 0.1) ** 2) / 3.2)
    level = 0.45 + 0.75 * glow
    return level[..., None] * np.asarray(photo.background_rgb, dtype=F)


def _develop(picture: np.ndarray, photo: Photo, noise: Noise) -> np.ndarray:
    """Exposure, white balance, grain, gamma. uint8 `[S, S, 3]`."""
    size = picture.shape[0]
    balance = np.array([1 + photo.warmth, 1.0, 1 - photo.warmth], dtype=F) * photo.exposure
    repeats = -(-size // 97)
    grain = np.tile(noise.grain, (repeats, repeats))[:size, :size]
    picture = picture * balance * (1.0 + 0.012 * grain)[..., None]
    picture = picture / (1.0 + 0.18 * picture * picture)
    return _GAMMA[(np.clip(picture, 0, 1) * 4095).astype(np.int32)]
