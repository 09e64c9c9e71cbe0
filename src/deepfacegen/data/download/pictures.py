"""Is it a picture? Judged by its bytes, never by what a server calls it."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image

from deepfacegen.data.download.failure import FetchError

MOST_PIXELS = 60_000_000
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png"}


@dataclass(frozen=True)
class Picture:
    suffix: str
    width_px: int
    height_px: int


def examine(data: bytes) -> Picture:
    """Decodes all of it. Raises FetchError: wrong_type, too_large, corrupt."""
    if not data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        page = data.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html", b"<head", b"<?xml"))
        raise FetchError("wrong_type", "a web page" if page else "neither JPEG nor PNG")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=tuple(SUFFIXES)) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise FetchError("too_large", f"{width} x {height} pixels")
                image.load()
                return Picture(SUFFIXES[str(image.format)], width, height)
    except FetchError:
        raise
    except Exception as error:  # Pillow raises many kinds for broken files
        raise FetchError("corrupt", f"cannot be decoded ({type(error).__name__})") from None
