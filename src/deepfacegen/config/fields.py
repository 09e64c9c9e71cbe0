"""What the fields of a section of params.yaml carry: their meaning and their legal range."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from deepfacegen.errors import UserError


class ConfigError(UserError):
    """A parameter is unknown, missing or out of range; the message is one line for the user."""


def param(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | None = None,
) -> Any:
    """A dataclass field with its meaning and its legal range (both ends included)."""
    metadata = {"doc": doc, "low": low, "high": high, "choices": choices}
    return field(default=default, metadata=metadata)
