"""Checks of values passed to the Python API and to served models: numbers and arrays of any library."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from deepfacegen.errors import UserError


def whole(name: str, value: Any, low: int, high: int) -> int:
    """A whole number of any type (NumPy's, a tensor, 2.0) from low to high. Raises UserError otherwise."""
    try:
        found = None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except (TypeError, ValueError, RuntimeError):
        found = int(value) if isinstance(value, (float, np.floating)) and float(value).is_integer() else None
    if found is None or not low <= found <= high:
        raise UserError(f"{name}: must be a whole number from {low} to {high}, not {abbreviated(value)}")
    return found


def number(name: str, value: Any) -> float:
    """A number of any type. Raises UserError for text, truth values and more than one number."""
    try:
        if isinstance(value, (bool, np.bool_, str, bytes)) or np.ndim(value):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise UserError(f"{name}: must be a number, not {abbreviated(value)}") from None


def array(name: str, value: Any, wanted: str) -> np.ndarray:
    """Numbers (arrays of any library, lists, buffers) as a contiguous, writable array in native byte order.

    Raises UserError for text, objects, complex numbers, rows of different lengths, and values that are masked
    or not finite.
    """
    try:
        if hasattr(value, "detach"):  # a tensor, with gradients, on a GPU, or bfloat16, which NumPy lacks
            value = value.detach().cpu()
            value = value.float() if "bfloat16" in str(value.dtype) else value
        if np.ma.is_masked(value):
            raise ValueError
        found = np.asarray(value)
    except Exception:  # whatever another library raises
        raise UserError(f"{name}: must be numbers, {wanted}, not {abbreviated(value)}") from None
    if found.dtype.kind not in "iuf":
        kind = found.dtype if found.ndim else type(value).__name__
        raise UserError(f"{name}: must be numbers, {wanted}, not {kind} {list(found.shape)}")
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise UserError(f"{name}: holds numbers that are not finite")
    return np.require(found, found.dtype.newbyteorder("="), ["C", "W"])


def abbreviated(value: Any) -> str:
    """A value in a few words on one line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else f"{type(value).__name__} {text[:37]}..."
