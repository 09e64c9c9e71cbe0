"""Files as data URIs, so that the page loads nothing."""

from __future__ import annotations

import base64
import io
import wave
from pathlib import Path

import numpy as np
from PIL import Image

JPEG_QUALITY = 88


def jpeg_uri(pixels: np.ndarray) -> str:
    """uint8 [H, W, 3] -> data URI."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return _uri("image/jpeg", buffer.getvalue())


def picture(path: Path) -> np.ndarray:
    """The pixels of a file, uint8 [H, W, 3]."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def webp_uri(path: Path) -> str:
    """A picture that may be transparent -> data URI, a fraction of its size."""
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.save(buffer, "WEBP", quality=JPEG_QUALITY)
    return _uri("image/webp", buffer.getvalue())


def wav_uri(speech: np.ndarray, rate_hz: int) -> str:
    """int16 [T], mono -> data URI."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(speech.astype("<i2").tobytes())
    return _uri("audio/wav", buffer.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
