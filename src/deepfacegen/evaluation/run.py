"""The whole evaluation of one system: draws, judges, answers, baselines, and what drawn faces are like. Keys:
docs/architecture.md, Metrics."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.config.paths import located
from deepfacegen.config.schema import Config
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.evaluation import embeddings, examples, plots, provenance, tables, versions
from deepfacegen.evaluation.embedders.judge import Judge, unit
from deepfacegen.evaluation.embeddings import Embed, Matrix
from deepfacegen.evaluation.metrics import duration, headline, portrayal, quality
from deepfacegen.evaluation.metrics import features as predicted
from deepfacegen.evaluation.metrics.fairness import fairness
from deepfacegen.evaluation.metrics.headline import Scores, Tree
from deepfacegen.evaluation.metrics.matching import outcomes
from deepfacegen.evaluation.protocol.groups import named
from deepfacegen.evaluation.protocol.lists import PairScore
from deepfacegen.evaluation.protocol.population import Population, digest, populations, training_people
from deepfacegen.evaluation.protocol.published_lists import CrossScore, published_lists
from deepfacegen.evaluation.protocol.tasks import EvaluationProtocol, build_protocol
from deepfacegen.evaluation.references import baselines, sample_truth
from deepfacegen.systems.protocol import (
    FaceGenerator,
    HasFaceFeatures,
    System,
    VoiceEncoder,
    VoiceFaceMatcher,
)

SELF = "self"


@dataclass(frozen=True)
class Folders:
    """Where everything lies, relative to the current folder unless told otherwise; `out` and `plots` are
    written."""

    out: Path
    plots: Path
    manifest: Path = Path("data/manifest")
    audio: Path = Path("data/audio")
    faces: Path = Path("data/faces")
    meta: Path = Path("data/raw/meta")
    models: Path = Path("models")


@dataclass(frozen=True)
class Data:
    """What is stored of everybody."""

    manifest: Manifest
    audio: AudioShards
    photos: FaceShards
    truth: pd.DataFrame | None


def evaluate(
    system: System,
    config: Config,
    folders: Folders,
    listener: VoiceEncoder | None = None,
    parts: Collection[str] | None = None,
) -> dict[str, Any]:
    """Metrics of one system. Writes {trials,choices}.parquet, unseen.{npz,parquet}, retrieved.npz to
    `folders.out` and pictures to `folders.plots`.

    Without a `listener` there is no baseline that retrieves by voice. `parts` names the models that the
    system is made of (None: any may be one): no judge of what it draws may have taken part in them; a system
    that only scores has none. A second judge that took part, or that selected faces, is left out, and the
    metrics say so (`judges_left_out`). Raises UserError when a model was trained or faces were selected with
    the first judge, when a model has met test identities, or when there are too few people.
    """
    settings, source = config.evaluate, config.data.source
    truth = (
        pd.read_parquet(folders.meta / "truth.parquet").set_index("voice_id") if source == "sample" else None
    )
    data = Data(Manifest.read(folders.manifest), AudioShards(folders.audio), FaceShards(folders.faces), truth)
    both = populations(data.manifest, settings.clips_per_identity, settings.seed)
    provenance.assert_unselected(
        folders.manifest, [settings.judge] if isinstance(system, FaceGenerator) else []
    )
    second = settings.second_judge
    took_part = provenance.took_part(folders.models, parts) | provenance.selected_with(folders.manifest)
    names = [settings.judge, *([second] if second and second not in took_part else [])]
    provenance.assert_fair(
        folders.models, names if isinstance(system, FaceGenerator) else [], both[1].identities, source, parts
    )
    if truth is not None:
        both = (sample_truth.with_ages(both[0], truth), sample_truth.with_ages(both[1], truth))
    q = build_protocol(both, settings.trials_per_clip, settings.bootstrap, settings.seed)
    metrics: Tree = {
        "judge": settings.judge,
        "data": {"source": source, "digest": digest(folders.manifest), **_counts(both)},
    }
    metrics |= {
        "versions": versions.versions(),
        "models": versions.models(folders.models, parts),
        "weights": versions.third_party(names),
    }
    if second in took_part:
        metrics["judges_left_out"] = [second]
    oracles = {name: headline.oracle(q.tasks, name) for name in ("gender", "gender_nationality")}
    metrics["oracle"] = {name: {"matching": tree} for name, tree in oracles.items() if tree}
    if isinstance(system, FaceGenerator):
        scores, cross = _drawn(metrics, system, config, folders, data, q, names, listener)
    else:
        scores = {"": {p.name: _matrix(system, p, data) for p in both}}
        if truth is not None:
            metrics["upper_bound"] = _ceiling(q, names[0], truth, data, config)

        def cross(clips: pd.DataFrame, faces: pd.DataFrame) -> dict[str, PairScore]:
            return {"": _matrix(system, Population("listed", data.manifest.identities, clips, faces), data)}

    if settings.trial_lists:
        hear = functools.partial(baselines.hear, listener, audio=data.audio) if listener is not None else None
        metrics |= published_lists(
            located(settings.trial_lists), data.manifest, cross, hear, settings.bootstrap, settings.seed
        )
    for suffix, by_population in scores.items():
        metrics |= headline.everything(q, by_population, suffix)
        metrics[f"fairness{suffix}"] = _fairness(q, by_population)
    if "upper_bound" in metrics and isinstance(system, FaceGenerator):  # it is that of generated faces
        metrics["progress"] = sample_truth.progress(q, metrics, metrics["upper_bound"])
    trials = tables.trials(q, scores)
    tables.write(folders.out / "trials.parquet", trials)
    tables.write(folders.out / "choices.parquet", tables.choices(q, scores))
    plots.write(folders.plots, metrics, trials)
    return metrics


def _ceiling(q: EvaluationProtocol, judge: str, truth: pd.DataFrame, data: Data, config: Config) -> Tree:
    """What a perfect listener's faces would reach by the first judge: the yardstick of systems that draw
    nothing as well."""
    embed = Judge.load(judge).embed
    true = {p.name: embeddings.true_vectors({judge: embed}, p, data.photos)[judge] for p in q.both}
    return sample_truth.best_possible(q, embed, truth, true, data.photos, config.train.image_size_px, config)


def _drawn(
    metrics: Tree,
    system: FaceGenerator,
    config: Config,
    folders: Folders,
    data: Data,
    q: EvaluationProtocol,
    names: list[str],
    listener: VoiceEncoder | None,
) -> tuple[dict[str, dict[str, Any]], CrossScore]:
    """All that is told of a system that draws, besides the answers of the first judge, whose scores are
    returned, plain and centred, and the system's own ("_own") if it compares as well.

    Returned as well: how to score other clips and faces in the same ways.
    """
    settings, photos = config.evaluate, data.photos
    judges: dict[str, Embed] = {name: Judge.load(name).embed for name in names}
    first = names[0]
    if isinstance(system, HasFaceFeatures):
        features = system.face_features
        judges[SELF] = lambda faces: unit(features(faces))
    drawn = {
        p.name: embeddings.draw(system, judges, p, data.audio, settings.draws, settings.seed) for p in q.both
    }
    true = {p.name: embeddings.true_vectors(judges, p, photos) for p in q.both}
    scores = {
        name: embeddings.cosines(
            {p: d.vectors[name] for p, d in drawn.items()}, {p: vectors[name] for p, vectors in true.items()}
        )
        for name in judges
    }
    others: Tree = {
        name: {f"matching{suffix}": headline.matching(q, s) for suffix, s in scores[name].items()}
        for name in judges
        if name != first
    }
    if len(names) > 1:
        others["agreement"] = {
            f"matching{suffix}": headline.agreement(q, s, scores[names[1]][suffix])
            for suffix, s in scores[first].items()
        }
    training = training_people(data.manifest, settings.seed)
    known = embeddings.true_vectors({name: judges[name] for name in names}, training, photos)
    heard = (
        {p.name: baselines.hear(listener, p.clips, data.audio) for p in (*q.both, training)}
        if listener is not None
        else None
    )
    for name in names:
        found = _baselines(q, {p: vectors[name] for p, vectors in true.items()}, known[name], training, heard)
        (metrics if name == first else others[name])["baselines"] = found
    metrics |= {"judges": others} if others else {}
    own = {name: vectors[first] for name, vectors in true.items()}
    unseen = q.both[1]
    kept = drawn["unseen"].kept
    metrics["generated"], metrics["quality"] = quality.faces(
        drawn["unseen"], first, judges[first], unseen, training, photos, settings.seed
    )
    metrics["attributes"] = portrayal.portrayal(
        {name: d.kept for name, d in drawn.items()}, q.both, photos, settings.bootstrap, settings.seed
    )
    centre = embeddings.means(drawn["seen"].vectors[first], own["seen"])
    lengths = duration.by_duration(
        system,
        judges[first],
        unseen,
        own["unseen"],
        centre,
        data.audio,
        settings.draws,
        settings.bootstrap,
        settings.seed,
    )
    metrics["duration"] = lengths
    if isinstance(system, predicted.Regressor):
        metrics["features"] = predicted.by_features(
            system, unseen, data.audio, photos, settings.bootstrap, settings.seed
        )
    if data.truth is not None:
        metrics["upper_bound"] = sample_truth.best_possible(
            q, judges[first], data.truth, own, photos, kept.shape[2], config
        )
        metrics["null_attributes"] = sample_truth.audit(
            data.truth, data.manifest, unseen, kept, photos, config
        )
    examples.write(folders.out, unseen, kept, data.audio, photos)
    asked: dict[str, dict[str, Any]] = {
        **scores[first],
        **(
            {"_own": {p.name: _matrix(system, p, data) for p in q.both}}
            if isinstance(system, VoiceFaceMatcher)
            else {}
        ),
    }
    examples.write_retrieved(
        folders.out, unseen, len(kept), {suffix: by["unseen"] for suffix, by in asked.items()}, photos
    )

    def cross(clips: pd.DataFrame, faces: pd.DataFrame) -> dict[str, PairScore]:
        listed = Population("listed", data.manifest.identities, clips, faces)
        vectors = embeddings.draw(
            system, {first: judges[first]}, listed, data.audio, settings.draws, settings.seed
        ).vectors[first]
        real = embeddings.true_vectors({first: judges[first]}, listed, photos)[first]
        ways: dict[str, PairScore] = {
            "": embeddings.cosine(vectors, real),
            "_centred": embeddings.cosine(vectors, real, centre),
        }
        return {
            **ways,
            **({"_own": _matrix(system, listed, data)} if isinstance(system, VoiceFaceMatcher) else {}),
        }

    return asked, cross


def _baselines(
    q: EvaluationProtocol,
    true: Mapping[str, np.ndarray],
    known: np.ndarray,
    training: Population,
    heard: Mapping[str, np.ndarray] | None,
) -> Tree:
    """By one judge, whose vectors of the populations' and of the training people's faces are `true` and
    `known`: `mean_face`, `gender_face` and, with what was `heard` of everybody, `nearest_voice`, each
    `matching` and `matching_centred`.
    """
    stand_in: dict[str, dict[str, np.ndarray]] = {
        "mean_face": {p.name: baselines.mean_face(known, len(p.clips)) for p in q.both}
    }
    by_gender = {p.name: baselines.gender_face(training, known, p) for p in q.both}
    if all(faces is not None for faces in by_gender.values()):
        stand_in["gender_face"] = {name: faces for name, faces in by_gender.items() if faces is not None}
    if heard is not None:
        stand_in["nearest_voice"] = {
            p.name: baselines.nearest_voice(training, known, heard["training"], p, heard[p.name])
            for p in q.both
        }
    return {
        name: {
            f"matching{suffix}": headline.matching(q, scores)
            for suffix, scores in embeddings.cosines(vectors, true).items()
        }
        for name, vectors in stand_in.items()
    }


def _fairness(q: EvaluationProtocol, scores: Scores) -> Tree:
    """By attribute and impostor group: the accuracy of unseen people, one group of anchors at a time, voice
    to face."""
    tree: Tree = {}
    for task in q.tasks:
        if task.path[:2] == ("voice_to_face", "unseen") and task.group in ("ungrouped", "gender"):
            right = outcomes(*task.scores(scores["unseen"]))
            for attribute, members in named(task.population.identities).items():
                if members:
                    headline.put(
                        tree,
                        (attribute, task.group),
                        fairness(right, task.trials, members, q.resamples, q.seed),
                    )
    return tree


def _matrix(system: Any, population: Population, data: Data) -> Matrix:
    """What a system says that compares voices with faces itself."""
    voices = [
        data.audio.read(*place)
        for place in population.clips[["shard", "offset_samples", "length_samples"]].to_numpy().tolist()
    ]
    faces = data.photos.gather(population.faces["shard"].to_numpy(), population.faces["row"].to_numpy())
    return Matrix(system.score(voices, faces))


def _counts(both: tuple[Population, Population]) -> dict[str, dict[str, int]]:
    return {
        p.name: {
            "identities": len(p.identities),
            "gender_unknown": int(p.identities["gender"].isna().sum()),
            "clips": len(p.clips),
            "faces": len(p.faces),
        }
        for p in both
    }
