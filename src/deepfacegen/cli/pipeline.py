"""One stage of the pipeline, run through DVC, so that DVC tracks everything in its outputs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from deepfacegen.errors import UserError

PIPELINE = Path("dvc.yaml")
STDERR = 2  # the file descriptor


def stages() -> dict[str, Any]:
    """The stages in dvc.yaml of the current folder. Raises UserError where there is no project."""
    try:
        return dict(yaml.safe_load(PIPELINE.read_text(encoding="utf-8"))["stages"])
    except FileNotFoundError:
        raise UserError(f"{PIPELINE}: no such file; run this in the folder of the project") from None
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError):
        raise UserError(f"{PIPELINE}: not a pipeline of DVC") from None


def reproduce(stage: str, *, force: bool = False) -> None:
    """`dvc repro --single-item STAGE`: runs it if its code, parameters or inputs changed, or by `force`;
    stages before it never run.

    The output of DVC and the stage goes to stderr. Raises UserError when it fails.
    """
    # The stage's command says `python`: that of this environment, activated or not.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1"}
    words = ["repro", "--single-item", *(["--force"] if force else []), stage]
    done = subprocess.run([sys.executable, "-m", "dvc", *words], env=environment, stdout=STDERR, check=False)
    if done.returncode:
        raise UserError(f"dvc {' '.join(words)} ended with exit code {done.returncode}; the reason is above")
