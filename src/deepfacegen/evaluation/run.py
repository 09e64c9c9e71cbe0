"""The whole evaluation of one system: draws, trials, accuracies, ceiling, audit. Keys: docs/architecture.md, Metrics."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.config import Config
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.evaluation import ceiling, nulls, plots, quality, retrieval, shown, views
from deepfacegen.evaluation.judge import Judge
from deepfacegen.evaluation.matching import Accuracy, accuracy, outcomes
from deepfacegen.evaluation.oracle import gender_oracle, gender_outcomes
from deepfacegen.evaluation.pairs import trial_verification
from deepfacegen.evaluation.population import Population, digest, populations
from deepfacegen.evaluation.provenance import assert_fair
from deepfacegen.evaluation.trials import Trials, by_gender, draw_trials, no_groups
from deepfacegen.evaluation.views import Matrix, Score
from deepfacegen.systems.protocol import Drawer, System

log = logging.getLogger(__name__)

CHANCE = 0.5
DETECTED_FACES = 400
AUDIT_TRAINING_FACES = 2000


@dataclass(frozen=True)
class Folders:
    """Where everything lies, relative to the current folder unless told otherwise; `out` and `plots` are written."""

    out: Path
    plots: Path
    manifest: Path = Path("data/manifest")
    audio: Path = Path("data/audio")
    faces: Path = Path("data/faces")
    meta: Path = Path("data/raw/meta")
    models: Path = Path("models")


@dataclass(frozen=True)
class Task:
    """One trial list: which people, which direction, which impostors."""

    population: Population
    direction: str
    group: str
    trials: Trials

    @property
    def path(self) -> tuple[str, str, str]:
        return self.direction, self.population.name, self.group

    def outcomes(self, score: Score) -> tuple[np.ndarray, np.ndarray]:
        """Scores [T] of the right and of the wrong candidate."""
        probe, right, wrong = self.trials.probe, self.trials.positive, self.trials.impostor
        if self.direction == "voice_to_face":
            return score(probe, right), score(probe, wrong)
        return score(right, probe), score(wrong, probe)


def evaluate(system: System, config: Config, folders: Folders) -> dict[str, Any]:
    """Metrics of one system. Writes trials.parquet and unseen.{npz,parquet} to `folders.out` and pictures to `folders.plots`.

    Raises UserError when a model was trained with the judge or on test identities, or when there are too few people.
    """
    settings, manifest = config.evaluate, Manifest.read(folders.manifest)
    audio, photos = AudioShards(folders.audio), FaceShards(folders.faces)
    both = populations(manifest, settings.clips_per_identity, settings.seed)
    unseen = both[1]
    assert_fair(folders.models, settings.judge, unseen.identities, config.data.source)
    tasks = [task for population in both for task in _tasks(population, settings.trials_per_clip, settings.seed)]
    metrics: dict[str, Any] = {"judge": settings.judge, "data": {"source": config.data.source, "digest": digest(folders.manifest), **_counts(both)}}
    for task in tasks:
        groups = by_gender(task.population.genders())
        if not (groups >= 0).any():
            continue  # nobody's gender is known, so there is nothing to know
        oracle = gender_oracle(groups) if task.group == "ungrouped" else CHANCE
        on_trials = float(gender_outcomes(task.trials, groups).mean())
        _put(metrics, ("oracle", "gender", "matching", *task.path), {"accuracy": oracle, "on_trials": on_trials})

    if not isinstance(system, Drawer):
        scores: dict[str, Score] = {p.name: _matrix_score(system, p, audio, photos) for p in both}
        _retrieval(metrics, "retrieval", both, scores, config)
        _write(folders, metrics, {"matching": _matching(metrics, "matching", tasks, scores, config)})
        return metrics

    judge = Judge.load(settings.judge)
    drawn = {p.name: views.draw(system, judge, p, audio, settings.draws, settings.seed) for p in both}
    true = {p.name: views.true_vectors(judge, p, photos) for p in both}
    vectors = {name: faces.vectors for name, faces in drawn.items()}
    tables = {}
    for suffix, cosines in _cosines(vectors, true).items():
        tables[f"matching{suffix}"] = _matching(metrics, f"matching{suffix}", tasks, cosines, config)
        _retrieval(metrics, f"retrieval{suffix}", both, cosines, config)
    kept = drawn["unseen"].kept
    spread = np.linspace(0, kept.shape[0] * kept.shape[1] - 1, min(DETECTED_FACES, kept.shape[0] * kept.shape[1])).astype(int)
    sample = kept.reshape(-1, *kept.shape[2:])[spread]
    metrics["generated"] = {"detected_share": quality.detected_share(sample), "detected_of": len(sample), **quality.diversity(vectors["unseen"])}
    ages = None
    if config.data.source == "sample":
        truth = pd.read_parquet(folders.meta / "truth.parquet").set_index("voice_id")
        _ceiling(metrics, tasks, judge, truth, both, true, photos, kept.shape[2], config)
        metrics["null_attributes"] = _audit(truth, manifest, unseen, kept, photos, config)
        ages = truth["age_years"]
    shown.write(folders.out, unseen, kept, audio, photos, ages)
    _write(folders, metrics, tables)
    return metrics


def _tasks(population: Population, per_probe: int, seed: int) -> list[Task]:
    clips, faces = (table["person"].to_numpy() for table in (population.clips, population.faces))
    groupings = {"ungrouped": no_groups(len(population.identities)), "gender": by_gender(population.genders())}
    tasks = []
    for d, (direction, probes, gallery) in enumerate((("voice_to_face", clips, faces), ("face_to_voice", faces, clips))):
        for g, (group, groups) in enumerate(groupings.items()):
            rng = np.random.default_rng([seed, 4, int(population.name == "seen"), d, g])
            trials = draw_trials(probes, gallery, groups, per_probe, rng)
            if len(trials):
                tasks.append(Task(population, direction, group, trials))
            else:
                log.warning("%s, %s: no trials, for fewer than two people of a known gender", population.name, group)
    return tasks


def _cosines(drawn: dict[str, np.ndarray], true: dict[str, np.ndarray]) -> dict[str, dict[str, Score]]:
    """Vectors by population, drawn [V, n, D] and true [F, D] -> their plain ("") and centred ("_centred") cosines by population."""
    centre = views.means(drawn["seen"], true["seen"])
    return {suffix: {name: views.cosine(drawn[name], true[name], means) for name in drawn} for suffix, means in (("", None), ("_centred", centre))}


def _matching(metrics: dict[str, Any], key: str, tasks: list[Task], scores: Mapping[str, Score], config: Config) -> list[pd.DataFrame]:
    tables = []
    for task in tasks:
        right, wrong = task.outcomes(scores[task.population.name])
        found = _accuracy(task, outcomes(right, wrong), config)
        if key.startswith("ceiling"):
            _put(metrics, (*key.split("."), *task.path), {"accuracy": found.accuracy})
        else:
            _put(metrics, (key, *task.path), found.metrics())
            pairs = trial_verification(right, wrong, task.trials, config.evaluate.bootstrap, config.evaluate.seed)
            _put(metrics, (key.replace("matching", "verification"), *task.path), pairs)
        tables.append(_table(task, right, wrong))
    return tables


def _retrieval(metrics: dict[str, Any], key: str, both: tuple[Population, Population], scores: Mapping[str, Score], config: Config) -> None:
    """`<key>.<direction>.<population>`: every clip ranks all faces of its population, and every face all clips."""
    for population in both:
        clips, faces = (table["person"].to_numpy() for table in (population.clips, population.faces))
        for direction, probes, gallery in (("voice_to_face", clips, faces), ("face_to_voice", faces, clips)):
            block = functools.partial(scores[population.name].block, direction=direction)
            found = retrieval.rank(block, probes, gallery)
            own = np.bincount(gallery)[probes]
            values = retrieval.summarise(found, probes, own, config.evaluate.bootstrap, config.evaluate.seed)
            _put(metrics, (key, direction, population.name), values)


def _accuracy(task: Task, outcome: np.ndarray, config: Config) -> Accuracy:
    return accuracy(outcome, task.trials, len(task.population.identities), config.evaluate.bootstrap, config.evaluate.seed)


def _ceiling(
    metrics: dict[str, Any],
    tasks: list[Task],
    judge: Judge,
    truth: pd.DataFrame,
    both: tuple[Population, Population],
    true: dict,
    photos: FaceShards,
    drawn_px: int,
    config: Config,
) -> None:
    """`ceiling.<path>.accuracy`, and `progress.<path>`: how far from chance to the ceiling the system is."""
    stored_px = photos.gather(both[0].faces["shard"].to_numpy()[:1], both[0].faces["row"].to_numpy()[:1]).shape[1]
    people = pd.concat([truth.loc[p.identities["voice_id"]] for p in both])
    draws, seed = config.evaluate.draws, config.evaluate.seed
    faces = ceiling.imagined_faces(people, draws, config.sample.photo_px, stored_px, drawn_px, seed)
    vectors = judge.embed(faces.reshape(-1, *faces.shape[2:])).reshape(len(people), draws, -1)
    cut = len(both[0].identities)
    # One imagined set per person stands for all of the person's clips.
    per_clip = {p.name: part[p.clips["person"].to_numpy()] for p, part in zip(both, (vectors[:cut], vectors[cut:]), strict=True)}
    for suffix, cosines in _cosines(per_clip, true).items():
        _matching(metrics, f"ceiling.matching{suffix}", tasks, cosines, config)
    for key in ("matching", "matching_centred"):
        for task in tasks:
            reached, most = (_get(part, (key, *task.path))["accuracy"] for part in (metrics, metrics["ceiling"]))
            if most > CHANCE:
                _put(metrics, ("progress", key, *task.path), (reached - CHANCE) / (most - CHANCE))


def _audit(
    truth: pd.DataFrame, manifest: Manifest, unseen: Population, kept: np.ndarray, photos: FaceShards, config: Config
) -> dict[str, dict[str, Any]]:
    number = pd.Series(np.arange(len(truth)), index=truth.index)
    drawn_px = kept.shape[2]

    def faces_of(table: pd.DataFrame) -> nulls.Faces:
        table = table.iloc[:AUDIT_TRAINING_FACES]
        pixels = photos.gather(table["shard"].to_numpy(), table["row"].to_numpy())
        return nulls.Faces(ceiling.shrink(pixels, drawn_px), number.loc[table["identity_id"]].to_numpy())

    clip_person = number.loc[unseen.clips["identity_id"].iloc[: len(kept)]].to_numpy()
    drawn = nulls.Faces(kept.reshape(-1, *kept.shape[2:]), np.repeat(clip_person, kept.shape[1]))
    return nulls.audit(truth, faces_of(manifest.split("train").faces), faces_of(unseen.faces), drawn, config.evaluate.bootstrap, config.evaluate.seed)


def _matrix_score(system: Any, population: Population, audio: AudioShards, photos: FaceShards) -> Score:
    """A system that draws nothing compares voices with faces itself."""
    voices = [audio.read(*place) for place in population.clips[["shard", "offset_samples", "length_samples"]].to_numpy().tolist()]
    faces = photos.gather(population.faces["shard"].to_numpy(), population.faces["row"].to_numpy())
    return Matrix(system.score(voices, faces))


def _table(task: Task, right: np.ndarray, wrong: np.ndarray) -> pd.DataFrame:
    """The trial list with its scores: what somebody needs to score another system on the very same trials."""
    clips, faces = task.population.clips["clip_id"].to_numpy(), task.population.faces["photo_id"].to_numpy()
    people = task.population.identities["identity_id"].to_numpy()
    probes, gallery = (clips, faces) if task.direction == "voice_to_face" else (faces, clips)
    columns = {
        **dict(zip(("direction", "population", "group"), task.path, strict=True)),
        "probe_id": probes[task.trials.probe],
        "positive_id": gallery[task.trials.positive],
        "impostor_id": gallery[task.trials.impostor],
        "anchor_identity": people[task.trials.anchor_identity],
        "impostor_identity": people[task.trials.impostor_identity],
        "positive_score": right.astype(np.float32),
        "impostor_score": wrong.astype(np.float32),
    }
    return pd.DataFrame(columns)


def _write(folders: Folders, metrics: dict[str, Any], tables: dict[str, list[pd.DataFrame]]) -> None:
    folders.out.mkdir(parents=True, exist_ok=True)
    together = pd.concat(tables["matching"], ignore_index=True)
    if "matching_centred" in tables:
        centred = pd.concat(tables["matching_centred"], ignore_index=True)
        together = together.assign(positive_score_centred=centred["positive_score"], impostor_score_centred=centred["impostor_score"])
    text = [name for name, kind in together.dtypes.items() if not pd.api.types.is_float_dtype(kind)]
    together.astype(dict.fromkeys(text, "category")).to_parquet(folders.out / "trials.parquet", index=False)
    plots.write(folders.plots, metrics, together)


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


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


def _get(tree: dict[str, Any], path: tuple[str, ...]) -> Any:
    for name in path:
        tree = tree[name]
    return tree
