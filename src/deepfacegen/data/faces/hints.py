"""Where in a photo the person is, from annotations that data sets come with: they choose among the faces that
the detector finds.

VGGFace2 has `loose_bb_*.csv` (NAME_ID, X, Y, W, H) and `loose_landmark_*.csv` (NAME_ID, P1X, P1Y ... P5Y:
eyes, nose, corners of the mouth, each pair from the left of the picture), VGGFace a list `<First_Last>.txt`
a person (id, url, left, top, right, bottom, ...). They hold for the pictures as published.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from deepfacegen.data.files.text_tables import lines_of, separated, text_of
from deepfacegen.data.sources.names import key
from deepfacegen.errors import UserError

BOX = ("hint_left_px", "hint_top_px", "hint_width_px", "hint_height_px")
POINTS = tuple(f"hint_{axis}{number}_px" for number in range(1, 6) for axis in "xy")
COLUMNS = (*BOX, *POINTS)
# A detection fits a box that it overlaps by so much, and points that lie within so much of its height from
# its own.
LEAST_OVERLAP, MOST_DISTANCE = 0.25, 0.35
# A box of which less lies in the picture is about another picture: one that was cut since.
LEAST_INSIDE = 0.5


def attach(folder: Path, inventory: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """The inventory of faces with COLUMNS (float32, NaN where unknown) from the annotations below `folder`,
    and counts.

    Raises UserError when the folder is missing or holds no annotations.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder (data.face_hints)")
    index = pd.Index(inventory["photo_id"])
    values = np.full((len(index), len(COLUMNS)), np.nan, dtype=np.float32)
    counts: Counter[str] = Counter()
    for columns, ids, numbers, malformed, files in _annotations(folder, inventory["photo_id"]):
        listed = pd.DataFrame(numbers, index=ids)
        listed = listed[~listed.index.duplicated()]
        rows = listed.index.get_indexer(index)
        found = np.flatnonzero(rows >= 0)
        at = np.array([COLUMNS.index(column) for column in columns])
        values[np.ix_(found, at)] = listed.to_numpy()[rows[found]]
        unknown = int((~listed.index.isin(index)).sum())
        counts += Counter(files=files, malformed_rows=malformed, unknown_photos=unknown)
    if not counts["files"]:
        raise UserError(
            f"{folder}: holds no loose_bb_*.csv, loose_landmark_*.csv or <First_Last>.txt (data.face_hints)"
        )
    table = pd.concat([inventory, pd.DataFrame(values, columns=list(COLUMNS), index=inventory.index)], axis=1)
    counts["photos"] = int(np.isfinite(values).any(axis=1).sum())
    return table, {name: counts[name] for name in ("photos", "files", "malformed_rows", "unknown_photos")}


def of_rows(rows: pd.DataFrame) -> list[np.ndarray | None]:
    """For each row of an inventory its annotation, float32 [14] (box, then points), or None."""
    if COLUMNS[0] not in rows:
        return [None] * len(rows)
    values = rows[list(COLUMNS)].to_numpy(np.float32)
    return [row if np.isfinite(row).any() else None for row in values]


def fits(hint: np.ndarray, width_px: int, height_px: int) -> bool:
    """Whether an annotation can be about a picture of this size."""
    left, top, width, height = hint[:4] if np.isfinite(hint[:4]).all() else _around(hint[4:].reshape(5, 2))
    if not (width > 0 and height > 0):
        return False
    inside_width = max(0.0, min(width_px, left + width) - max(0.0, left))
    inside_height = max(0.0, min(height_px, top + height) - max(0.0, top))
    return bool(inside_width * inside_height >= LEAST_INSIDE * width * height)


def choose(hint: np.ndarray, boxes: np.ndarray, points: np.ndarray) -> int | None:
    """The detection that an annotation means: boxes [N, 4] (x, y, width, height), points [N, 5, 2] -> its
    number, or None."""
    wanted = hint[4:].reshape(5, 2)
    if np.isfinite(wanted).all():
        distance = np.linalg.norm(points.mean(axis=1) - wanted.mean(axis=0), axis=1)
        distance = distance / np.maximum(boxes[:, 3], 1.0)
        best = int(distance.argmin())
        return best if distance[best] <= MOST_DISTANCE else None
    overlap = iou(hint[None, :4], boxes)[0]
    best = int(overlap.argmax())
    return best if overlap[best] >= LEAST_OVERLAP else None


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes [A, 4] and [B, 4] (x, y, width, height): float64 [A, B]."""
    a, b = a[:, None].astype(np.float64), b[None].astype(np.float64)
    sides = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.maximum(sides, 0.0).prod(axis=-1)
    return np.asarray(shared / np.maximum(a[..., 2:].prod(axis=-1) + b[..., 2:].prod(axis=-1) - shared, 1e-9))


def _around(points: np.ndarray) -> np.ndarray:
    low, high = points.min(axis=0), points.max(axis=0)
    return np.concatenate([low, high - low])


def _annotations(
    folder: Path, photo_ids: pd.Series
) -> Iterator[tuple[tuple[str, ...], np.ndarray, np.ndarray, int, int]]:
    """(columns, ids of photos, numbers [N, columns], malformed rows, files) of the annotations below
    `folder`."""
    for columns, pattern in ((BOX, "loose_bb_*.csv"), (POINTS, "loose_landmark_*.csv")):
        for path in sorted(folder.rglob(pattern)):
            yield columns, *_csv(path, len(columns)), 1
    paths = [*sorted(folder.glob("*.txt")), *sorted(folder.glob("files/*.txt"))]
    lists = {key(path.stem): path for path in paths}
    people: list[str] = photo_ids.str.partition("/")[0].drop_duplicates().tolist() if lists else []
    read = [_box_list(lists[key(person)], person) for person in people if key(person) in lists]
    if read:
        ids, boxes, malformed = zip(*read, strict=True)
        yield BOX, np.concatenate(ids), np.concatenate(boxes), sum(malformed), len(read)


def _csv(path: Path, columns: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Millions of rows, so read by Arrow. Rows of another length, or without numbers, are malformed."""
    malformed = 0

    def skip(row: object) -> str:
        nonlocal malformed
        malformed += 1
        return "skip"

    what = "see data.face_hints"
    text, separator, _ = separated(text_of(path, what))
    names = ["id", *(str(number) for number in range(columns))]
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(text.encode()),
            read_options=pa_csv.ReadOptions(column_names=names, skip_rows=1, use_threads=False),
            parse_options=pa_csv.ParseOptions(delimiter=separator, invalid_row_handler=skip),
            convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid as error:
        raise UserError(f"{path}: not a csv of annotations ({str(error).splitlines()[0]}); {what}") from None
    numbers = np.column_stack(
        [pd.to_numeric(table[name].to_pandas(), errors="coerce").to_numpy(np.float32) for name in names[1:]]
    )
    good = np.isfinite(numbers).all(axis=1)
    ids = table["id"].to_pandas().str.strip().to_numpy(dtype=object)
    return ids[good], numbers[good], malformed + int((~good).sum())


def _box_list(path: Path, person: str) -> tuple[np.ndarray, np.ndarray, int]:
    ids, boxes, malformed = [], [], 0
    for line in lines_of(path, "see data.face_hints"):
        cells = line.split()
        try:
            left, top, right, bottom = (float(cell) for cell in cells[2:6])
        except ValueError:
            malformed += bool(cells)
            continue
        ids.append(f"{person}/{cells[0]}")
        boxes.append((left, top, right - left, bottom - top))
    return np.array(ids, dtype=object), np.array(boxes, dtype=np.float32).reshape(-1, 4), malformed
