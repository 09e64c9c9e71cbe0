"""Stage `watch`: what lies in a folder of the user's, looked at by every `dvc repro`. `python stages/watch.py
<key of data>`."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen.config.schema import Config
from deepfacegen.data.sources import watching
from deepfacegen.stage import run_stage, write_json
from deepfacegen.tracking.run import Tracker

OUT = Path("watched")


def main(key: str, config: Config, tracker: Tracker) -> dict[str, Any]:
    found = watching.look(config, key)
    write_json(OUT / f"{key}.json", found)
    watching.forget(config.watch.folders, OUT)
    return found


if __name__ == "__main__":
    watched = next((word for word in sys.argv[1:] if not word.startswith("-")), "root")
    run_stage("watch", ("data", "watch"), functools.partial(main, watched), None)
