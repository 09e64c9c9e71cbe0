"""Stage `download`: fetch the data sets of download.sets, bring voices, faces and metadata together or render
the sample people, and list them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen.config.schema import Config
from deepfacegen.data.download import fetch
from deepfacegen.data.download.folders import folder
from deepfacegen.data.manifest.splits import require_enough, require_file
from deepfacegen.data.sources import prepare, watching
from deepfacegen.stage import run_stage
from deepfacegen.tracking.run import Tracker

log = logging.getLogger("deepfacegen.download")

RAW, WATCHED = Path("data/raw"), Path("watched")


def main(config: Config, tracker: Tracker) -> dict[str, Any]:
    """What is fetched is listed, whether or not all of it could be had: part of a data set is usable."""
    if config.data.source == "sample":
        require_enough(config.sample.identities, config.split)  # before they are rendered
    watching.forget(config.watch.folders, WATCHED)
    if config.data.source != "sample" and not config.watch.folders and not config.download.sets:
        advice = "later changes in your folders are noticed when watch.folders names them (docs/own-data.md)"
        log.info("download: %s", advice)
    if not config.download.sets:
        return listed(config)
    rows = fetch.fetch(config)
    if failures := fetch.failures(rows, folder(config) / "objects.csv"):
        log.warning("%s", failures)
    return {**listed(config), "fetched": fetch.counts(rows)}


def listed(config: Config) -> dict[str, Any]:
    """The metrics of the listing. Raises UserError where the stages that follow have too few people, or no
    split."""
    require_file(config.split)
    metrics = prepare.prepare(config, RAW)
    require_enough(metrics["identities"]["listed"], config.split)
    return metrics


if __name__ == "__main__":
    run_stage(
        "download",
        ("data", "sample", "download"),
        main,
        Path("metrics/download.json"),
        outs=[RAW / "voices", RAW / "faces", RAW / "meta"],
    )
