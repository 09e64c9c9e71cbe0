"""Metrics `upper_bound` and `progress` (of generators, sample people only): what faces would reach that show
all that a voice tells.

Sample people have known latents. For the upper bound, each person's audible traits are kept, all others
sampled anew, and the result rendered like any sample photo. Keys of `upper_bound`: `matching`,
`matching_centred`, by direction, population and group: `accuracy`. `progress`: how far a generator is from
chance (0) to the upper bound (1), by the same keys.
"""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd

from deepfacegen.data.faces.align import align
from deepfacegen.data.faces.detect import Detector
from deepfacegen.data.fanout.schedule import map_shards
from deepfacegen.data.shards import batched
from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.embedders.chips import shrink
from deepfacegen.evaluation.embeddings import embed_samples
from deepfacegen.evaluation.metrics.matching import plain_accuracies
from deepfacegen.evaluation.scores import cosines
from deepfacegen.evaluation.tree import Tree, get, nested
from deepfacegen.synthetic.people import Person, from_row, imagine
from deepfacegen.synthetic.portrait import render_portrait

CHANCE = 0.5
TRIES = 5  # the detector finds nearly every portrait at once
PEOPLE_PER_UNIT = 4


def applies(context: Context) -> bool:
    return context.truth is not None and context.generates


def compute(context: Context) -> Tree:
    bound = upper_bound(context)
    return {"upper_bound": bound, "progress": progress(context, bound)}


def upper_bound(context: Context) -> Tree:
    """One set of faces per person stands for all of the person's clips; they have the size of generated
    ones."""
    assert context.truth is not None
    seen, unseen = context.protocol.populations
    settings, stored_px = context.settings, context.photos.rows(seen.faces[:1]).shape[1]
    size_px = context.generated[unseen.name].faces.shape[2]
    truth = pd.concat([context.truth.loc[p.identities["voice_id"]] for p in (seen, unseen)])
    photo_px = context.config.sample.photo_px
    faces = imagined_faces(truth, settings.draws, photo_px, stored_px, size_px, settings.seed)
    embeddings = embed_samples(context.embedders[context.judge], faces)
    parts = np.split(embeddings, [len(seen.identities)])
    per_clip = {
        p.name: part[p.clips["person"].to_numpy()] for p, part in zip((seen, unseen), parts, strict=True)
    }
    return {
        f"matching{suffix}": plain_accuracies(context.protocol, scores)
        for suffix, scores in cosines(per_clip, context.real[context.judge]).items()
    }


def progress(context: Context, bound: Tree) -> Tree:
    """(accuracy - chance) / (upper bound - chance), by path, where the bound is above chance."""
    cells = []
    for suffix, scores in context.judge_scores[context.judge].items():
        key, reached = f"matching{suffix}", plain_accuracies(context.protocol, scores)
        for task in context.protocol.tasks:
            mine, best = (get(tree, task.path)["accuracy"] for tree in (reached, bound[key]))
            if best > CHANCE:
                cells.append(((key, *task.path), (mine - CHANCE) / (best - CHANCE)))
    return nested(cells)


def imagined_faces(
    truth: pd.DataFrame, samples: int, photo_px: int, aligned_px: int, size_px: int, seed: int
) -> np.ndarray:
    """Faces of invented people who sound like each person in `truth` [I] (rows of truth.parquet): uint8 [I,
    samples, size_px, size_px, 3].

    Each is rendered like any sample photo, detected and aligned like one, and reduced to the size of the
    system's faces, so that the judge gets no more detail than from the system.
    """
    people = [(i, from_row(row)) for i, (_, row) in enumerate(truth.iterrows())]
    units = list(batched(people, PEOPLE_PER_UNIT))
    work = functools.partial(_portraits, samples, photo_px, aligned_px, size_px, seed)
    return np.concatenate(map_shards(work, units, [len(unit) for unit in units], "imagined faces"))


def _portraits(
    samples: int, photo_px: int, aligned_px: int, size_px: int, seed: int, unit: list[tuple[int, Person]]
) -> np.ndarray:
    detector = Detector()

    def face(i: int, person: Person, k: int) -> np.ndarray:
        rng = np.random.default_rng((seed, 3, i, k))
        for _ in range(TRIES):
            photo = render_portrait(imagine(person, rng), rng, photo_px)
            found = detector.detect(photo)
            if len(found):
                return shrink(align(photo, found.points[0], aligned_px)[None], size_px)[0]
        raise RuntimeError(f"the detector finds no face in {TRIES} portraits of {photo_px} px")

    return np.stack([[face(i, person, k) for k in range(samples)] for i, person in unit])
