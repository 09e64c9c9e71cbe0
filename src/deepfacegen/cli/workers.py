"""How many files are decoded at once."""

from __future__ import annotations

import os

from deepfacegen.errors import UserError


def workers() -> int:
    """DEEPFACEGEN_WORKERS, or all cores. Raises UserError for what is no number of workers."""
    text = os.environ.get("DEEPFACEGEN_WORKERS", "")
    if not text:
        return os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"DEEPFACEGEN_WORKERS must be a whole number above 0, not {text!r}")
    return int(text)
