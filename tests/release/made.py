"""A release of tiny models that learned nothing, and people with a pitch that tells their gender and,
roughly, their age."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from deepfacegen.config.schema import PretrainConfig, PriorConfig, TrainConfig, to_dict
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import speaker
from deepfacegen.encoders.ge2e import Ge2eModel
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.evaluation import versions
from deepfacegen.release import build, export, folder
from deepfacegen.systems.cgan import build as networks
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.cgan.generate import Cgan
from deepfacegen.systems.condition import Condition
from deepfacegen.systems.prior import prior
from deepfacegen.systems.prior.prior import Sizes
from deepfacegen.training.loop import Effort
from deepfacegen.training.statistics import Statistics
from tests.shared.priors import TINY, tiny_prior

CPU = torch.device("cpu")
PEOPLE = {"train": 60, "val": 16, "test": 20}
FACE_PX = 128
PAPER_SIZES = Sizes(64, 8, 16, 8)  # the paper's generator has one size
TRAIN = TrainConfig()
CONDITION_DIM = 3
LATENT_DIM = CONDITION_DIM + TINY.code_dim
PRETRAIN = PretrainConfig(channels=16, embedding_dim=16)


def scattered(module: nn.Module, seed: int, deviation: float) -> nn.Module:
    """The same numbers at every call, in place of what training leaves at zero."""
    rng = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            drawn = deviation * torch.randn(tensor.shape, generator=rng)
            tensor.copy_(1 + drawn.abs() if name.endswith("running_var") else drawn)
    return module


def encoder(architecture: str = "ecapa", normalisation: str = "level", dim: int = 16) -> speaker.VoiceEncoder:
    torch.manual_seed(1)
    model = Ge2eModel() if architecture == "ge2e" else VoiceModel(architecture, normalisation, dim, 16)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm1d):
            scattered(part, 2, 0.3)
    return speaker.VoiceEncoder(model, CPU)


def system(architecture: str = "ecapa", normalisation: str = "level", faces: str = "standard") -> Cgan:
    """A system of these architectures, whose faces depend on voice and latent."""
    config = TrainConfig(architecture=faces, mismatch_weight=0.0)
    heard = encoder(architecture, normalisation, 64 if faces == "paper" else 16)
    condition, generator = parts(config, heard.dim)
    sizes = PAPER_SIZES if faces == "paper" else TINY
    return Cgan(heard, condition, generator, to_dict(config), sizes.image_size_px, CPU)


def parts(config: TrainConfig, voice_dim: int) -> tuple[Condition, Any]:
    params, paper = to_dict(config), config.architecture == "paper"
    dim = voice_dim - 1 if paper else CONDITION_DIM
    condition = networks.condition(params, voice_dim, dim)
    torch.manual_seed(3)
    generator: Any = networks.generator(params, dim, PAPER_SIZES if paper else TINY)
    if paper:
        return condition, generator
    scattered(condition, 4, 0.5)
    generator.synthesis.load_state_dict(tiny_prior().synthesis.state_dict())
    scattered(generator.latent, 5, 0.5)
    scattered(generator.synthesis.picture, 6, 0.2)
    return condition, generator


def buzz(pitch_hz: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(int(16_000 * seconds)) / 16_000
    wave = sum(np.sin(2 * np.pi * pitch_hz * k * time) / k for k in range(1, 9)) * (
        0.7 + 0.3 * np.sin(2 * np.pi * 4 * time)
    )
    return (3000 * (wave + rng.normal(0, 0.05, len(time)))).astype(np.int16)


def corpus(root: Path) -> tuple[Manifest, AudioShards, FaceShards]:
    """Two clips and a face of each person, in the manifest's layout. Women's voices are higher, and
    everybody's falls by 1 Hz a year."""
    rng = np.random.default_rng(0)
    people, clips, faces, waves, pictures, offset = [], [], [], [], [], 0
    for split, count in PEOPLE.items():
        for k in range(count):
            who, gender, age = f"{split}{k:02d}", "fm"[k % 2], float(rng.uniform(20, 70))
            row = {
                "identity_id": who,
                "split": split,
                "label": k if split == "train" else -1,
                "gender": gender,
                "age_years": age,
            }
            people.append(row)
            for clip in range(2):
                waves.append(
                    buzz(
                        (250.0 if gender == "f" else 150.0) - (age - 45) + rng.normal(0, 3),
                        rng.uniform(1.5, 2.0),
                        rng,
                    )
                )
                clips.append(
                    {
                        **row,
                        "clip_id": f"{who}/v/{clip}",
                        "shard": 0,
                        "offset_samples": offset,
                        "length_samples": len(waves[-1]),
                    }
                )
                offset += len(waves[-1])
            faces.append({**row, "photo_id": f"n{who}/0", "shard": 0, "row": len(pictures)})
            pictures.append(np.full((FACE_PX, FACE_PX, 3), 2 * len(pictures), dtype=np.uint8))
    for name, array in (("audio", np.concatenate(waves)), ("faces", np.stack(pictures))):
        (root / name).mkdir(parents=True)
        np.save(root / name / "shard-00000.npy", array)
    return (
        Manifest(*(pd.DataFrame(table) for table in (people, clips, faces))),
        AudioShards(root / "audio"),
        FaceShards(root / "faces"),
    )


def models(root: Path) -> Path:
    """A folder of models, saved as the stages `pretrain`, `prior` and `train` save theirs."""
    met = [f"train{k:02d}" for k in range(PEOPLE["train"])]
    heard = encoder()
    speaker.save(root / "voice", PRETRAIN, heard.model, met)
    prior.save(root / "prior", PriorConfig(), tiny_prior(), [])
    condition, generator = parts(TRAIN, heard.dim)
    judge = networks.discriminator(to_dict(TRAIN), condition.dim, len(met), TINY)
    effort = Effort(0, 0.0, 0.0, 0)
    trained = cgan.Trained(condition, generator, judge, Statistics(1), effort, TINY, None)
    cgan.save(root / "cgan", TRAIN, trained, met)
    return root


def evaluation(path: Path, folder_of_models: Path) -> Path:
    """metrics/evaluate/cgan.json with figures that are known."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def cells(seen: float, unseen: float) -> dict[str, Any]:
        both = {"seen": seen, "unseen": unseen}
        return {
            "voice_to_face": {
                name: {
                    group: {
                        "accuracy": value - less,
                        "ci95_low": value - 0.1,
                        "ci95_high": value + 0.05,
                        "trials": 400,
                        "identities": 20,
                    }
                    for group, less in (("ungrouped", 0.0), ("gender", 0.05))
                }
                for name, value in both.items()
            }
        }

    result = {
        "judge": "sface",
        "data": {"source": "sample", "digest": "ab" * 32},
        "versions": {"python": "3.11"},
        "models": versions.models(folder_of_models, ("voice", "cgan")),
        "matching": cells(0.901, 0.812),
        "matching_centred": cells(0.923, 0.834),
        "oracle": {"gender": {"matching": cells(0.751, 0.742)}},
    }
    path.write_text(json.dumps(result), encoding="utf-8")
    return path


def release(root: Path, examples: int = 5) -> Path:
    """models/release below `root`, made as the stage makes it."""
    source = build.Source(
        models(root / "models"),
        *corpus(root / "data"),
        evaluation(root / "metrics/evaluate/cgan.json", root / "models"),
    )
    out = root / "models" / "release"
    build.build(out, source, speaker.load(root / "models" / "voice", CPU), examples)
    build.finish(out, export.onnx_model(out, out / folder.ONNX))
    return out
