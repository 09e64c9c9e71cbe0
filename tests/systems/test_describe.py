"""What a training would take, told before it starts: counts against the real networks, memory against sums
made by hand."""

from __future__ import annotations

import runpy
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from torch import nn

from deepfacegen.config.schema import Config, PretrainConfig, TrainConfig, to_dict
from deepfacegen.encoders.ge2e import Ge2eModel
from deepfacegen.encoders.speaker_networks import MarginClassifier, VoiceModel
from deepfacegen.errors import UserError
from deepfacegen.systems.cgan import describe
from deepfacegen.systems.cgan import train as cgan

STAGES = Path(__file__).resolve().parents[2] / "stages"
STANDARD = Config(
    pretrain=PretrainConfig(channels=16), train=TrainConfig(channels=4, max_channels=8, z_dim=4)
)
PAPER = replace(STANDARD, train=TrainConfig(architecture="paper", mismatch_weight=0.0))


def made(folder: Path, train: int, held_out: int = 3) -> Path:
    """A manifest with so many people."""
    folder.mkdir(parents=True)
    pd.DataFrame(
        {"identity_id": range(train + held_out), "split": ["train"] * train + ["test"] * held_out}
    ).to_parquet(folder / "identities.parquet")
    return folder


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def told(lines: list[str]) -> dict[str, str]:
    return {name.strip(): value.strip() for name, _, value in (line.partition(": ") for line in lines)}


@pytest.mark.parametrize(
    ("config", "condition_dim"),
    [(STANDARD, 8), (replace(STANDARD, train=replace(STANDARD.train, condition_dim=0)), 64), (PAPER, 64)],
    ids=["standard", "whole condition", "paper"],
)
def test_counts_are_those_of_the_networks_that_are_trained(
    tmp_path: Path, config: Config, condition_dim: int
) -> None:
    params = to_dict(config.train)
    lines = told(describe.train(config, made(tmp_path / "manifest", 37)))
    assert lines["training identities"] == "37"
    assert lines["generator"] == f"{count(cgan._generator(params, condition_dim)):,}"
    assert lines["discriminator"] == f"{count(cgan._discriminator(params, condition_dim, 37)):,}"
    assert lines["voice encoder"] == f"{count(VoiceModel(channels=16)):,} (frozen)"


@pytest.mark.parametrize("architecture", ["ecapa", "wen"])
def test_counts_of_pretraining_are_those_of_the_networks_that_are_trained(
    tmp_path: Path, architecture: str
) -> None:
    config = replace(
        STANDARD, pretrain=PretrainConfig(architecture=architecture, channels=16, embedding_dim=32)
    )
    lines = told(describe.pretrain(config, made(tmp_path / "manifest", 37)))
    assert lines["voice encoder"] == f"{count(VoiceModel(architecture, dim=32, channels=16)):,}"
    assert lines["classifier"] == f"{count(MarginClassifier(32, 37, 0.2, 20.0)):,}"


def test_a_ready_made_encoder_is_counted_and_nothing_else(tmp_path: Path) -> None:
    config = replace(STANDARD, pretrain=PretrainConfig(architecture="ge2e"))
    parameters = f"{count(Ge2eModel()):,}"
    assert describe.pretrain(config, tmp_path) == [
        "parameters:",
        f"  voice encoder: {parameters} (ready-made: nothing is trained)",
    ]
    assert told(describe.train(config, tmp_path))["voice encoder"] == f"{parameters} (frozen)"


@pytest.mark.parametrize("config", [STANDARD, PAPER], ids=["standard", "paper"])
def test_without_a_manifest_the_count_grows_with_each_person(tmp_path: Path, config: Config) -> None:
    lines = told(describe.train(config, tmp_path / "manifest"))
    assert lines["training identities"] == f"not known before {tmp_path / 'manifest'} is made"
    rest, _, each = (
        lines["discriminator"].removesuffix(" for each training identity").replace(",", "").partition(" + ")
    )
    for people in (5, 37):
        network = cgan._discriminator(to_dict(config.train), 8 if config is STANDARD else 64, people)
        assert count(network) == int(rest) + people * int(each)
    assert (
        told(describe.pretrain(config, tmp_path / "manifest"))["classifier"]
        == "64 for each training identity"
    )


def test_what_autograd_keeps_of_a_small_network_is_its_input_and_what_lies_between() -> None:
    network = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 5), nn.Tanh())
    x = torch.zeros(7, 10)
    # Both linear layers keep their input, ReLU its output (the second layer's input: one storage), tanh its
    # output; weights do not count.
    assert describe.kept_bytes(network, lambda: network(x)) == 4 * 7 * (10 + 20 + 5)
    assert describe.kept_bytes(network.to("meta"), lambda: network(x.to("meta"))) == 4 * 7 * (10 + 20 + 5)
    with torch.no_grad():
        assert describe.kept_bytes(network, lambda: network(x.to("meta"))) == 0


def test_memory_of_a_training_step_adds_up() -> None:
    config = STANDARD.train
    generator, discriminator = describe.gan(config, 8, 37)
    encoder = nn.Linear(3, 2)
    memory = describe.gan_memory(config, generator, discriminator, encoder, 16)
    trained = 4 * (count(generator) + count(discriminator))
    linear = 4 * (1 + 8 + 4) * 3 * 64**2  # mean, by condition, by noise: buffers of the linear face
    assert memory.gradients == trained
    assert memory.optimiser == 2 * trained
    assert memory.weights == trained + linear + 4 * 8
    assert memory.average == 4 * count(generator) + linear
    assert (
        memory.all
        == memory.weights + memory.gradients + memory.optimiser + memory.average + memory.activations
    )


def test_activations_grow_with_the_batch_and_with_the_passes_that_are_kept() -> None:
    def activations(batch: int, **changes: float) -> int:
        config = replace(STANDARD.train, **changes)  # type: ignore[arg-type]
        return describe.gan_memory(config, *describe.gan(config, 8, 37), nn.Identity(), batch).activations

    assert activations(32) == pytest.approx(2 * activations(16), rel=1e-3)
    pass_of_d = activations(16) - activations(16, r1_weight=0.0)
    alone = activations(16, adversary_from=STANDARD.train.steps)
    assert pass_of_d > 0
    assert activations(16) == alone + 3 * pass_of_d
    assert activations(16, image_size_px=32) < activations(16) / 2


def test_a_batch_that_processes_cannot_share_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = told(describe.train(STANDARD, tmp_path))["activations"]
    monkeypatch.setenv("WORLD_SIZE", "2")
    half = told(describe.train(STANDARD, tmp_path))["activations"]
    assert float(half.split()[0]) == pytest.approx(float(whole.split()[0]) / 2, abs=0.1)
    monkeypatch.setenv("WORLD_SIZE", "5")
    with pytest.raises(UserError, match="cannot be shared by 5"):
        describe.train(STANDARD, tmp_path)


@pytest.mark.parametrize("stage", ["train", "pretrain"])
def test_a_dry_run_of_the_stage_tells_it_without_data(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [f"{stage}.py", "--dry-run"])
    Path("params.yaml").write_text(f"{stage}:\n  batch: 10\n")
    runpy.run_path(str(STAGES / f"{stage}.py"), run_name="__main__")
    shown = capsys.readouterr().out
    assert yaml.safe_load(shown) == {stage: to_dict(replace(getattr(Config(), stage), batch=10))}
    comments = [line.removeprefix("# ") for line in shown.splitlines() if line.startswith("#")]
    assert comments == getattr(describe, stage)(
        Config(**{stage: replace(getattr(Config(), stage), batch=10)}), Path("data/manifest")
    )
    assert any("a batch of 10 in each process" in line for line in comments)
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]
