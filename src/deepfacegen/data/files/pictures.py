"""Pictures as a viewer displays them: upright, what is transparent on white, in sRGB, and of several in a
file the first."""

from __future__ import annotations

import functools
import io
import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageOps

from deepfacegen.data.files import kinds
from deepfacegen.data.files.quiet import quiet

MOST_PIXELS = 100_000_000
MOST_BYTES = 200_000_000
# What Pillow may take a file for. Left out are formats that start other programs (EPS) or that nobody's
# photos have.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")
END_OF_JPEG = b"\xff\xd9"
# So much of a JPEG's height may be missing at its end: a transfer that stopped a little early spoils no face.
MOST_MISSING = 1 / 8
# A profile that moves no colour of a grid by more levels than this is sRGB by another name; such pictures are
# left as they are.
SRGB_LEVELS = 3
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}


class RejectError(Exception):
    """A picture that gives no usable face; the argument is the reason."""


def read_photo(path: Path) -> np.ndarray:
    """A photo, uint8 RGB [H, W, 3], as a viewer displays it. Raises RejectError: corrupt, too_large, or a key
    of kinds.UNREAD."""
    if path.suffix.lower() in kinds.RAW:  # TIFF files by another name, whose first picture is a small preview
        raise RejectError("raw")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RejectError("too_large")
        data = path.read_bytes()
    except OSError:
        raise RejectError("corrupt") from None
    return decode(data)


def decode(data: bytes) -> np.ndarray:
    """The bytes of a picture -> uint8 RGB [H, W, 3], as a viewer displays it. Raises RejectError: corrupt,
    too_large, or a key of kinds.UNREAD.

    Grey and RGB JPEGs are decoded by OpenCV, twice as fast as by Pillow; everything else by Pillow, which
    knows of palettes, alpha and inks.
    """
    try:
        # libjpeg and libtiff write to stderr of damaged files, and name none of them.
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large, but permitted; bytes of metadata that are damaged
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise RejectError("too_large")
                if image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB"):
                    return _opencv(data, image.mode, image.info.get("icc_profile") or b"")
                return np.asarray(_pillow(image))
    except RejectError:
        raise
    except Image.DecompressionBombError:
        raise RejectError("too_large") from None
    except Exception:  # Pillow raises many kinds for broken files
        raise RejectError(kinds.unread(data) or "corrupt") from None


def _opencv(data: bytes, mode: str, profile: bytes) -> np.ndarray:
    """A JPEG that is grey (mode L) or RGB."""
    flags = cv2.IMREAD_COLOR_RGB
    image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    if image is None:  # OpenCV 5 wants the very end; viewers display what is there
        closed = np.frombuffer(data + END_OF_JPEG, dtype=np.uint8)
        stored = cv2.imdecode(closed, flags | cv2.IMREAD_IGNORE_ORIENTATION)
        if stored is None or _same_rows_at_end(stored) > MOST_MISSING * len(stored):
            raise RejectError("corrupt")
        image = cv2.imdecode(closed, flags)
    pixels = np.asarray(image)
    transform = _to_srgb(profile, mode) if profile else None
    if transform is None:
        return pixels
    return np.asarray(transform.apply(Image.fromarray(pixels[..., 0] if mode == "L" else pixels)))


def _same_rows_at_end(image: np.ndarray) -> int:
    """How many rows at the end of uint8 [H, W, 3] are of one and the same colour, as a decoder leaves those
    that it has no data for."""
    differ = np.flatnonzero((image != image[-1, -1]).any(axis=(1, 2)))
    return len(image) - 1 - int(differ[-1]) if len(differ) else len(image)


def _pillow(image: Image.Image) -> Image.Image:
    """The first picture of a file that is no ordinary JPEG, in RGB."""
    profile = image.info.get("icc_profile") or b""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):  # heights, depths, counts of photons: no range that is white
        raise RejectError("corrupt")
    if image.has_transparency_data:
        above = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above).convert("RGB")
    if image.mode not in _MODES.values():
        image = image.convert("RGB")
    transform = _to_srgb(profile, image.mode) if profile else None
    return image.convert("RGB") if transform is None else transform.apply(image)


@functools.lru_cache(maxsize=16)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a colour profile to sRGB, for pictures of a mode; None: it is sRGB, damaged, or about another kind
    of picture, as viewers have it."""
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if _MODES.get(given.profile.xcolor_space.strip()) != mode:
            return None
        # Without the cache, one transform serves several threads.
        transform = ImageCms.buildTransform(
            given, ImageCms.createProfile("sRGB"), mode, "RGB", flags=ImageCms.Flags.NOCACHE
        )
        levels = np.arange(0, 256, 51, dtype=np.uint8)
        grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(36, 6, 3)
        if mode != "RGB":
            return transform
        moved = np.asarray(transform.apply(Image.fromarray(grid))).astype(int) - grid
        return None if np.abs(moved).max() <= SRGB_LEVELS else transform
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
