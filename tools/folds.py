"""Cross-validate a recipe of the conditional GAN, or of another system, over people.

    python tools/folds.py                                        the parameters of ./params.yaml
    python tools/folds.py -S train.temperature=1 --name varied   with changes, as `dvc exp run` takes them
    python tools/folds.py --system contrastive                   another system
    python tools/folds.py --all                                  test people as well
    python tools/folds.py --published FOLDER                     beside faces that others made
    python tools/folds.py --prior FOLDER                         with a prior that is trained already

The manifest's training and validation people who may be held out (split.train_only names those who may not)
are divided into folds. For each fold the voice encoder and the system are trained on everybody else, and the
judges compare the faces generated for the fold's people with real ones; a system that compares voices with
faces itself is scored by that ("own"). Where no gender is listed, groups go by the apparent one. The quality
of generated faces is measured with the first judge, that of the conditional GAN at temperature 1.

FOLDER has the faces that another system made of the same clips (cross_validation/published.py says how they
are named). They are cut out and aligned as photos are, and evaluated by the same judges, cosines and trials
of each fold; what they share is measured on the same training people. Clips without such a face are left out
of both sides.

A prior of the conditional GAN is trained for each fold, unless one is given that knows nobody of the folds,
such as one of photos of other people.

The command needs the outputs of the stages up to `manifest` below data/ of the current folder, and changes
nothing there. It prints a table and adds a row to `--out` (JSON lines).
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

import pandas as pd
import yaml

from deepfacegen.config.schema import Config, from_dict
from deepfacegen.data import voiceless
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.errors import UserError
from deepfacegen.evaluation import embeddings
from deepfacegen.evaluation.embedders.chips import shrink
from deepfacegen.evaluation.embedders.judge import Judge
from deepfacegen.evaluation.protocol.population import Population, populations
from deepfacegen.evaluation.protocol.tasks import EvaluationProtocol, build_protocol
from deepfacegen.evaluation.scores import own_scores
from deepfacegen.systems import registry
from deepfacegen.systems.cgan.generate import Cgan
from deepfacegen.systems.prior.prior import Prior
from deepfacegen.systems.protocol import FaceGenerator, System, VoiceFaceMatcher
from deepfacegen.training.inputs import Inputs

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cross_validation import people, published, scores, systems


@dataclass(frozen=True)
class Source:
    """What all folds share: what the stages before training left, the judges, their embeddings of all photos
    [F, D], by judge, the faces of another system, a prior, and photos of people
    without voices."""

    audio: AudioShards
    photos: FaceShards
    judges: dict[str, embeddings.Embed]
    real: dict[str, pd.DataFrame]
    published: published.PublishedFaces | None
    prior: Prior | None
    voiceless: voiceless.Source | None


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


def source_of(config: Config, manifest: Manifest, folder: Path | None, start: Prior | None) -> Source:
    """Loads the judges and embeds all photos, and the published faces of a folder, once."""
    settings, audio, photos = config.evaluate, AudioShards(Path("data/audio")), FaceShards(Path("data/faces"))
    judges: dict[str, embeddings.Embed] = {
        name: Judge.load(name).embed for name in (settings.judge, settings.second_judge) if name
    }
    theirs = published.read(folder, manifest, judges, config.faces.size_px) if folder else None
    everybody = Population("everybody", manifest.identities, manifest.clips, manifest.faces)
    real = {
        name: pd.DataFrame(vectors, index=manifest.faces["photo_id"])
        for name, vectors in embeddings.embed_real(judges, everybody, photos).items()
    }
    more = voiceless.read()
    return Source(audio, photos, judges, real, theirs, start, more.source if more else None)


def fold_result(
    name: str, config: Config, source: Source, manifest: Manifest, encoder: Any, scratch: Path
) -> dict[str, float]:
    """Train without the manifest's test people and evaluate the faces generated for them."""
    settings = config.evaluate
    data = Inputs(manifest, source.audio, source.photos)
    system = systems.trained(name, config, data, encoder, scratch, source.prior, source.voiceless)
    if source.published:
        manifest = people.evaluated_on(manifest, source.published.clip_ids)
    both = populations(manifest, settings.clips_per_identity, settings.seed)
    protocol = build_protocol(both, settings.trials_per_clip, settings.bootstrap, settings.seed)
    ours = result_of(system, config, source, protocol)
    if not source.published:
        return ours
    theirs = {p.name: source.published.of(p.clips) for p in both}
    found, photos = theirs["unseen"][settings.judge], both[1].faces["photo_id"]
    real = source.real[settings.judge].loc[photos].to_numpy()
    return scores.beside(
        ours,
        scores.judged(protocol, theirs, source.real)
        | scores.quality(found, real, both[1], settings.judge, settings.seed),
    )


def result_of(
    system: System, config: Config, source: Source, protocol: EvaluationProtocol
) -> dict[str, float]:
    """Accuracies of a trained system, and the quality of its faces, whose size real ones are shrunk to."""
    settings, both, metrics = config.evaluate, protocol.populations, {}
    if isinstance(system, VoiceFaceMatcher):
        own = {p.name: own_scores(system, p, source.audio, source.photos) for p in both}
        metrics = {f"own.{group}": found for group, found in scores.accuracies(protocol, own).items()}
    if not isinstance(system, FaceGenerator):
        return metrics
    generated = {
        p.name: embeddings.generate(system, source.judges, p, source.audio, settings.draws, settings.seed)
        for p in both
    }
    vectors = {name: of.embeddings for name, of in generated.items()}
    photos = shrink(source.photos.rows(both[1].faces), generated["unseen"].faces.shape[2])
    real = source.judges[settings.judge](photos)
    varied = vectors["unseen"][settings.judge]
    if isinstance(system, Cgan):
        first = {settings.judge: source.judges[settings.judge]}
        varied = systems.varied_faces(system, settings, first, both[1], source.audio)[settings.judge]
    return (
        metrics
        | scores.judged(protocol, vectors, source.real)
        | scores.quality(varied, real, both[1], settings.judge, settings.seed)
    )


def cross_validated(
    options: argparse.Namespace, config: Config
) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """The metrics of every fold, and how many people and published faces they rest on."""
    manifest = Manifest.read() if options.all else people.without_test(Manifest.read())
    manifest = people.apparent_genders(manifest, FaceShards(Path("data/faces")))
    fold = people.folds(manifest, options.folds, config.split.train_only, options.seed)
    start = systems.stranger(options.prior, manifest, fold >= 0) if options.prior else None
    source = source_of(config, manifest, options.published, start)
    counted: dict[str, Any] = {"people": int((fold >= 0).sum())}
    if source.published:
        free = manifest.identities["identity_id"][fold >= 0]
        clips = manifest.clips["clip_id"][manifest.clips["identity_id"].isin(free)]
        used = clips.isin(source.published.clip_ids)
        counted |= {
            "clips": int(used.sum()),
            "people": int(manifest.clips["identity_id"][used.index[used]].nunique()),
            "left_out": source.published.reasons(set(clips)),
        }
    sys.stderr.write(f"{json.dumps(counted)}\n")
    results, ready = [], systems.ready_made(config, manifest.clips, source.audio)
    for k in range(options.folds):
        part = people.held_out(manifest, fold == k)
        with tempfile.TemporaryDirectory() as scratch:
            encoder = ready or systems.encoder_for(config, part, source.audio, Path(scratch))
            results.append(fold_result(options.system, config, source, part, encoder, Path(scratch)))
        ungrouped = {key: round(value, 3) for key, value in results[-1].items() if key.endswith(".ungrouped")}
        sys.stderr.write(f"fold {k + 1} of {options.folds}: {json.dumps(ungrouped)}\n")
    return results, counted


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Cross-validate a recipe over people.")
    parser.add_argument(
        "-S", "--set", action="append", default=[], metavar="section.key=value", help="change a parameter"
    )
    parser.add_argument("--system", choices=registry.SYSTEMS, default=systems.CGAN)
    parser.add_argument("--name", default="as it is", help="what the row is called")
    parser.add_argument("--all", action="store_true", help="hold out the manifest's test people as well")
    parser.add_argument(
        "--published",
        type=Path,
        metavar="FOLDER",
        help="faces that another system made of the same clips, <face id>/<photo id>.jpg",
    )
    parser.add_argument(
        "--prior", type=Path, metavar="FOLDER", help="a trained prior that knows none of them"
    )
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the division into folds")
    parser.add_argument("--out", type=Path, default=Path("folds.jsonl"))
    return parser.parse_args()


def commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    folder = Path(__file__).parent
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout.strip()


def main() -> int:
    options, began = arguments(), perf_counter()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        results, counted = cross_validated(options, changed(Path("params.yaml"), options.set))
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    metrics = scores.summary(results)
    row = {
        "name": options.name,
        "system": options.system,
        "changes": options.set,
        "published": str(options.published or ""),
        "prior": str(options.prior or ""),
        **counted,
        "all": options.all,
        "folds": options.folds,
        "seed": options.seed,
        "commit": commit(),
        **metrics,
        "seconds": round(perf_counter() - began),
    }
    with options.out.open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(row) + "\n")
    sys.stdout.write(scores.table(metrics))
    return 0


if __name__ == "__main__":
    sys.exit(main())
