"""What became of every link of VGGFace's lists, as one table: boxes, outcomes, and the same picture told
apart from the same file."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import pandas as pd

from deepfacegen.data.download.link_journal import Outcome, recall
from deepfacegen.data.download.link_lists import read_list
from deepfacegen.data.download.state import Row

log = logging.getLogger(__name__)

TABLE = "links.parquet"
PLACEHOLDER_PEOPLE = 4  # the same bytes for so many people are a host's picture of something that is gone
COLUMNS = {
    "face_id": "str",
    "link_id": "str",
    "url": "str",
    **{name: "float64" for name in ("left_px", "top_px", "right_px", "bottom_px", "pose", "detection_score")},
    "curation": "Int64",
    "status": "str",
    "detail": "str",
    "path": "str",
    "sha256": "str",
    "size_bytes": "int64",
    "width_px": "int64",
    "height_px": "int64",
}


def write_table(root: Path, pictures: Path, lists: list[Path]) -> Row:
    """Join lists and outcomes, take out doubles and placeholders, write root/links.parquet; the row that sums
    it up.

    A picture that a person has twice stays once, under its first line. One that two or three people share
    stays: each has a box of her own in it.
    """
    rows = []
    for path in lists:
        outcomes = recall(root, path.stem)
        for link in read_list(path):
            found = outcomes.get(link.id) or Outcome(
                link.name, link.id, "malformed" if link.malformed else "missing", link.malformed
            )
            box = link.box_px or (None,) * 4
            rest = (
                found.status,
                found.detail,
                found.path,
                found.sha256,
                found.size_bytes,
                found.width_px,
                found.height_px,
            )
            rows.append(
                (link.name, link.id, link.url, *box, link.pose, link.detection_score, link.curation, *rest)
            )
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    ok = table["status"] == "ok"
    people = table[ok].groupby("sha256")["face_id"].nunique()
    shared = table["sha256"].isin(people.index[people >= PLACEHOLDER_PEOPLE])
    twice = ok & table[ok].duplicated(["face_id", "sha256"]).reindex(table.index, fill_value=False)
    for mask, status in ((ok & shared, "placeholder"), (twice & ~shared, "duplicate")):
        for place in table.loc[mask, "path"]:
            (pictures / str(place)).unlink(missing_ok=True)
        table.loc[mask, "status"] = status
        table.loc[mask, "path"] = ""
    partial = root / f"{TABLE}.tmp"
    table.to_parquet(partial, index=False)
    partial.replace(root / TABLE)
    counts = Counter(str(status) for status in table["status"])
    size = int(table.loc[table["status"] == "ok", "size_bytes"].sum())
    summary = f"{len(table)} links of {len(lists)} people: " + ", ".join(
        f"{counts[status]} {status}" for status in sorted(counts)
    )
    log.info("vggface1: %s", summary)
    status = "missing" if counts["missing"] else "ok" if counts["ok"] else "dead"
    return Row("vggface1", "vgg_face_dataset links", status, summary, size)
