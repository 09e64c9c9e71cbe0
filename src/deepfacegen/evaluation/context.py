"""What all metrics of one system share: the system, people, protocol and settings, and what is computed
once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from deepfacegen.config.schema import Config, EvaluateConfig
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.evaluation import embeddings, provenance
from deepfacegen.evaluation.embedders.chips import shrink
from deepfacegen.evaluation.embedders.judge import Judge, unit
from deepfacegen.evaluation.embeddings import Embed, Generated
from deepfacegen.evaluation.protocol.population import Population, populations, training_people, with_ages
from deepfacegen.evaluation.protocol.tasks import EvaluationProtocol, build_protocol
from deepfacegen.evaluation.scores import Matrix, Means, Scores, cosines, means, own_scores
from deepfacegen.evaluation.tree import Tree
from deepfacegen.systems.protocol import (
    FaceGenerator,
    HasFaceFeatures,
    HasTemperature,
    LatentGenerator,
    System,
    VoiceEncoder,
    VoiceFaceMatcher,
)

SELF = "self"  # the system's own face network in the place of a judge


@dataclass(frozen=True)
class Folders:
    """Where everything lies, relative to the current folder; `out` and `plots` are written."""

    out: Path
    plots: Path
    manifest: Path = Path("data/manifest")
    audio: Path = Path("data/audio")
    faces: Path = Path("data/faces")
    meta: Path = Path("data/raw/meta")
    models: Path = Path("models")


@dataclass(frozen=True)
class Context:
    """One evaluation. `judges`: the face recognisers that compare faces, the first one first; `truth`: the
    latents of sample people by voice_id, None for others; `without_voices`: how many people without voices
    the system's models were trained on. Every property is computed once, when first
    needed."""

    system: System
    config: Config
    manifest: Manifest
    audio: AudioShards
    photos: FaceShards
    truth: pd.DataFrame | None
    protocol: EvaluationProtocol
    judges: tuple[str, ...]
    voice_encoder: VoiceEncoder | None
    without_voices: int = 0

    @property
    def settings(self) -> EvaluateConfig:
        return self.config.evaluate

    @property
    def judge(self) -> str:
        return self.judges[0]

    @property
    def unseen(self) -> Population:
        return self.protocol.populations[1]

    @property
    def generates(self) -> bool:
        return isinstance(self.system, FaceGenerator)

    @property
    def generator(self) -> FaceGenerator:
        """The system. Raises TypeError when it generates no faces."""
        if not isinstance(self.system, FaceGenerator):
            raise TypeError(f"{type(self.system).__name__} generates no faces")
        return self.system

    @functools.cached_property
    def embedders(self) -> dict[str, Embed]:
        """By judge; of a generator also its own face network, as SELF. A system that generates no faces needs
        the first judge alone."""
        names = self.judges if self.generates else self.judges[:1]
        embedders: dict[str, Embed] = {name: Judge.load(name).embed for name in names}
        if self.generates and isinstance(self.system, HasFaceFeatures):
            features = self.system.face_features
            embedders[SELF] = lambda faces: unit(features(faces))
        return embedders

    @functools.cached_property
    def generated(self) -> dict[str, Generated]:
        """The generated faces of each population."""
        return {p.name: self.generate(p, self.embedders) for p in self.protocol.populations}

    @functools.cached_property
    def varied(self) -> Generated:
        """Faces of the unseen people's clips with latents of their own for every clip, embedded by the first
        judge.

        Face k of `generated` has the same latents for every voice, which compares voices fairly but shows few
        of the faces that a system can generate. Of a system without latents: those of `generated`.
        """
        if not isinstance(self.system, LatentGenerator):
            return self.generated[self.unseen.name]
        return self._generate_varied(self.system)

    @functools.cached_property
    def varied_by_temperature(self) -> dict[str, tuple[Generated, Tree]]:
        """`varied` by the suffix of its metrics: "" as the system generates, "_temperature_1" with the whole
        variety, of a system with latents and a temperature alone; beside each what metrics record of it,
        {"temperature": ...} or nothing."""
        system = self.system
        if not (isinstance(system, LatentGenerator) and isinstance(system, HasTemperature)):
            return {"": (self.varied, {})}
        whole = self.varied
        if system.temperature != 1.0:
            other = system.at_temperature(1.0)
            assert isinstance(other, LatentGenerator), f"{type(other).__name__} has lost its latents"
            whole = self._generate_varied(other)
        return {
            "": (self.varied, {"temperature": system.temperature}),
            "_temperature_1": (whole, {"temperature": 1.0}),
        }

    @functools.cached_property
    def real_small(self) -> np.ndarray:
        """The unseen people's real faces at the size of generated ones, uint8 [F, S, S, 3]: that generated
        faces are small is known, and says nothing about their quality."""
        return shrink(self.photos.rows(self.unseen.faces), self.varied.faces.shape[2])

    @functools.cached_property
    def real(self) -> dict[str, dict[str, np.ndarray]]:
        """Embeddings of the real faces, unit float32 [F, D], by judge and population."""
        found = {
            p.name: embeddings.embed_real(self.embedders, p, self.photos) for p in self.protocol.populations
        }
        return {judge: {name: of[judge] for name, of in found.items()} for judge in self.embedders}

    @functools.cached_property
    def training(self) -> Population:
        """Some training people, for baselines and comparisons with training faces."""
        return training_people(self.manifest, self.settings.seed)

    @functools.cached_property
    def real_training(self) -> dict[str, np.ndarray]:
        """Embeddings of the training people's real faces, unit float32 [F, D], by judge."""
        judges = {name: self.embedders[name] for name in self.judges}
        return embeddings.embed_real(judges, self.training, self.photos)

    @functools.cached_property
    def voices(self) -> dict[str, np.ndarray] | None:
        """Unit speaker embeddings [V, E] of the clips of each population and of the training people; None
        without a voice encoder."""
        if self.voice_encoder is None:
            return None
        everybody = (*self.protocol.populations, self.training)
        return {p.name: embeddings.embed_voices(self.voice_encoder, p.clips, self.audio) for p in everybody}

    @functools.cached_property
    def judge_scores(self) -> dict[str, dict[str, Scores]]:
        """Plain and centred cosines of generated with real faces: by judge, suffix and population."""
        return {
            judge: cosines({name: of.embeddings[judge] for name, of in self.generated.items()}, real)
            for judge, real in self.real.items()
        }

    @functools.cached_property
    def means(self) -> Means:
        """Mean embeddings of the seen people by the first judge, which centre cosines."""
        return means(self.generated["seen"].embeddings[self.judge], self.real[self.judge]["seen"])

    @functools.cached_property
    def scores(self) -> dict[str, Scores]:
        """All ways to score a clip with a face, by suffix and population. A generator: cosines by the first
        judge, plain ("") and centred ("_centred"), and its own scores ("_own") if it has some; others: their
        own ("")."""
        both = self.protocol.populations
        if not self.generates:
            return {"": {p.name: self.own_scores(p) for p in both}}
        own: dict[str, Scores] = {}
        if isinstance(self.system, VoiceFaceMatcher):
            own = {"_own": {p.name: self.own_scores(p) for p in both}}
        return {**self.judge_scores[self.judge], **own}

    def generate(self, population: Population, judges: dict[str, Embed]) -> Generated:
        """Faces of all clips of a population, embedded by `judges`."""
        settings = self.settings
        return embeddings.generate(
            self.generator, judges, population, self.audio, settings.draws, settings.seed
        )

    @functools.cached_property
    def _described(self) -> np.ndarray:
        """The unseen people's clips as a `LatentGenerator` takes them: float32 [V, voice_dim]."""
        assert isinstance(self.system, LatentGenerator)
        return embeddings.describe_voices(self.system, self.unseen.clips, self.audio)

    def _generate_varied(self, system: LatentGenerator) -> Generated:
        judges, settings = {self.judge: self.embedders[self.judge]}, self.settings
        return embeddings.generate_varied(system, judges, self._described, settings.draws, settings.seed)

    def by_score(self, name: str, metric: Callable[[EvaluationProtocol, Scores], Tree]) -> Tree:
        """A metric of every way to score, as `<name><suffix>`."""
        return {f"{name}{suffix}": metric(self.protocol, scores) for suffix, scores in self.scores.items()}

    def own_scores(self, population: Population) -> Matrix:
        """The system's own scores of a population."""
        return own_scores(self.system, population, self.audio, self.photos)


def prepare(
    system: System,
    config: Config,
    folders: Folders,
    voice_encoder: VoiceEncoder | None = None,
    parts: Collection[str] | None = None,
) -> Context:
    """Reads the data and checks that the evaluation is fair; see `run.evaluate`.

    A second judge that took part in the system or selected faces is left out of `judges`.
    """
    settings, source = config.evaluate, config.data.source
    manifest = Manifest.read(folders.manifest)
    people = populations(manifest, settings.clips_per_identity, settings.seed)
    generates = isinstance(system, FaceGenerator)
    provenance.assert_unselected(folders.manifest, [settings.judge] if generates else [])
    took_part = provenance.took_part(folders.models, parts) | provenance.selected_with(folders.manifest)
    second = settings.second_judge
    judges = (settings.judge, *([second] if second and second not in took_part else []))
    provenance.assert_fair(folders.models, judges if generates else (), people[1].identities, source, parts)
    without_voices = provenance.people_without_voices(
        folders.models, folders.manifest, people[1].identities, parts
    )
    truth = None
    if source == "sample":
        truth = pd.read_parquet(folders.meta / "truth.parquet").set_index("voice_id")
        people = (with_ages(people[0], truth), with_ages(people[1], truth))
    protocol = build_protocol(people, settings.trials_per_clip, settings.bootstrap, settings.seed)
    audio, photos = AudioShards(folders.audio), FaceShards(folders.faces)
    return Context(
        system, config, manifest, audio, photos, truth, protocol, judges, voice_encoder, without_voices
    )
