"""What only sample people allow, whose truth is known: a perfect listener's score as the ceiling, and the
audit of traits that no voice tells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.config.schema import Config
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import FaceShards
from deepfacegen.evaluation.embeddings import Embed, cosines, embed_draws
from deepfacegen.evaluation.metrics import headline, nulls
from deepfacegen.evaluation.metrics.headline import Tree
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.evaluation.protocol.tasks import EvaluationProtocol
from deepfacegen.evaluation.references import upper_bound

CHANCE = 0.5
AUDIT_TRAINING_FACES = 2000


def with_ages(population: Population, truth: pd.DataFrame) -> Population:
    """Ages that no metadata lists, from the truth [rows by identity]."""
    people = population.identities
    known = people["age_years"].astype(float).fillna(people["identity_id"].map(truth["age_years"]))
    return Population(population.name, people.assign(age_years=known), population.clips, population.faces)


def best_possible(
    q: EvaluationProtocol,
    embed: Embed,
    truth: pd.DataFrame,
    true: dict[str, np.ndarray],
    photos: FaceShards,
    drawn_px: int,
    config: Config,
) -> Tree:
    """`matching` and `matching_centred` of faces imagined by a perfect listener: accuracies by path."""
    stored_px = photos.gather(
        q.both[0].faces["shard"].to_numpy()[:1], q.both[0].faces["row"].to_numpy()[:1]
    ).shape[1]
    people = pd.concat([truth.loc[p.identities["voice_id"]] for p in q.both])
    draws, seed = config.evaluate.draws, config.evaluate.seed
    vectors = embed_draws(
        embed, upper_bound.imagined_faces(people, draws, config.sample.photo_px, stored_px, drawn_px, seed)
    )
    cut = len(q.both[0].identities)
    # One imagined set per person stands for all of the person's clips.
    per_clip = {
        p.name: part[p.clips["person"].to_numpy()]
        for p, part in zip(q.both, (vectors[:cut], vectors[cut:]), strict=True)
    }
    return {
        f"matching{suffix}": headline.plain_accuracies(q, scores)
        for suffix, scores in cosines(per_clip, true).items()
    }


def progress(q: EvaluationProtocol, reached: Tree, most: Tree) -> Tree:
    """How far from chance to the ceiling, which is that of generated faces, a system that generates them is,
    by path."""
    tree: Tree = {}
    for key in ("matching", "matching_centred"):
        for task in q.tasks:
            mine, best = (headline.get(part, (key, *task.path))["accuracy"] for part in (reached, most))
            if best > CHANCE:
                headline.put(tree, (key, *task.path), (mine - CHANCE) / (best - CHANCE))
    return tree


def audit(
    truth: pd.DataFrame,
    manifest: Manifest,
    unseen: Population,
    kept: np.ndarray,
    photos: FaceShards,
    config: Config,
) -> dict[str, dict[str, Any]]:
    """`null_attributes`. kept uint8 [K, n, S, S, 3]: drawn faces of the first clips of the unseen people."""
    number = pd.Series(np.arange(len(truth)), index=truth.index)

    def faces_of(table: pd.DataFrame) -> nulls.Faces:
        table = table.iloc[:AUDIT_TRAINING_FACES]
        pixels = photos.gather(table["shard"].to_numpy(), table["row"].to_numpy())
        return nulls.Faces(
            upper_bound.shrink(pixels, kept.shape[2]), number.loc[table["identity_id"]].to_numpy()
        )

    clip_person = number.loc[unseen.clips["identity_id"].iloc[: len(kept)]].to_numpy()
    drawn = nulls.Faces(kept.reshape(-1, *kept.shape[2:]), np.repeat(clip_person, kept.shape[1]))
    return nulls.audit(
        truth,
        faces_of(manifest.split("train").faces),
        faces_of(unseen.faces),
        drawn,
        config.evaluate.bootstrap,
        config.evaluate.seed,
    )
