"""One release for all tests that read one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.release import made


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """models/release of tiny models; the models it was made of lie beside it. Tests copy it before they change it."""
    return made.release(tmp_path_factory.mktemp("project"))
