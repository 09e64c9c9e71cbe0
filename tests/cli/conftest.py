"""A sample person's speech, and a system that generates faces without a model."""

from __future__ import annotations

from tests.shared.fixtures import said, speech, system

__all__ = ["said", "speech", "system"]
