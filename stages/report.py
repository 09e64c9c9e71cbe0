"""Stage `report`: the headline, the summary of all systems, and the pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen.config.schema import Config
from deepfacegen.report import headline, page
from deepfacegen.report.collect import collect, summary
from deepfacegen.stage import run_stage, write_json
from deepfacegen.tracking.run import Tracker

OUT, METRICS = Path("report"), Path("metrics/summary.json")


def main(config: Config, tracker: Tracker) -> dict[str, Any]:
    found = collect()
    figures = headline.headline(found)
    write_json(headline.PATH, figures)
    tracker.metrics(figures)
    tracker.artifact(headline.PATH, "metrics")
    page.write(found, config, OUT)
    tracker.artifact(OUT, "evaluation/report")
    return summary(found)


if __name__ == "__main__":
    run_stage("report", ("report",), main, METRICS, outs=[OUT])
