"""Alignment: points land on the template, whatever the size, turn and place of the face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfacegen.data.faces import align as al


def dots(points: np.ndarray, side: int, radius: float) -> np.ndarray:
    """A dark picture with a soft white dot at each point."""
    y, x = np.mgrid[:side, :side]
    dark = np.zeros((side, side))
    for px, py in points:
        dark = np.maximum(dark, np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * radius**2)))
    return np.repeat((255 * dark).astype(np.uint8)[..., None], 3, axis=2)


def centre_near(image: np.ndarray, point: np.ndarray, reach: int) -> np.ndarray:
    """Centre of brightness around a point, in pixels."""
    x0, y0 = np.round(point).astype(int) - reach
    part = image[y0 : y0 + 2 * reach + 1, x0 : x0 + 2 * reach + 1, 0].astype(float)
    part[part < 40] = 0
    y, x = np.mgrid[: part.shape[0], : part.shape[1]]
    return np.array([x0 + (part * x).sum() / part.sum(), y0 + (part * y).sum() / part.sum()])


def turned(points: np.ndarray, scale: float, degrees: float, shift: tuple[float, float]) -> np.ndarray:
    turn = scale * np.exp(1j * np.radians(degrees))
    z = (points @ np.array([1, 1j])) * turn
    return np.column_stack([z.real, z.imag]) + shift


@settings(max_examples=50, deadline=None)
@given(st.floats(0.2, 8), st.floats(-180, 180), st.floats(-500, 500), st.floats(-500, 500))
def test_similarity_undoes_any_turn_scale_and_shift(
    scale: float, degrees: float, dx: float, dy: float
) -> None:
    target = al.template(128)
    points = turned(target, scale, degrees, (dx, dy))
    matrix = al.similarity(points, target)
    assert np.allclose(points @ matrix[:, :2].T + matrix[:, 2], target, atol=1e-6)


def test_similarity_is_the_least_squares_one() -> None:
    rng = np.random.default_rng(0)
    points, target = rng.normal(size=(5, 2)) * 40, rng.normal(size=(5, 2)) * 40
    rows = np.concatenate([[[x, -y, 1, 0], [y, x, 0, 1]] for x, y in points])  # q = a p + b with complex a, b
    a, b, tx, ty = np.linalg.lstsq(rows, target.reshape(-1), rcond=None)[0]
    assert np.allclose(al.similarity(points, target), [[a, -b, tx], [b, a, ty]])


@pytest.mark.parametrize(("scale", "degrees"), [(1.0, 0), (0.5, 20), (3.0, -35), (6.0, 170)])
def test_points_of_a_picture_land_on_the_template(scale: float, degrees: float) -> None:
    points = turned(al.template(128) - 64, scale, degrees, (450.0, 430.0))
    aligned = al.align(dots(points, 900, 2.5 * scale), points, 128)
    assert (aligned.shape, aligned.dtype) == ((128, 128, 3), np.uint8)
    for point in al.template(128):
        assert np.abs(centre_near(aligned, point, 8) - point).max() < 0.15


def test_a_fine_pattern_does_not_alias_when_shrunk() -> None:
    stripes = np.repeat(((np.arange(1200) % 2) * 255).astype(np.uint8)[None, :, None], 1200, axis=0).repeat(
        3, axis=2
    )
    points = turned(al.template(128) - 64, 6.3, 0, (600.0, 600.0))
    assert al.align(stripes, points, 128)[32:96, 32:96].std() < 12  # nearest pixels would give about 127


@pytest.mark.parametrize("size_px", [32, 64, 128, 160, 256])
def test_each_pixel_is_the_mean_of_what_it_covers(portrait: np.ndarray, size_px: int) -> None:
    """Against 64 cubic samples to a pixel. A face that was shrunk must be as sharp as the means, too: neither
    blurred nor made of skipped pixels."""
    points = turned(al.template(128) - 64, 1.1, 7, (112.0, 118.0))
    matrix = 8 * al.similarity(points, al.template(size_px))
    matrix[:, 2] += 3.5
    fine = cv2.warpAffine(
        portrait.astype(np.float32),
        matrix,
        (8 * size_px, 8 * size_px),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    expected = cv2.resize(fine, (size_px, size_px), interpolation=cv2.INTER_AREA)
    face = al.align(portrait, points, size_px)
    assert 10 * np.log10(255**2 / np.mean((face - expected) ** 2)) > 42

    def sharpness(picture: np.ndarray) -> float:
        return float(cv2.Laplacian(picture.astype(np.float32), cv2.CV_32F).var())

    assert size_px > 128 or 0.8 < sharpness(face) / sharpness(expected) < 1.25


@pytest.mark.parametrize("scale", [0.4, 1.3, 4.0])
@pytest.mark.parametrize("shift", [(30.0, 30.0), (1270.0, 640.0), (640.0, 1275.0), (-900.0, 300.0)])
def test_only_what_a_face_touches_is_looked_at_and_that_is_enough(
    scale: float, shift: tuple[float, float]
) -> None:
    picture = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 256, (1280, 1280, 3), dtype=np.uint8), (0, 0), 3 * scale + 1
    )
    points = turned(al.template(128) - 64, scale, 20, shift)
    wide = cv2.copyMakeBorder(picture, 2000, 2000, 2000, 2000, cv2.BORDER_REPLICATE)
    alone, embedded = al.align(picture, points, 128), al.align(wide, points + 2000, 128)
    assert np.abs(alone.astype(int) - embedded).max() <= 2


def test_beyond_the_picture_its_border_goes_on() -> None:
    face = al.align(
        np.full((40, 40, 3), 90, dtype=np.uint8), turned(al.template(128) - 64, 0.5, 0, (20.0, 20.0)), 128
    )
    assert (face == 90).all()


def test_coinciding_points_are_refused() -> None:
    with pytest.raises(ValueError, match="coincide"):
        al.align(np.zeros((64, 64, 3), dtype=np.uint8), np.full((5, 2), 7.0), 128)


@pytest.mark.parametrize("size_px", [64, 128, 140, 256])
def test_recogniser_crop_has_the_points_where_recognisers_expect_them(size_px: int) -> None:
    faces = dots(al.template(size_px), size_px, size_px / 50)[None]
    crop = al.recogniser_crop(faces)
    assert crop.shape == (1, 112, 112, 3)
    for point in al.ARCFACE_TEMPLATE_112:
        assert np.abs(centre_near(crop[0], point, 7) - point).max() < 0.3


def test_recogniser_crop_equals_aligning_to_112_directly(portrait: np.ndarray) -> None:
    points = turned(al.template(128) - 64, 1.3, 5, (112.0, 118.0))
    through = al.recogniser_crop(al.align(portrait, points, 140)[None])[0].astype(float)
    direct = cv2.warpAffine(
        portrait,
        al.similarity(points, al.ARCFACE_TEMPLATE_112),
        (112, 112),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    assert np.abs(through - direct).mean() < 3


def test_yaw_ratio_from_frontal_to_profile() -> None:
    eyes = np.array([[0.0, 0.0], [10.0, 0.0]])
    ratios = [al.yaw_ratio(np.vstack([eyes, [x, 6.0], eyes + 10])) for x in (5.0, 7.5, 2.5, 10.0, 14.0)]
    assert ratios == pytest.approx([0.0, 0.5, 0.5, 1.0, 1.0])
    assert al.yaw_ratio(turned(np.vstack([eyes, [7.5, 6.0], eyes + 10]), 3, 40, (9, 9))) == pytest.approx(0.5)
    assert al.yaw_ratio(np.zeros((5, 2))) == 1.0
