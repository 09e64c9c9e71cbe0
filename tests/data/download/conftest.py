"""A server with faults, and parameters with short waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deepfacegen.config.schema import Config, from_dict
from tests.data.download.server import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., Config]:
    """Parameters for quick failures: short waits, small segments."""

    def make(**more: Any) -> Config:
        quick = {
            "timeout_seconds": 0.5,
            "back_off_seconds": 0.01,
            "retries": 3,
            "segment_mb": 0.1,
            "link_timeout_seconds": 0.5,
            "link_parallel": 8,
        }
        return from_dict({"download": {"folder": str(tmp_path / "got"), **quick, **more}})

    return make
