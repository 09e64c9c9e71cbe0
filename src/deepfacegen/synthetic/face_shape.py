"""The numbers behind a sample face: how gender, age, body size and a little noise set its proportions.

Lengths are in face units: the eyes lie on the line v = 0, v grows downwards, the chin of an average face is
at v = 1.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfacegen.synthetic.people import Person

# How far the noise of one face (one standard deviation) moves a proportion, relative to what the audible
# latents can do.
INDIVIDUAL = 0.3

SKIN_RGB = {
    "porcelain": (245, 214, 198),
    "light": (233, 192, 164),
    "olive": (214, 168, 128),
    "tan": (190, 138, 98),
    "brown": (150, 100, 68),
    "deep": (112, 73, 50),
}
EYE_RGB = {
    "brown": (84, 52, 30),
    "hazel": (118, 88, 44),
    "green": (86, 118, 74),
    "blue": (78, 124, 168),
    "grey": (120, 132, 142),
}
HAIR_RGB = {
    "black": (30, 26, 26),
    "dark_brown": (56, 38, 28),
    "brown": (96, 64, 40),
    "auburn": (134, 66, 36),
    "blond": (196, 156, 92),
}
GREY_RGB = (196, 196, 198)

# radius of the hairline at the middle and at the temples, and how far it is swept to a side
_HAIRLINES = (
    (0.66, 0.75, 0.0),
    (0.74, 0.79, 1.0),
    (0.88, 0.76, 0.0),
    (0.74, 0.79, -1.0),
    (0.80, 0.84, 0.3),
    (0.70, 0.78, -0.4),
)


@dataclass(frozen=True)
class FaceShape:
    """Proportions in face units; `*_amount` run from 0 to 1; colours are linear RGB 0..1, float32 `[3]`."""

    outline: tuple[float, ...]
    eye_spacing: float
    eye_width: float
    eye_height: float
    eye_tilt: float
    brow_v: float
    brow_arch: float
    brow_thickness: float
    brow_ridge: float
    nose_length: float
    nose_width: float
    nose_height: float
    mouth_v: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    cheek_fat: float
    cheek_bone: float
    chin_bump: float
    wrinkle_amount: float
    sag_amount: float
    lash: float
    beard_amount: float
    female: bool
    long_hair: float
    hair_volume: float
    hair_recession: float
    hairline: tuple[float, float]
    hair_part: float
    hair_curl: float
    neck_width: float
    shoulder_width: float
    skin: np.ndarray
    lips: np.ndarray
    hair: np.ndarray
    brow: np.ndarray
    iris: np.ndarray


OUTLINE_DEGREES = (-90.0, -60.0, -30.0, 0.0, 22.0, 45.0, 68.0, 90.0)


def shape_of(person: Person) -> FaceShape:
    """The proportions and colours of one person's face."""
    m = 1.0 if person.gender == "m" else 0.0
    old = (person.age_years - 50.0) / 30.0
    big = 2.0 * person.body_size - 1.0
    n = [INDIVIDUAL * trait for trait in person.shape]
    aged = _ramp(person.age_years, 32.0, 80.0)
    grey = _ramp(person.age_years, 38.0, 70.0) ** 0.8
    outline = (
        1.14,
        1.05 + 0.02 * big,
        0.86 + 0.03 * big + 0.01 * n[0],
        0.735 + 0.02 * m + 0.085 * big + 0.02 * n[0],
        0.765 + 0.03 * m + 0.105 * big + 0.015 * old + 0.02 * n[1],
        0.835 + 0.06 * m + 0.115 * big + 0.04 * aged + 0.02 * n[1],
        0.975 + 0.05 * m + 0.065 * big + 0.01 * aged + 0.01 * n[2],
        1.06 + 0.06 * m + 0.03 * big + 0.03 * n[2],
    )
    skin = _linear(SKIN_RGB[person.skin_tone])
    hair = _linear(HAIR_RGB[person.hair_colour])
    # hair loses its hue before it loses its darkness: red does not turn pink
    dull = hair + min(1.0, 1.6 * grey) * (hair.mean() - hair)
    grown = (1 - grey) * dull + grey * _linear(GREY_RGB)
    cut = _HAIRLINES[int(person.hair_style * len(_HAIRLINES)) % len(_HAIRLINES)]
    red = np.array([0.95, 0.66, 0.62] if m else [1.0, 0.52, 0.5], dtype=np.float32)
    recession = m * aged * (0.55 + 0.9 * person.hair_style)
    return FaceShape(
        outline=outline,
        eye_spacing=0.325 + 0.008 * m + 0.012 * n[3],
        eye_width=0.172 - 0.008 * m - 0.024 * big - 0.006 * old + 0.006 * n[4],
        eye_height=0.074 - 0.012 * m - 0.016 * big - 0.013 * old + 0.005 * n[4],
        eye_tilt=0.06 - 0.07 * m - 0.09 * aged + 0.04 * n[5],
        brow_v=-0.235 + 0.05 * m + 0.012 * big + 0.02 * aged + 0.012 * n[6],
        brow_arch=0.055 - 0.03 * m + 0.012 * n[6],
        brow_thickness=0.026 + 0.022 * m + 0.011 * big - 0.004 * aged + 0.004 * n[7],
        brow_ridge=0.012 + 0.035 * m + 0.015 * big,
        nose_length=0.445 + 0.025 * m + 0.04 * big + 0.035 * old + 0.014 * n[8],
        nose_width=0.108 + 0.016 * m + 0.026 * big + 0.012 * old + 0.007 * n[9],
        nose_height=0.17 + 0.03 * m + 0.03 * big + 0.03 * old + 0.015 * n[8],
        mouth_v=0.735 + 0.02 * m + 0.03 * big + 0.014 * old + 0.012 * n[10],
        mouth_width=0.225 + 0.018 * m + 0.045 * big + 0.01 * n[10],
        upper_lip=0.052 - 0.018 * m - 0.018 * old + 0.008 * big + 0.005 * n[11],
        lower_lip=0.075 - 0.016 * m - 0.016 * old + 0.014 * big + 0.006 * n[11],
        cheek_fat=max(0.0, 0.45 + 0.4 * big - 0.12 * old + 0.08 * n[12]),
        cheek_bone=0.5 - 0.1 * m - 0.35 * big + 0.1 * n[12],
        chin_bump=0.4 + 0.4 * m + 0.2 * big + 0.1 * n[13],
        wrinkle_amount=aged,
        sag_amount=aged * (0.75 + 0.25 * big),
        lash=1.0 - 0.65 * m - 0.2 * aged,
        beard_amount=m * float(np.clip(0.38 + 0.12 * old + 0.25 * n[13], 0.05, 0.75)),
        female=not m,
        long_hair=(1.0 - m) * (1.0 - 0.65 * aged) * (0.75 + 0.45 * person.hair_style),
        hair_volume=0.13 + 0.07 * (1 - m) + 0.05 * person.hair_style - 0.08 * m * aged,
        hair_recession=float(recession),
        hairline=(cut[0] + 0.03 * m, cut[1] + 0.01 * m),
        hair_part=cut[2],
        hair_curl=float(np.clip(3.0 * abs(((person.hair_style * 7.0) % 1.0) - 0.5) - 0.5, 0.0, 1.0)),
        neck_width=0.44 + 0.1 * m + 0.09 * big,
        shoulder_width=1.2 + 0.3 * m + 0.2 * big,
        skin=skin,
        lips=(skin * red).astype(np.float32),
        hair=grown.astype(np.float32),
        brow=((1 - 0.7 * grey) * hair + 0.7 * grey * _linear(GREY_RGB) * 0.75).astype(np.float32)
        * (0.85 if m else 1.0),
        iris=_linear(EYE_RGB[person.eye_colour]),
    )


def _ramp(value: float, low: float, high: float) -> float:
    """0 below `low`, 1 above `high`, straight between."""
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))


def _linear(rgb: tuple[int, int, int]) -> np.ndarray:
    """Screen colour 0..255 to linear light 0..1, float32 `[3]`."""
    return ((np.asarray(rgb, dtype=np.float32) / 255.0) ** 2.2).astype(np.float32)
