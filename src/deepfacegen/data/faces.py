"""The faces stage: detect, gate, align, pack as uint8 shards with a table of faces and one of rejects."""

from __future__ import annotations

import functools
import io
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from deepfacegen.config import FacesConfig
from deepfacegen.data import hints, media, track
from deepfacegen.data.align import align, yaw_ratio
from deepfacegen.data.detect import Detections, Detector
from deepfacegen.data.fanout.tables import count_rows, count_values
from deepfacegen.data.fanout.workbench import Unit, Units, Workbench, Written, at_bench, effort, put_in_place, total_counts, work_off
from deepfacegen.data.points import Landmarks, Question, Work, answered, by_detector
from deepfacegen.data.shards import ArrayWriter, FaceShards, shard_path
from deepfacegen.errors import UserError

FACE_COLUMNS = {
    "photo_id": "str",
    "face_id": "str",
    "shard": "int32",
    "row": "int32",
    "score": "float32",
    "box_height_px": "float32",
    "yaw_ratio": "float32",
    "sharpness": "float32",
}
REJECT_COLUMNS = {"photo_id": "str", "path": "str", "reason": "str"}
MOST_PIXELS = 100_000_000
MOST_BYTES = 200_000_000
# Another face at least this high, relative to the largest, makes it unclear whose photo it is; smaller ones are background.
RIVAL_HEIGHT = 0.5
SHEET_FACES, SHEET_COLUMNS, SHEET_PX = 96, 16, 64


class RejectError(Exception):
    """A picture that gives no usable face; the argument is the reason."""


@dataclass(frozen=True)
class Face:
    """An aligned face uint8 [S, S, 3] and what the detector said about it."""

    pixels: np.ndarray
    score: float
    box_height_px: float
    yaw_ratio: float
    sharpness: float


def extract(
    config: FacesConfig,
    inventory: pd.DataFrame | Path,
    photos_root: Path,
    videos_root: Path,
    out: Path,
    bench: Workbench | None = None,
    landmarks: Landmarks | None = None,
) -> dict[str, Any]:
    """Fill `out` with shards, faces.parquet and rejects.parquet (docs/architecture.md); returns the stage's metrics.

    `inventory` is that of faces, or its file. What is finished waits on `bench` (default: one below `out`, cleared at the end).
    `landmarks` gives the points for alignment (a function of a module, for it goes to other processes), None: the detector.
    Raises UserError when nothing at all is kept, or a shard fails again and again.
    """
    began = time.perf_counter()
    roots = {"photo": photos_root.resolve(), "video": videos_root.resolve()}
    units = Units(inventory, "photo_id", config.photos_per_shard, roots, "faces")
    with at_bench(bench, out) as place:
        receipts = work_off(place, functools.partial(_shard, config, roots, landmarks), units)
        put_in_place(receipts, out, {"faces": FACE_COLUMNS, "rejects": REJECT_COLUMNS})
    seen, reasons, counts = count_rows(inventory), count_values(out / "rejects.parquet", "reason"), total_counts(receipts)
    assert counts.get("kept", 0) + sum(reasons.values()) == seen, "a file is neither kept nor rejected"
    people = count_values(out / "faces.parquet", "face_id")
    if not people:
        raise UserError(f"{photos_root}: none of {seen} files gave a face ({reasons}); see {out / 'rejects.parquet'}")
    seconds, fresh = time.perf_counter() - began, total_counts(receipt for receipt in receipts if receipt.fresh)
    return {
        "seen": seen,
        "kept": counts["kept"],
        "faces": sum(people.values()),
        "rejected": {"all": sum(reasons.values()), **reasons},
        "people": len(people),
        "shards": len(receipts),
        "effort": {**effort(receipts, seconds), "pictures_per_second": round(fresh.get("pictures", 0) / seconds, 1)},
    }


def find_face(config: FacesConfig, detector: Detector, image: np.ndarray, hint: np.ndarray | None = None) -> Face:
    """The one face of a picture, uint8 RGB [H, W, 3], or that which an annotation (data.hints) means; aligned by the detector's points
    whatever `faces.landmarks` says.

    Raises RejectError: no_face, several_faces, too_small, extreme_pose or blurred.
    """
    return by_detector(_face_of(config, detector, image, hint))


def _face_of(config: FacesConfig, detector: Detector, image: np.ndarray, hint: np.ndarray | None) -> Work[Face]:
    """`find_face`, which asks for the points."""
    found = _certain(config, detector.detect(image))
    place = None
    if len(found) and hint is not None and hints.fits(hint, image.shape[1], image.shape[0]):
        place = hints.choose(hint, found.boxes, found.points)
        if place is None:
            raise RejectError("no_face")
    return (yield from _cut(config, image, found, place))


def _certain(config: FacesConfig, found: Detections) -> Detections:
    """Those that count as faces."""
    kept = found.scores >= config.min_score
    return Detections(found.boxes[kept], found.points[kept], found.scores[kept])


def _cut(config: FacesConfig, image: np.ndarray, found: Detections, place: int | None) -> Work[Face]:
    """The aligned face of one of the detections; None: the only large one. Raises RejectError as `find_face`."""
    if not len(found):
        raise RejectError("no_face")
    heights = found.boxes[:, 3]
    largest = int(np.argmax(heights)) if place is None else place
    if place is None and int((heights >= RIVAL_HEIGHT * heights[largest]).sum()) > 1:
        raise RejectError("several_faces")
    if heights[largest] < config.min_face_px:
        raise RejectError("too_small")
    points = yield Question(image, found.boxes[largest], found.points[largest])
    yaw = yaw_ratio(points)
    if yaw > config.max_yaw_ratio:
        raise RejectError("extreme_pose")
    try:
        pixels = align(image, points, config.size_px)
    except ValueError:
        raise RejectError("no_face") from None
    sharpness = float(cv2.Laplacian(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())
    if sharpness < config.min_sharpness:
        raise RejectError("blurred")
    return Face(pixels, float(found.scores[largest]), float(heights[largest]), yaw, sharpness)


def read_photo(path: Path) -> np.ndarray:
    """A photo, uint8 RGB [H, W, 3], turned upright. Raises RejectError: corrupt or too_large."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RejectError("too_large")
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as header:  # reads the size only, before anything is decoded
            width, height = header.size
    except Image.DecompressionBombError:
        raise RejectError("too_large") from None
    except (OSError, ValueError, SyntaxError):
        raise RejectError("corrupt") from None
    if width * height > MOST_PIXELS:
        raise RejectError("too_large")
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        image = None
    if image is None:
        raise RejectError("corrupt")
    return np.asarray(image)


def _shard(config: FacesConfig, roots: dict[str, Path], landmarks: Landmarks | None, unit: Unit, folder: Path) -> Written:
    """Work off one slice of the inventory and write its shard."""
    faces: list[tuple] = []
    rejects: list[tuple] = []
    seen = 0
    last = ""
    files = list(unit.rows[["photo_id", "face_id", "path", "kind"]].itertuples(index=False, name=None))
    works = (_faces_of(config, roots[kind] / path, kind, hint) for (_, _, path, kind), hint in zip(files, hints.of_rows(unit.rows), strict=True))
    with ArrayWriter(shard_path(folder, unit.number), np.uint8, (config.size_px, config.size_px, 3)) as shard:
        for (photo_id, face_id, path, _), (found, reason, pictures) in zip(files, answered(works, landmarks), strict=True):
            seen += pictures
            if photo_id == last:
                rejects.append((photo_id, path, "duplicate"))
                continue
            if not found:
                rejects.append((photo_id, path, reason))
                continue
            last = photo_id
            for name, face in found.items():
                described = (face.score, face.box_height_px, face.yaw_ratio, face.sharpness)
                faces.append((photo_id + name, face_id, unit.number, shard.rows, *described))
                shard.append(face.pixels[None])
    tables = {
        "faces": pd.DataFrame(faces, columns=list(FACE_COLUMNS)).astype(FACE_COLUMNS),
        "rejects": pd.DataFrame(rejects, columns=list(REJECT_COLUMNS)).astype(REJECT_COLUMNS),
    }
    return Written(tables, {"kept": len(unit.rows) - len(rejects), "pictures": seen})


def _faces_of(config: FacesConfig, path: Path, kind: str, hint: np.ndarray | None) -> Work[tuple[dict[str, Face], str, int]]:
    """The faces of a file (a photo: one, named ""; a video: one per good frame), the main reason for rejects, and how many pictures."""
    try:
        frames = read_photo(path)[None] if kind == "photo" else media.video_frames(path, config.video_fps)
    except RejectError as reject:
        return {}, str(reject), 0
    except media.MediaError as error:
        return {}, error.reason, 0
    if kind != "photo":
        return (yield from _speaker(config, frames))
    try:
        return {"": (yield from _face_of(config, _detector(config.detect_side_px), frames[0], hint))}, "", 1
    except RejectError as reject:
        return {}, str(reject), 1


def _speaker(config: FacesConfig, frames: np.ndarray) -> Work[tuple[dict[str, Face], str, int]]:
    """The speaking face (data.track) in frames uint8 RGB [N, H, W, 3], by `#<frame>`, the main reason for rejects, and how many frames."""
    detections = [_certain(config, _detector(config.detect_side_px).detect(frame)) for frame in frames]
    places = track.speaker([d.boxes for d in detections], [d.scores for d in detections], frames.shape[2], frames.shape[1])
    found: dict[str, Face] = {}
    reasons: Counter[str] = Counter()
    for number, (frame, detected, place) in enumerate(zip(frames, detections, places, strict=True)):
        try:
            if place is None:
                raise RejectError("no_face")
            found[f"#{number:04d}"] = yield from _cut(config, frame, detected, place)
        except RejectError as reject:
            reasons[str(reject)] += 1
    if config.frames_per_video is not None and found:
        quality = np.array([(face.sharpness, face.yaw_ratio, face.box_height_px) for face in found.values()]).T
        names = list(found)
        found = {names[place]: found[names[place]] for place in track.best(quality[0], quality[1], quality[2], config.frames_per_video)}
    return found, min(reasons, key=lambda reason: (-reasons[reason], reason), default=""), len(frames)


@functools.cache
def _detector(side_px: int) -> Detector:
    return Detector(side_px=side_px)


def plot(folder: Path, plots: Path) -> None:
    """A contact sheet of kept faces, evenly over the table, and a bar of rejects by reason (PNG and CSV), from the stage's out."""
    from matplotlib.figure import Figure

    plots.mkdir(parents=True, exist_ok=True)
    table, rejects = (pd.read_parquet(folder / f"{name}.parquet") for name in ("faces", "rejects"))
    chosen = table.iloc[np.unique(np.linspace(0, len(table) - 1, SHEET_FACES).round().astype(int))]
    faces = FaceShards(folder).gather(chosen["shard"].to_numpy(), chosen["row"].to_numpy())
    rows = -(-len(faces) // SHEET_COLUMNS)
    sheet = np.full((rows, SHEET_COLUMNS, SHEET_PX, SHEET_PX, 3), 255, dtype=np.uint8)
    for place, face in enumerate(faces):
        sheet[divmod(place, SHEET_COLUMNS)] = cv2.resize(face, (SHEET_PX, SHEET_PX), interpolation=cv2.INTER_AREA)
    Image.fromarray(sheet.transpose(0, 2, 1, 3, 4).reshape(rows * SHEET_PX, SHEET_COLUMNS * SHEET_PX, 3)).save(plots / "faces.png")

    counts = rejects["reason"].value_counts().sort_index()
    counts.rename_axis("reason").rename("files").to_csv(plots / "rejects.csv")
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(counts.index.to_numpy(dtype=object), counts.to_numpy(), color="tab:gray")
    axes.bar_label(bars, padding=3)
    axes.set(xlabel="files", title=f"{len(table)} faces kept, {len(rejects)} files rejected")
    figure.savefig(plots / "rejects.png", dpi=100, metadata={"Software": None})
