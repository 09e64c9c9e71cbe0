"""A tiny corpus of people, and a sample person's speech."""

from __future__ import annotations

from tests.shared.fixtures import said, speech
from tests.systems.conftest import corpus

__all__ = ["corpus", "said", "speech"]
