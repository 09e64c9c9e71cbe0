"""What Learnable PINs is trained on: which faces belong to which clip, and a voice and a face of each person
of a step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from deepfacegen.data.batches import ByLabel, Clips, IdentityOrder, mixed_windows
from deepfacegen.data.shards import AudioShards

# Rows [B] (all ranks), a generator that all ranks share, and this rank's part -> its voices.
Voices = Callable[[np.ndarray, np.random.Generator, slice], np.ndarray]


class FacesOfClips:
    """The faces that each clip may be paired with.

    With `video`, those of the very recording, as published (no label is needed for such a pair); else those
    of the same video; else any of the person's. Without, any of the person's. A face of a video has the
    photo_id `<face_id>/<video>/<clip>#<frame>`, a clip the clip_id `<voice_id>/<video>/<clip>`. Every clip's
    person must have a face.
    """

    def __init__(self, clips: pd.DataFrame, faces: pd.DataFrame, video: bool) -> None:
        person, face_person = (table["label"].astype(str) for table in (clips, faces))
        wanted, given = [person], [face_person]  # from the whole to the part
        if video:
            recording = clips["clip_id"].str.partition("/")[2]
            track = faces["photo_id"].str.partition("#")
            face_recording = track[0].str.partition("/")[2]
            shot = (track[1] == "#").to_numpy()
            for part, face_part in (
                (recording.str.partition("/")[0], face_recording.str.partition("/")[0]),
                (recording, face_recording),
            ):
                wanted.append(person + " " + part)
                given.append((face_person + " " + face_part).where(shot))
        self.level = np.zeros(len(clips), dtype=np.int64)  # 0 person, 1 video, 2 recording
        group = np.full(len(clips), -1, dtype=np.int64)
        groups, rows, first = [], [], 0
        for level, (keys, of_faces) in enumerate(zip(wanted, given, strict=True)):
            codes, names = pd.factorize(of_faces)  # -1: a photo has no video
            found = pd.Index(names).get_indexer(pd.Index(keys))
            group[found >= 0] = first + found[found >= 0]
            self.level[found >= 0] = level
            rows.append(np.flatnonzero(codes >= 0))
            groups.append(first + codes[codes >= 0])
            first += len(names)
        if (group < 0).any():
            raise ValueError(f"{clips['clip_id'].to_numpy()[group < 0][0]}: its person has no face")
        self.group, self.rows, self.by_group = group, np.concatenate(rows), ByLabel(np.concatenate(groups))

    def draw(self, clips: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Rows of the clips table [B] -> a row of the faces table for each, int64 [B]."""
        return self.rows[self.by_group.draw(self.group[clips], rng)]


class PairBatches:
    """step -> (voices [R, ...], faces [R, ...], labels int64 [B]): this rank's part of the pairs, and the
    labels of the whole batch.

    People come in turn, each with one of their clips and a face of it. `gather(rows)` reads faces.
    """

    def __init__(
        self,
        order: IdentityOrder,
        clip_labels: np.ndarray,
        pairs: FacesOfClips,
        voices: Voices,
        gather: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self.order, self.clips, self.pairs = order, ByLabel(clip_labels), pairs
        self.voices, self.gather = voices, gather

    def __call__(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.order.seed, 6, step])
        labels, mine = self.order.whole(step), self.order.mine
        clips = self.clips.draw(labels, rng)
        faces = self.pairs.draw(clips, rng)[mine]
        return self.voices(clips, rng, mine), self.gather(faces), labels


def mixtures(windows: np.ndarray) -> Voices:
    """Embeddings of the windows of all clips [N, W, Y] -> float32 [R, Y], as `mixed_windows`."""
    return lambda clips, rng, mine: mixed_windows(windows, clips, rng, mine)


def crops(clips: pd.DataFrame, shards: AudioShards, samples: int) -> Voices:
    """A random stretch of a clip, int16 [R, samples]; a shorter clip is repeated."""
    table = Clips(clips, shards)
    return lambda rows, rng, mine: table.crop_at(rows[mine], rng.random(len(rows))[mine], samples)
