"""Stage `download`: fetch what download.sets asks for, bring voices, faces and metadata together or render the sample people, and list them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import deepfacegen.quiet  # noqa: F401
from deepfacegen.config import Config
from deepfacegen.data.download import fetch
from deepfacegen.data.download.folders import folder
from deepfacegen.data.sources import prepare, watching
from deepfacegen.stage import run_stage
from deepfacegen.tracking import Tracker

log = logging.getLogger("deepfacegen.download")

RAW, WATCHED = Path("data/raw"), Path("watched")


def main(config: Config, tracker: Tracker) -> dict[str, Any]:
    """What is fetched is listed, whether or not all of it could be had: part of a data set is usable."""
    watching.forget(config.watch.folders, WATCHED)
    if config.data.source != "sample" and not config.watch.folders and not config.download.sets:
        log.info("download: later changes in your folders are noticed when watch.folders names them (docs/own-data.md)")
    if not config.download.sets:
        return prepare.prepare(config, RAW)
    rows = fetch.fetch(config)
    if told := fetch.failures(rows, folder(config) / "objects.csv"):
        log.warning("%s", told)
    return {**prepare.prepare(config, RAW), "fetched": fetch.counts(rows)}


if __name__ == "__main__":
    run_stage("download", ("data", "sample", "download"), main, Path("metrics/download.json"), outs=[RAW / "voices", RAW / "faces", RAW / "meta"])
