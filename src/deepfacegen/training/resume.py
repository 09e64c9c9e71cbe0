"""Resume points outside the pipeline's outputs, keyed by everything the result depends on.

The same command run again continues where a killed run stopped. Because the key holds the parameters and the
digests of the inputs, a changed learning rate can never pick up another run's weights.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

log = logging.getLogger(__name__)

# Of the package: what a trained weight depends on.
CODE = ("encoders", "systems", "training", "data/batches.py", "distributed.py")


def digest(paths: Iterable[Path]) -> str:
    """sha256 over the names and bytes of files; a folder stands for the files in it, but for Python's cache.
    Missing paths are skipped."""
    total = hashlib.sha256()
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.is_file() and p.parent.name != "__pycache__")
        files = inside if path.is_dir() else [path] if path.exists() else []
        for file in files:
            total.update(file.name.encode())
            with file.open("rb") as handle:
                total.update(hashlib.file_digest(handle, "sha256").digest())
    return total.hexdigest()


class Resume:
    """Saves and finds the state of one run of one stage; gone once the run has finished.

    `root` defaults to `.cache/resume` in the repository (DVC_ROOT), so that it outlives `dvc exp run --temp`.
    """

    def __init__(
        self, stage: str, params: Mapping[str, Any], inputs: Iterable[Path], root: Path | None = None
    ) -> None:
        root = root or Path(os.environ.get("DVC_ROOT", ".")) / ".cache" / "resume"
        code = Path(__file__).parents[1]
        parts = [
            json.dumps(dict(params), sort_keys=True),
            digest(inputs),
            digest([code / name for name in CODE]),
        ]
        fingerprint = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
        self.folder = root / stage / fingerprint
        self.path = self.folder / "state.pt"

    def save(self, state: dict[str, Any]) -> None:
        """Write the state; a kill in the middle leaves the previous one whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".tmp")
        with temporary.open("wb") as handle:
            torch.save(state, handle)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(self.path)

    def load(self) -> dict[str, Any] | None:
        """The last whole state (tensors on the CPU), or None to start from scratch."""
        if not self.path.exists():
            return None
        state = torch.load(self.path, map_location="cpu", weights_only=True)
        log.info("resuming from %s", self.path)
        return state

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
