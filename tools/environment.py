"""Make .venv hold exactly what requirements.lock says, with this project installed in it. Needs nothing but
Python >= 3.11 with venv and pip.

Safe to run twice at once (the second waits), after an interruption, and after the folder was moved or copied.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / ".stamp"
INPUTS = ("requirements.lock", "requirements-bootstrap.txt", "pyproject.toml", "tools/environment.py")


def wanted() -> str:
    """What a finished environment is stamped with: where it is, and the digest of everything it was made
    from."""
    digest = hashlib.sha256()
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return f"{ROOT}\n{digest.hexdigest()}\n"


def stamped() -> str:
    """The stamp of the environment that is there; empty if there is none, or if its interpreter has gone."""
    return STAMP.read_text(encoding="utf-8") if STAMP.is_file() and (VENV / "bin" / "python").exists() else ""


@contextmanager
def only_one() -> Iterator[None]:
    """Wait until no other process builds this environment."""
    try:
        import fcntl
    except ImportError:  # no such lock outside POSIX: build without it
        yield
        return
    folder = ROOT / ".cache"
    folder.mkdir(exist_ok=True)
    with (folder / "environment.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], cwd=ROOT, check=True)


def build() -> None:
    python, uv = VENV / "bin" / "python", VENV / "bin" / "uv"
    moved = not stamped().startswith(f"{ROOT}\n")
    STAMP.unlink(missing_ok=True)
    if (
        moved or not uv.exists()
    ):  # nothing to keep: absolute paths in it would point elsewhere, or it was never finished
        run(sys.executable, "-m", "venv", "--clear", VENV)
        bootstrap = (
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "--no-deps",
            "-r",
            "requirements-bootstrap.txt",
        )
        run(python, "-m", "pip", "install", *bootstrap)
    run(uv, "pip", "sync", "--quiet", "--python", python, "--require-hashes", "requirements.lock")
    run(
        uv,
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
        "--no-deps",
        "--no-build-isolation",
        "--editable",
        ".",
    )
    partial = STAMP.with_name(".stamp.partial")
    partial.write_text(wanted(), encoding="utf-8")
    os.replace(partial, STAMP)


def main() -> int:
    if stamped() == wanted():
        return 0
    with only_one():
        if stamped() == wanted():  # another process has built it while this one waited
            return 0
        started = time.monotonic()
        sys.stderr.write(
            "environment: installing requirements.lock into .venv (about a minute on a fast line)\n"
        )
        try:
            build()
        except subprocess.CalledProcessError as error:
            sys.stderr.write(f"environment: failed at: {' '.join(error.cmd)}\n")
            return 1
        sys.stderr.write(f"environment: ready after {time.monotonic() - started:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
