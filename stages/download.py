"""Stage `download`: bring voices, faces and metadata together, or render the sample people, and list them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepfacegen.config import Config
from deepfacegen.data.sources import prepare
from deepfacegen.stage import run_stage
from deepfacegen.tracking import Tracker

RAW = Path("data/raw")


def main(config: Config, tracker: Tracker) -> dict[str, Any]:
    return prepare.prepare(config, RAW)


if __name__ == "__main__":
    run_stage("download", ("data", "sample"), main, Path("metrics/download.json"), outs=[RAW / "voices", RAW / "faces", RAW / "meta"])
