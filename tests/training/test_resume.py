"""What a resume point is found by."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepfacegen.training.resume import digest


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "code" / "inner").mkdir(parents=True)
    (tmp_path / "code" / "inner" / "step.py").write_text("x = 1\n")
    return tmp_path / "code"


def test_a_digest_covers_names_and_bytes_of_all_files_below_a_folder(code: Path) -> None:
    first = digest([code])
    (code / "inner" / "step.py").write_text("x = 2\n")
    changed = digest([code])
    (code / "inner" / "step.py").rename(code / "inner" / "leap.py")
    assert len({first, changed, digest([code])}) == 3


def test_what_python_caches_while_it_runs_changes_no_digest(code: Path) -> None:
    """Else a training that was the first to run its code would not find its own resume point."""
    first = digest([code])
    (code / "inner" / "__pycache__").mkdir()
    (code / "inner" / "__pycache__" / "step.cpython-311.pyc").write_bytes(b"compiled")
    assert digest([code]) == first


def test_a_missing_path_is_skipped(code: Path) -> None:
    assert digest([code, code / "missing"]) == digest([code])
