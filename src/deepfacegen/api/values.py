"""Values that callers of the Python API and of served models give: numbers and arrays of any library, or one
line that says what is wanted."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from deepfacegen.errors import UserError


def whole(name: str, value: Any, low: int, high: int) -> int:
    """A whole number of any type (Python's, NumPy's, a tensor with one element, 2.0). Raises UserError for
    all else and outside of low to high."""
    try:
        found = None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except (TypeError, ValueError, RuntimeError):
        found = int(value) if isinstance(value, (float, np.floating)) and float(value).is_integer() else None
    if found is None or not low <= found <= high:
        raise UserError(f"{name}: must be a whole number from {low} to {high}, not {shown(value)}")
    return found


def number(name: str, value: Any) -> float:
    """A number of any type. Raises UserError for text, truth values and what is no single number."""
    try:
        if isinstance(value, (bool, np.bool_, str, bytes)) or np.ndim(value):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise UserError(f"{name}: must be a number, not {shown(value)}") from None


def array(name: str, value: Any, wanted: str) -> np.ndarray:
    """Numbers as an array in the machine's own byte order, in one piece, that may be written to: arrays of
    any library, lists, buffers.

    Raises UserError for what is none: text, objects, complex numbers, rows of different lengths, values that
    are masked or not finite.
    """
    try:
        if hasattr(
            value, "detach"
        ):  # a tensor, perhaps with gradients, on a GPU, or of a kind that NumPy lacks (bfloat16)
            value = value.detach().cpu()
            value = value.float() if "bfloat16" in str(value.dtype) else value
        if np.ma.is_masked(value):
            raise ValueError
        found = np.asarray(value)
    except Exception:  # whatever another library raises
        raise UserError(f"{name}: must be numbers, {wanted}, not {shown(value)}") from None
    if found.dtype.kind not in "iuf":
        raise UserError(
            f"{name}: must be numbers, {wanted}, not {found.dtype if found.ndim else type(value).__name__} {list(found.shape)}"
        )
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise UserError(f"{name}: holds numbers that are not finite")
    return np.require(found, found.dtype.newbyteorder("="), ["C", "W"])


def shown(value: Any) -> str:
    """A value in a few words on one line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else f"{type(value).__name__} {text[:37]}..."
