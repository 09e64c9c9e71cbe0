"""A tiny release, trained for some steps on a tiny corpus, made by the library's own builder with figures of
a test's choice."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import torch

from deepfacegen.config.schema import PretrainConfig, PriorConfig, TrainConfig
from deepfacegen.encoders import speaker
from deepfacegen.release import build
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.prior import prior
from deepfacegen.training.resume import Resume
from tests.shared.priors import tiny_prior

VOICE = PretrainConfig(channels=32, embedding_dim=16, steps=10, batch=8, crop_seconds=1.0)
FACE = TrainConfig(steps=6, adversary_from=3, batch=6)


def cell(accuracy: float, half: float) -> dict[str, float]:
    return {
        "accuracy": accuracy,
        "ci95_low": accuracy - half,
        "ci95_high": accuracy + half,
        "trials": 100,
        "identities": 10,
    }


def evaluation(models: Path, grouped: dict[str, float], digest: str, judge: str = "sface") -> dict[str, Any]:
    """What the stage evaluate would have written, with this grouped figure on unseen people."""
    weights = {
        f"{path.parent.name}.{path.stem}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(models.glob("*/*.safetensors"))
    }
    cells = {who: {"ungrouped": cell(0.9, 0.01), "gender": grouped} for who in ("seen", "unseen")}
    output = {
        "matching": {"voice_to_face": cells},
        "matching_centred": {"voice_to_face": cells},
        "oracle": {"gender": {"matching": {}}},
    }
    return {
        **output,
        "judge": judge,
        "data": {"source": "sample", "digest": digest},
        "models": weights,
        "versions": {},
    }


def train(corpus: Any, folder: Path, seed: int = 0) -> Path:
    """models/voice, models/prior and models/cgan below `folder`."""
    people = corpus.manifest.split("train").identities["identity_id"].tolist()
    model = speaker.pretrain(VOICE, corpus.manifest, corpus.audio, Resume("v", {}, [], folder / "resume"))[0]
    speaker.save(folder / "models/voice", VOICE, model, people)
    encoder = speaker.VoiceEncoder(model, torch.device("cpu"))
    prior.save(folder / "models/prior", PriorConfig(), tiny_prior(), [])
    config = TrainConfig(**{**FACE.__dict__, "seed": seed})
    sources, resume = (corpus.manifest, corpus.audio, corpus.photos), Resume("t", {}, [], folder / "resume")
    trained = cgan.train(config, *sources, encoder, tiny_prior(), resume)
    cgan.save(folder / "models/cgan", config, trained, people)
    return folder / "models"


def release(corpus: Any, models: Path, out: Path, grouped: dict[str, float], digest: str = "ab" * 32) -> Path:
    """A release of these models that was measured with this result."""
    output = out.parent / f"{out.name}.json"
    out.mkdir(parents=True)
    output.write_text(json.dumps(evaluation(models, grouped, digest)), encoding="utf-8")
    source = build.Source(models, corpus.manifest, corpus.audio, corpus.photos, output)
    build.build(out, source, speaker.load(models / "voice", torch.device("cpu")), 0)
    build.finish(out, {})
    return out


def another(source: Path, out: Path, grouped: dict[str, float]) -> Path:
    """The same release as if it had been measured with another result."""
    shutil.copytree(source, out)
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    config["figures"]["matching"]["gender"]["unseen"] = grouped
    (out / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return out
