"""The faces stage: detect, gate, align, pack as uint8 shards with a table of faces and one of rejects."""

from __future__ import annotations

import functools
import io
import time
from collections import Counter
from dataclasses import dataclass, field
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
from deepfacegen.data.fanout import map_shards, slices
from deepfacegen.data.shards import FaceShards, shard_path, write_array
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


@dataclass
class Shard:
    """What one unit of work gives back."""

    faces: list[tuple] = field(default_factory=list)
    rejects: list[tuple] = field(default_factory=list)
    pictures: int = 0


def extract(config: FacesConfig, inventory: pd.DataFrame, photos_root: Path, videos_root: Path, out: Path) -> dict[str, Any]:
    """Fill `out` with shards, faces.parquet and rejects.parquet (docs/architecture.md); returns the stage's metrics.

    `inventory` is that of faces. Raises UserError when nothing at all is kept.
    """
    began = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    parts = slices(inventory, "photo_id", config.photos_per_shard)
    work = functools.partial(_shard, config, {"photo": photos_root, "video": videos_root}, out)
    done = map_shards(work, list(enumerate(parts)), [len(part) for part in parts], "faces")
    faces = pd.DataFrame([row for shard in done for row in shard.faces], columns=list(FACE_COLUMNS)).astype(FACE_COLUMNS)
    rejects = pd.DataFrame([row for shard in done for row in shard.rejects], columns=list(REJECT_COLUMNS)).astype(REJECT_COLUMNS)
    kept_files = int(faces["photo_id"].str.partition("#")[0].nunique()) if len(faces) else 0
    assert kept_files + len(rejects) == len(inventory), "a file is neither kept nor rejected"
    reasons = dict(sorted(Counter(rejects["reason"]).items()))
    faces.to_parquet(out / "faces.parquet", index=False)
    rejects.to_parquet(out / "rejects.parquet", index=False)
    if faces.empty:
        raise UserError(f"{photos_root}: none of {len(inventory)} files gave a face ({reasons}); see {out / 'rejects.parquet'}")
    seconds, pictures = time.perf_counter() - began, sum(shard.pictures for shard in done)
    return {
        "seen": len(inventory),
        "kept": kept_files,
        "faces": len(faces),
        "rejected": {"all": len(rejects), **reasons},
        "people": int(faces["face_id"].nunique()),
        "shards": len(parts),
        "effort": {"seconds": round(seconds, 1), "pictures_per_second": round(pictures / seconds, 1)},
    }


def find_face(config: FacesConfig, detector: Detector, image: np.ndarray, hint: np.ndarray | None = None) -> Face:
    """The one face of a picture, uint8 RGB [H, W, 3], or the one that an annotation (data.hints) means.

    Raises RejectError: no_face, several_faces, too_small or extreme_pose.
    """
    found = certain(config, detector.detect(image))
    if not len(found):
        raise RejectError("no_face")
    place = None
    if hint is not None and hints.fits(hint, image.shape[1], image.shape[0]):
        place = hints.choose(hint, found.boxes, found.points)
        if place is None:
            raise RejectError("no_face")
    return cut_face(config, image, found, place)


def certain(config: FacesConfig, found: Detections) -> Detections:
    """Those that count as faces."""
    kept = found.scores >= config.min_score
    return Detections(found.boxes[kept], found.points[kept], found.scores[kept])


def cut_face(config: FacesConfig, image: np.ndarray, found: Detections, place: int | None = None) -> Face:
    """The aligned face of one of at least one detections; None: the only large one. Raises RejectError as `find_face`."""
    heights = found.boxes[:, 3]
    largest = int(np.argmax(heights)) if place is None else place
    if place is None and int((heights >= RIVAL_HEIGHT * heights[largest]).sum()) > 1:
        raise RejectError("several_faces")
    if heights[largest] < config.min_face_px:
        raise RejectError("too_small")
    points = found.points[largest]
    yaw = yaw_ratio(points)
    if yaw > config.max_yaw_ratio:
        raise RejectError("extreme_pose")
    try:
        pixels = align(image, points, config.size_px)
    except ValueError:
        raise RejectError("no_face") from None
    sharpness = float(cv2.Laplacian(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())
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


def _shard(config: FacesConfig, roots: dict[str, Path], out: Path, unit: tuple[int, pd.DataFrame]) -> Shard:
    """Work off one slice of the inventory and write its shard."""
    number, rows = unit
    result = Shard()
    kept: list[np.ndarray] = []
    last = ""
    names = rows[["photo_id", "face_id", "path", "kind"]].to_numpy().tolist()
    for (photo_id, face_id, path, kind), hint in zip(names, hints.of_rows(rows), strict=True):
        if photo_id == last:
            result.rejects.append((photo_id, path, "duplicate"))
            continue
        found, reason, pictures = _faces_of(config, roots[kind] / path, kind, hint)
        result.pictures += pictures
        if not found:
            result.rejects.append((photo_id, path, reason))
            continue
        last = photo_id
        for name, face in found.items():
            result.faces.append((photo_id + name, face_id, number, len(kept), face.score, face.box_height_px, face.yaw_ratio, face.sharpness))
            kept.append(face.pixels)
    size = (config.size_px, config.size_px, 3)
    write_array(shard_path(out, number), np.stack(kept) if kept else np.empty((0, *size), dtype=np.uint8))
    return result


def _faces_of(config: FacesConfig, path: Path, kind: str, hint: np.ndarray | None) -> tuple[dict[str, Face], str, int]:
    """The faces of a file (a photo: one, named ""; a video: one per good frame), the main reason for rejects, and how many pictures."""
    try:
        if kind == "photo":
            return {"": find_face(config, _detector(), read_photo(path), hint)}, "", 1
        frames = media.video_frames(path, config.video_fps)
    except RejectError as reject:
        return {}, str(reject), int(str(reject) not in ("corrupt", "too_large"))
    except media.MediaError as error:
        return {}, error.reason, 0
    found, reason = _speaker(config, frames)
    return found, reason, len(frames)


def _speaker(config: FacesConfig, frames: np.ndarray) -> tuple[dict[str, Face], str]:
    """The speaking face (data.track) in frames uint8 RGB [N, H, W, 3], by `#<frame>`, and the main reason for rejects."""
    detections = [certain(config, _detector().detect(frame)) for frame in frames]
    places = track.speaker([d.boxes for d in detections], [d.scores for d in detections], frames.shape[2], frames.shape[1])
    found: dict[str, Face] = {}
    reasons: Counter[str] = Counter()
    for number, (frame, detected, place) in enumerate(zip(frames, detections, places, strict=True)):
        try:
            if place is None:
                raise RejectError("no_face")
            found[f"#{number:04d}"] = cut_face(config, frame, detected, place)
        except RejectError as reject:
            reasons[str(reject)] += 1
    if config.frames_per_video is not None and found:
        quality = np.array([(face.sharpness, face.yaw_ratio, face.box_height_px) for face in found.values()]).T
        names = list(found)
        found = {names[place]: found[names[place]] for place in track.best(quality[0], quality[1], quality[2], config.frames_per_video)}
    return found, min(reasons, key=lambda reason: (-reasons[reason], reason), default="")


@functools.cache
def _detector() -> Detector:
    return Detector()


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
