"""Cross-validate a recipe of the conditional GAN, or of another system, over people.

    python tools/folds.py                                        the parameters of ./params.yaml
    python tools/folds.py -S train.exaggeration=1.0 --name loud  with changes, as `dvc exp run` takes them
    python tools/folds.py --system contrastive                   another system
    python tools/folds.py --all                                  test people as well

The manifest's training and validation people who may be held out (split.train_only names those who may not)
are divided into folds. For each fold the voice encoder and the system are trained on everybody else, and the
judges compare the faces generated for the fold's people with real ones; a system that compares voices with
faces itself is scored by that ("own"). Where no gender is listed, groups go by the apparent one. It needs the
outputs of the stages up to `manifest` below data/ of the current folder, and changes nothing there. A row is
added to `--out` (JSON lines).
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import yaml
from scipy.stats import t
from torch import Tensor

from deepfacegen import distributed
from deepfacegen.config.schema import Config, from_dict, to_dict
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import speaker
from deepfacegen.errors import UserError
from deepfacegen.evaluation import embeddings
from deepfacegen.evaluation.embedders.estimator import Estimator
from deepfacegen.evaluation.embedders.judge import Judge
from deepfacegen.evaluation.metrics.matching import matching
from deepfacegen.evaluation.protocol.population import Population, populations
from deepfacegen.evaluation.protocol.tasks import EvaluationProtocol, build_protocol
from deepfacegen.evaluation.scores import Scores, cosines, own_scores
from deepfacegen.systems import registry
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.protocol import FaceGenerator, System, VoiceFaceMatcher
from deepfacegen.training.resume import Resume

sys.path.insert(0, str(Path(__file__).resolve().parent))
import fold_systems

GROUPS = ("ungrouped", "gender")
CGAN = "cgan"


@dataclass(frozen=True)
class Source:
    """What the stages before training left, and what all folds share: the judges' embeddings of all photos
    [F, D], by judge."""

    audio: AudioShards
    photos: FaceShards
    judges: dict[str, embeddings.Embed]
    real: dict[str, pd.DataFrame]


class Precomputed:
    """A ready-made voice encoder that has embedded all clips already."""

    def __init__(self, encoder: speaker.VoiceEncoder, clips: pd.DataFrame, audio: AudioShards) -> None:
        self.embed, self.dim, self.model, self.speaker_dim = (
            encoder.embed,
            encoder.dim,
            encoder.model,
            encoder.speaker_dim,
        )
        self.described = encoder.embed_windows(clips, audio)
        self.row = pd.Series(np.arange(len(clips)), index=clips["clip_id"])

    def embed_windows(self, clips: pd.DataFrame, audio: AudioShards) -> Tensor:
        return self.described[self.row[clips["clip_id"]].to_numpy(copy=True)]


def changed(path: Path, changes: list[str]) -> Config:
    """The parameters with `section.key=value` applied. Raises UserError for anything else."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    for change in changes:
        key, equals, value = change.partition("=")
        section, dot, name = key.partition(".")
        if not equals or not dot:
            raise UserError(f"-S {change}: must be section.key=value")
        raw.setdefault(section, {})[name] = yaml.safe_load(value)
    return from_dict(raw)


def without_test(manifest: Manifest) -> Manifest:
    """The people on whom a recipe may be chosen."""
    return Manifest(
        *(
            t[t["split"] != "test"].reset_index(drop=True)
            for t in (manifest.identities, manifest.clips, manifest.faces)
        )
    )


def folds(manifest: Manifest, count: int, train_only: str | None, seed: int) -> np.ndarray:
    """The fold of each identity, 0..count-1; -1 for those who always train."""
    ids = manifest.identities["identity_id"]
    free = ~ids.str.match(train_only).to_numpy() if train_only else np.ones(len(ids), dtype=bool)
    fold = np.full(len(ids), -1)
    fold[free] = np.random.default_rng(seed).permutation(int(free.sum())) % count
    return fold


def held_out(manifest: Manifest, test: np.ndarray) -> Manifest:
    """The manifest as if the identities of the mask [I] were the test people, and all others trained."""
    people = manifest.identities.assign(
        split=np.where(test, "test", "train"), label=np.where(test, -1, np.cumsum(~test) - 1)
    )
    metrics = people.set_index("identity_id")[["split", "label"]]
    tables = (
        t.drop(columns=["split", "label"]).join(metrics, on="identity_id")
        for t in (manifest.clips, manifest.faces)
    )
    return Manifest(people, *tables)


def apparent_genders(manifest: Manifest, photos: FaceShards) -> Manifest:
    """The manifest with the genders that are not listed filled in by what the estimator sees in the person's
    photos."""
    faces = manifest.faces
    estimator, shard, row = Estimator.load(), faces["shard"].to_numpy(), faces["row"].to_numpy()
    male = np.concatenate(
        [
            estimator.estimate(photos.gather(shard[i : i + 256], row[i : i + 256])).male
            for i in range(0, len(row), 256)
        ]
    )
    seen = (
        pd.Series(male, index=faces["identity_id"])
        .groupby(level=0)
        .mean()
        .reindex(manifest.identities["identity_id"])
        .to_numpy()
    )
    listed = manifest.identities["gender"].astype(object)
    people = manifest.identities.assign(gender=listed.where(listed.notna(), np.where(seen > 0.5, "m", "f")))
    return Manifest(people, manifest.clips, manifest.faces)


def source_of(config: Config, manifest: Manifest, audio: AudioShards, photos: FaceShards) -> Source:
    """Loads the judges and embeds all photos once."""
    settings, faces = config.evaluate, manifest.faces
    judges: dict[str, embeddings.Embed] = {
        name: Judge.load(name).embed for name in (settings.judge, settings.second_judge) if name
    }
    everybody = Population("everybody", manifest.identities, manifest.clips, faces)
    real = embeddings.embed_real(judges, everybody, photos)
    return Source(
        audio,
        photos,
        judges,
        {name: pd.DataFrame(vectors, index=faces["photo_id"]) for name, vectors in real.items()},
    )


def ready_made(config: Config) -> bool:
    return config.pretrain.architecture == "ge2e"


def encoder_for(
    config: Config, manifest: Manifest, audio: AudioShards, scratch: Path
) -> speaker.VoiceEncoder:
    """Trained on the manifest's training people."""
    model, _, _ = speaker.pretrain(config.pretrain, manifest, audio, Resume("voice", {}, [], root=scratch))
    return speaker.VoiceEncoder(model, distributed.device())


def fold_result(
    name: str, config: Config, source: Source, manifest: Manifest, encoder: Any, scratch: Path
) -> dict[str, Any]:
    """Train without the manifest's test people and evaluate the faces generated for them: accuracies by
    judge, cosine and group."""
    settings = config.evaluate
    both = populations(manifest, settings.clips_per_identity, settings.seed)
    protocol = build_protocol(both, settings.trials_per_clip, settings.bootstrap, settings.seed)
    if name == CGAN:
        trained = cgan.train(
            config.train,
            manifest,
            source.audio,
            source.photos,
            encoder,
            Resume("train", {}, [], root=scratch),
        )
        system: System = cgan.Cgan(
            encoder, trained.condition, trained.generator, to_dict(config.train), distributed.device()
        )
    else:
        system = fold_systems.trained(
            name, config, manifest, source.audio, source.photos, encoder, encoder.model, scratch
        )
    metrics: dict[str, Any] = {}
    if isinstance(system, VoiceFaceMatcher):
        own = {p.name: own_scores(system, p, source.audio, source.photos) for p in both}
        metrics["own"] = accuracies(protocol, own)
    if not isinstance(system, FaceGenerator):
        return metrics
    generated = {
        p.name: embeddings.generate(system, source.judges, p, source.audio, settings.draws, settings.seed)
        for p in both
    }
    for judge, table in source.real.items():
        real = {p.name: table.loc[p.faces["photo_id"]].to_numpy() for p in both}
        scores = cosines({name: of.embeddings[judge] for name, of in generated.items()}, real)
        metrics |= {f"{judge}{suffix}": accuracies(protocol, of) for suffix, of in scores.items()}
    return metrics


def accuracies(protocol: EvaluationProtocol, scores: Scores) -> dict[str, Any]:
    """Matching of the fold's people, voice to face, by group."""
    by_group = matching(protocol, scores)["voice_to_face"]["unseen"]
    return {group: by_group[group] for group in GROUPS if group in by_group}


def summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over folds, and the 95 % interval that their spread gives (Student's t over folds)."""
    metrics: dict[str, Any] = {}
    for score in results[0]:
        for group in GROUPS:
            found = np.array([r[score][group]["accuracy"] for r in results if group in r[score]])
            if len(found) == len(results):
                half = (
                    float(t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / len(found) ** 0.5)
                    if len(found) > 1
                    else float("nan")
                )
                metrics[f"{score}.{group}"] = {
                    "mean": float(found.mean()),
                    "low": float(found.mean()) - half,
                    "high": float(found.mean()) + half,
                }
    return metrics


def main() -> int:
    parser = argparse.ArgumentParser(description="Cross-validate a recipe over people.")
    parser.add_argument(
        "-S", "--set", action="append", default=[], metavar="section.key=value", help="change a parameter"
    )
    parser.add_argument("--system", choices=sorted({CGAN, *registry.BASELINES}), default=CGAN)
    parser.add_argument("--name", default="as it is", help="what the row is called")
    parser.add_argument("--all", action="store_true", help="deal the manifest's test people out as well")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the dealing into folds")
    parser.add_argument("--out", type=Path, default=Path("folds.jsonl"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    began = perf_counter()
    try:
        config = changed(Path("params.yaml"), options.set)
        audio, photos = AudioShards(Path("data/audio")), FaceShards(Path("data/faces"))
        manifest = apparent_genders(Manifest.read() if options.all else without_test(Manifest.read()), photos)
        source = source_of(config, manifest, audio, photos)
        fold = folds(manifest, options.folds, config.split.train_only, options.seed)
        results = []
        ready: Any = (
            Precomputed(
                speaker.VoiceEncoder(speaker.ready_made(), distributed.device()), manifest.clips, audio
            )
            if ready_made(config)
            else None
        )
        for k in range(options.folds):
            part = held_out(manifest, fold == k)
            with tempfile.TemporaryDirectory() as scratch:
                encoder = ready or encoder_for(config, part, audio, Path(scratch))
                result = fold_result(options.system, config, source, part, encoder, Path(scratch))
            results.append(result)
            ungrouped = {score: round(by["ungrouped"]["accuracy"], 3) for score, by in result.items()}
            sys.stderr.write(f"fold {k + 1} of {options.folds}: {json.dumps(ungrouped)}\n")
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    metrics = summary(results)
    row = {
        "name": options.name,
        "system": options.system,
        "changes": options.set,
        "people": int((fold >= 0).sum()),
        "all": options.all,
        "folds": options.folds,
        "seed": options.seed,
        "commit": commit,
        **metrics,
    }
    with options.out.open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(row | {"seconds": round(perf_counter() - began)}) + "\n")
    for score, found in metrics.items():
        sys.stdout.write(
            f"{score:32s} {100 * found['mean']:5.1f} [{100 * found['low']:.1f}, {100 * found['high']:.1f}]\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
