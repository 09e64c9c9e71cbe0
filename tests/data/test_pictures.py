"""Pictures of every kind that people have, decoded to what a viewer shows; the right colours are worked out
here."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from deepfacegen.api import photos
from deepfacegen.data.files.pictures import RejectError, decode
from deepfacegen.errors import UserError

RAMP = np.linspace(20, 230, 48).round().astype(np.uint8)
COLOURS = np.stack(
    [np.tile(RAMP[:40], (48, 1)), np.tile(RAMP[:, None], (1, 40)), np.full((48, 40), 60, np.uint8)], axis=-1
)
GREY = COLOURS[..., :1].repeat(3, axis=2)
ALPHA = np.zeros((48, 40), np.uint8)
ALPHA[8:40, 8:32], ALPHA[20:24, 8:32] = 255, 128
PICTURE = Image.fromarray(COLOURS)
BLACK = Image.new("RGB", (40, 48))


def on_white(colours: np.ndarray, alpha: np.ndarray = ALPHA) -> np.ndarray:
    part = alpha[..., None] / 255
    return np.round(colours * part + 255 * (1 - part))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    held = io.BytesIO()
    image.save(held, kind, **options)
    return held.getvalue()


def by_opencv(suffix: str, pixels: np.ndarray) -> bytes:
    done, data = cv2.imencode(suffix, pixels)
    assert done
    return bytes(data)


def gamma_profile(primaries: dict[bytes, tuple[float, float, float]], gamma: float) -> bytes:
    """An ICC profile (version 2, display) of three primaries in XYZ of D50 and one exponent; without any: of
    grey."""

    def fixed(*numbers: float) -> bytes:
        return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))

    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags = {b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1.0, 0.8249)}
    tags |= {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(79),
        b"cprt": b"text" + bytes(4) + b"none",
    }
    for name, xyz in primaries.items():
        tags |= {name + b"XYZ": b"XYZ " + bytes(4) + fixed(*xyz), name + b"TRC": curve}
    if not primaries:
        tags[b"kTRC"] = curve
    table, body = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    size = struct.pack(">I", 128 + len(table) + len(body))
    space = b"mntrRGB XYZ " if primaries else b"mntrGRAYXYZ "
    header = (
        size
        + bytes(4)
        + b"\x02\x40\0\0"
        + space
        + bytes(12)
        + b"acsp"
        + bytes(28)
        + fixed(0.9642, 1.0, 0.8249)
        + bytes(48)
    )
    return header + table + body


# Adobe RGB (1998) and sRGB, adapted to D50, as their standards and Lindbloom have them.
ADOBE = {
    b"r": (0.60974, 0.31111, 0.01947),
    b"g": (0.20528, 0.62567, 0.06087),
    b"b": (0.14919, 0.06322, 0.74457),
}
SRGB = {
    b"r": (0.43607, 0.22249, 0.01392),
    b"g": (0.38515, 0.71687, 0.09708),
    b"b": (0.14307, 0.06061, 0.71410),
}


def from_linear(linear: np.ndarray) -> np.ndarray:
    linear = linear.clip(0, 1)
    return np.asarray(
        255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    )


def displayed(
    colours: np.ndarray, primaries: dict[bytes, tuple[float, float, float]], gamma: float
) -> np.ndarray:
    """What colours of such a profile are in sRGB, by the matrices."""
    xyz = (colours / 255) ** gamma @ np.array(list(primaries.values()))
    return from_linear(xyz @ np.linalg.inv(np.array(list(SRGB.values()))))


WIDE = gamma_profile(ADOBE, 2.2)
WIDE_DISPLAYED = displayed(COLOURS, ADOBE, 2.19921875)
PALETTE = PICTURE.quantize(16)
CASES: dict[str, tuple[Callable[[], bytes], np.ndarray, float]] = {
    "rgba.png": (lambda: saved(Image.fromarray(np.dstack([COLOURS, ALPHA])), "PNG"), on_white(COLOURS), 1),
    "rgba.webp": (
        lambda: saved(Image.fromarray(np.dstack([COLOURS, ALPHA])), "WEBP", lossless=True, exact=True),
        on_white(COLOURS),
        1,
    ),
    "rgba.tif": (lambda: saved(Image.fromarray(np.dstack([COLOURS, ALPHA])), "TIFF"), on_white(COLOURS), 1),
    "rgba16.png": (
        lambda: by_opencv(".png", np.dstack([COLOURS[..., ::-1], ALPHA]).astype(np.uint16) * 257),
        on_white(COLOURS),
        1,
    ),
    "grey and alpha": (
        lambda: saved(Image.fromarray(np.dstack([COLOURS[..., 0], ALPHA])), "PNG"),
        on_white(GREY),
        1,
    ),
    "palette with a transparent colour": (
        lambda: saved(PALETTE, "PNG", transparency=0),
        on_white(np.asarray(PALETTE.convert("RGB")), np.where(np.asarray(PALETTE) == 0, 0, 255)),
        0,
    ),
    "rgb with a transparent colour": (
        lambda: saved(PICTURE, "PNG", transparency=(20, 20, 60)),
        np.where((COLOURS == (20, 20, 60)).all(axis=-1, keepdims=True), 255, COLOURS),
        0,
    ),
    "palette": (lambda: saved(PALETTE, "PNG"), np.asarray(PALETTE.convert("RGB")), 0),
    "grey": (lambda: saved(Image.fromarray(COLOURS[..., 0]), "PNG"), GREY, 0),
    "grey.jpg": (lambda: saved(Image.fromarray(COLOURS[..., 0]), "JPEG", quality=98), GREY, 4),
    "black and white": (
        lambda: saved(Image.fromarray(ALPHA > 0), "PNG"),
        255.0 * (ALPHA > 0)[..., None].repeat(3, axis=2),
        0,
    ),
    "fax": (
        lambda: saved(Image.fromarray(ALPHA > 0), "TIFF", compression="group4"),
        255.0 * (ALPHA > 0)[..., None].repeat(3, axis=2),
        0,
    ),
    "grey16.png": (lambda: by_opencv(".png", COLOURS[..., 0].astype(np.uint16) * 257), GREY, 0),
    "grey16.tif": (lambda: by_opencv(".tif", COLOURS[..., 0].astype(np.uint16) * 257), GREY, 0),
    "rgb16.png": (lambda: by_opencv(".png", COLOURS[..., ::-1].astype(np.uint16) * 257), COLOURS, 0),
    "rgb16.tif": (lambda: by_opencv(".tif", COLOURS[..., ::-1].astype(np.uint16) * 257), COLOURS, 0),
    "cmyk.jpg": (lambda: saved(PICTURE.convert("CMYK"), "JPEG", quality=98), COLOURS, 4),
    "cmyk.tif": (lambda: saved(PICTURE.convert("CMYK"), "TIFF"), COLOURS, 1),
    "moving.gif": (
        lambda: saved(PALETTE, "GIF", save_all=True, append_images=[BLACK]),
        np.asarray(PALETTE.convert("RGB")),
        0,
    ),
    "moving.webp": (
        lambda: saved(PICTURE, "WEBP", save_all=True, append_images=[BLACK], lossless=True),
        COLOURS,
        0,
    ),
    "moving.png": (lambda: saved(PICTURE, "PNG", save_all=True, append_images=[BLACK]), COLOURS, 0),
    "pages.tif": (lambda: saved(PICTURE, "TIFF", save_all=True, append_images=[BLACK]), COLOURS, 0),
    "two pictures.mpo": (
        lambda: saved(PICTURE, "MPO", save_all=True, append_images=[BLACK], quality=98, subsampling=0),
        COLOURS,
        4,
    ),
    "wide.png": (lambda: saved(PICTURE, "PNG", icc_profile=WIDE), WIDE_DISPLAYED, 2),
    "wide.webp": (lambda: saved(PICTURE, "WEBP", lossless=True, icc_profile=WIDE), WIDE_DISPLAYED, 2),
    "dark grey profile": (
        lambda: saved(Image.fromarray(COLOURS[..., 0]), "PNG", icc_profile=gamma_profile({}, 1.0)),
        from_linear(GREY / 255),
        2,
    ),
    "a profile of grey in a picture of colours": (
        lambda: saved(PICTURE, "PNG", icc_profile=gamma_profile({}, 1.0)),
        COLOURS,
        0,
    ),
    "a damaged profile": (lambda: saved(PICTURE, "PNG", icc_profile=WIDE[:150]), COLOURS, 0),
    "one pixel": (lambda: saved(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG"), np.array([[[1, 2, 3]]]), 0),
}


@pytest.mark.parametrize("name", CASES)
def test_a_picture_is_what_a_viewer_shows(name: str) -> None:
    make, expected, levels = CASES[name]
    found = decode(make())
    assert found.dtype == np.uint8
    assert found.shape == expected.shape
    assert np.abs(found - expected.astype(float)).max() <= levels


UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored.transpose(1, 0, 2), 2),
    8: np.rot90,
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_every_picture_stands_upright(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = (
        {"quality": 98, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    )
    found, expected = decode(saved(PICTURE, kind, exif=exif, **options)), UPRIGHT[orientation](COLOURS)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= (6 if kind == "JPEG" else 0)


def test_ordinary_photos_are_decoded_as_ever() -> None:
    """By OpenCV, bit by bit; a profile that is sRGB in other words changes nothing."""
    plain = saved(PICTURE, "JPEG", quality=90)
    expected = cv2.imdecode(np.frombuffer(plain, np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(decode(plain), expected)
    named = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(decode(saved(PICTURE, "JPEG", quality=90, icc_profile=named)), expected)


@pytest.mark.parametrize("further_bytes", [0, 70_000])
def test_a_profile_in_a_jpeg_is_found_though_it_comes_in_parts(further_bytes: int) -> None:
    profile = struct.pack(">I", len(WIDE) + further_bytes) + WIDE[4:] + bytes(further_bytes)
    stored = decode(saved(PICTURE, "JPEG", quality=98))
    found = decode(saved(PICTURE, "JPEG", quality=98, icc_profile=profile))
    assert np.abs(found - displayed(stored, ADOBE, 2.19921875)).max() <= 2
    assert np.abs(found.astype(int) - stored).max() > 10


def test_a_jpeg_that_lacks_its_very_end_is_shown_and_one_that_lacks_more_is_not() -> None:
    large = PICTURE.resize((400, 480))
    whole = saved(large, "JPEG", quality=90)
    for missing in (2, 40):
        found = decode(whole[:-missing])
        assert np.abs(found[:400].astype(int) - decode(whole)[:400]).max() == 0
    with pytest.raises(RejectError, match="corrupt"):
        decode(whole[: len(whole) // 2])


def test_damage_that_is_read_all_the_same_puts_nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    whole = saved(PICTURE.resize((400, 480)), "JPEG", quality=90)
    damaged = whole[:-2] + bytes(27) + whole[-2:]
    cv2.imdecode(np.frombuffer(damaged, np.uint8), cv2.IMREAD_COLOR)
    assert "Corrupt JPEG data" in capfd.readouterr().err, "libjpeg has something to say"
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(decode, [damaged] * 16))
    assert all(np.array_equal(pixels, decode(whole)) for pixels in found)
    os.write(2, b"what follows is seen again")
    assert capfd.readouterr().err == "what follows is seen again"


def large(side_px: int) -> bytes:
    return saved(Image.new("1", (side_px, side_px)), "PNG", compress_level=1)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: b"", "corrupt"),
        (lambda: b"no picture at all", "corrupt"),
        (lambda: saved(PICTURE, "PNG")[:100], "corrupt"),
        (lambda: saved(Image.fromarray(COLOURS[..., 0].astype(np.float32)), "TIFF"), "corrupt"),
        (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "corrupt"),
        (lambda: large(11_000), "too_large"),
        (lambda: large(20_000), "too_large"),
    ],
    ids=range(7),
)
def test_what_is_no_picture_has_a_reason(make: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(RejectError, match=f"^{reason}$"):
        decode(make())


def test_a_large_picture_is_read_without_a_word_of_warning(
    recwarn: pytest.WarningsRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40 * 48 - 1)
    decode(saved(PICTURE, "PNG"))
    assert not recwarn.list


def test_photos_of_users_go_the_same_way(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(CASES["rgba.png"][0]())
    np.testing.assert_allclose(photos.read(tmp_path / "a.png"), CASES["rgba.png"][1], atol=1)
    (tmp_path / "b.png").write_bytes(large(20_000))
    with pytest.raises(UserError, match=r"b\.png: is too large a picture$"):
        photos.read(tmp_path / "b.png")
