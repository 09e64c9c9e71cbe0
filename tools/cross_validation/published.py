"""Faces that another system made, to be evaluated on the same people and trials as ours.

A folder of them has one picture for each photo, `<face id>/<photo id>.jpg` (or .png), as VGGFace2 names its
photos: `n000123/0001_01.jpg`. The k-th clip of a person, in order of the name, belongs to the person's k-th
photo, and the published face of that photo was made from that clip. Both are counted in the lists of the
stage `download`, so a clip that a later stage rejected keeps its place. A clip without a published face, or
with one in which no face is found, is left out of the probes of both systems; `left_out` has the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from deepfacegen.data.batches import Manifest
from deepfacegen.data.faces.align import align
from deepfacegen.data.faces.detect import Detector
from deepfacegen.data.files.pictures import RejectError, read_photo
from deepfacegen.errors import UserError
from deepfacegen.evaluation.embeddings import Embed

# Generated faces fill their pictures, and detectors expect some room around a head.
BORDER, MIN_SCORE = 40 / 224, 0.5
SUFFIXES = (".jpg", ".png")


@dataclass(frozen=True)
class PublishedFaces:
    """By judge: unit embeddings [V, D] with the clip_id as index. And why other clips have none, by
    clip_id."""

    embeddings: dict[str, pd.DataFrame]
    left_out: dict[str, str]

    @property
    def clip_ids(self) -> pd.Index:
        return next(iter(self.embeddings.values())).index

    def of(self, clips: pd.DataFrame) -> dict[str, np.ndarray]:
        """Embeddings [V, 1, D] by judge of the rows of a clips table that have a published face."""
        ids = clips["clip_id"][clips["clip_id"].isin(self.clip_ids)]
        return {judge: table.loc[ids].to_numpy()[:, None] for judge, table in self.embeddings.items()}

    def reasons(self, clip_ids: Collection[str]) -> dict[str, int]:
        """How many of these clips are left out, by reason."""
        return dict(Counter(why for clip, why in self.left_out.items() if clip in clip_ids))


def read(
    folder: Path, manifest: Manifest, judges: Mapping[str, Embed], size_px: int, raw: Path = Path("data/raw")
) -> PublishedFaces:
    """The published faces of the manifest's clips, cut out at `size_px` and embedded by the judges.
    Raises UserError when the folder has no usable face for any clip."""
    if not folder.is_dir():
        raise UserError(f"--published {folder}: no such folder")
    photo_of = paired(
        manifest.identities,
        *(pd.read_parquet(raw / kind / "inventory.parquet") for kind in ("voices", "faces")),
    )
    detector, faces, left_out = Detector(MIN_SCORE), {}, {}
    for clip in manifest.clips["clip_id"]:
        try:
            faces[clip] = cut(picture(folder, photo_of.get(clip)), detector, size_px)
        except RejectError as reject:
            left_out[clip] = str(reject)
    if not faces:
        raise UserError(
            f"--published {folder}: no usable face for any clip ({dict(Counter(left_out.values()))}); faces "
            f"must be named as photos are, such as {next(iter(photo_of), 'n000123/0001_01')}.jpg"
        )
    pixels, index = np.stack(list(faces.values())), pd.Index(list(faces), name="clip_id")
    return PublishedFaces(
        {name: pd.DataFrame(embed(pixels), index=index) for name, embed in judges.items()}, left_out
    )


def paired(identities: pd.DataFrame, voices: pd.DataFrame, photos: pd.DataFrame) -> pd.Series:
    """The photo_id of each clip, with the clip_id as index, from the lists of files (docs/data-contract.md):
    the k-th clip of a person with the k-th photo. Clips beyond the last photo have none."""
    sides = []
    for table, name, key in (
        (voices, "clip_id", "voice_id"),
        (photos[photos["kind"] == "photo"], "photo_id", "face_id"),
    ):
        owner = identities.set_index(key)["identity_id"].rename("person")
        files = table.drop_duplicates(name).sort_values(name).join(owner, on=key, how="inner")
        sides.append(files.assign(number=files.groupby("person").cumcount())[["person", "number", name]])
    return sides[0].merge(sides[1], on=["person", "number"]).set_index("clip_id")["photo_id"]


def picture(folder: Path, photo_id: str | None) -> np.ndarray:
    """The published face of a photo, uint8 RGB [H, W, 3]. Raises RejectError: no_file, or as `read_photo`."""
    for suffix in SUFFIXES if photo_id else ():
        path = folder / f"{photo_id}{suffix}"
        if path.is_file():
            return read_photo(path)
    raise RejectError("no_file")


def cut(image: np.ndarray, detector: Detector, size_px: int) -> np.ndarray:
    """The first face found in a picture, uint8 RGB [H, W, 3], whose border is continued, aligned as photos
    are: uint8 [size_px, size_px, 3]. Raises RejectError: no_face."""
    border = round(BORDER * image.shape[1])
    padded = cv2.copyMakeBorder(image, *(border,) * 4, cv2.BORDER_REPLICATE)
    found = detector.detect(padded)
    if not len(found):
        raise RejectError("no_face")
    return align(padded, found.points[0], size_px)
