"""`generate --size`: what is drawn larger and from what, what a folder draws anew, and one line for whatever
does not fit. Tiny models, as saved."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from deepfacegen.api.speech import read_speech
from deepfacegen.cli.main import main
from deepfacegen.config.schema import TrainConfig
from deepfacegen.config.systems import CycleganConfig
from deepfacegen.encoders import speaker
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.systems import registry
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.cgan.linear_latent import Generator
from deepfacegen.systems.cgan.networks import Discriminator
from deepfacegen.systems.cgan.prior import Sizes
from deepfacegen.systems.condition import PredictedCondition
from deepfacegen.systems.cyclegan import refine as cyclegan
from deepfacegen.systems.cyclegan.begin import networks
from deepfacegen.systems.cyclegan.fits import SMALL
from deepfacegen.training import store
from deepfacegen.training.loop import Effort
from deepfacegen.training.statistics import Statistics
from tests.shared.priors import tiny_prior
from tests.shared.sounds import write_wav

SIZES = Sizes(image_size_px=64, channels=4, max_channels=8, code_dim=4)
REFINE = CycleganConfig(channels=4, identity=False, attributes="male,over_50")
NETWORK = {"architecture": "ecapa", "normalisation": "level", "dim": 16, "channels": 16}
VOICE_DIM, CONDITION_DIM = 17, 3
COST = Statistics(1), Effort(0, 0.0, 0.0, 0)


def scattered(module: nn.Module, seed: int, deviation: float) -> nn.Module:
    """The same numbers at every call, in place of what training leaves at zero."""
    rng = torch.Generator().manual_seed(seed)
    for tensor in module.state_dict().values():
        tensor.copy_(deviation * torch.randn(tensor.shape, generator=rng))
    return module


def save_cgan(folder: Path, sizes: Sizes = SIZES) -> None:
    generator = Generator(CONDITION_DIM, sizes)
    generator.synthesis.load_state_dict(tiny_prior(sizes).synthesis.state_dict())
    scattered(generator.latent, 1, 0.5)
    scattered(generator.synthesis.picture, 6, 0.2)
    condition: Any = scattered(PredictedCondition(VOICE_DIM, CONDITION_DIM), 2, 0.5)
    critic = Discriminator(CONDITION_DIM, 2, sizes.widths)
    trained = cgan.Trained(condition, generator, critic, *COST, sizes, None)
    cgan.save(folder, TrainConfig(), trained, ["id0", "id1"])


def save_refiner(folder: Path, config: CycleganConfig = REFINE, heard: int = VOICE_DIM) -> None:
    """A refiner whose voice map tells the first attribute and not the second, and which shows both
    plainly."""
    torch.manual_seed(3)
    generator, critic, *_ = networks(config, attributes=2, identity=0)
    for part, deviation in ((generator.edit, 0.3), (generator.start, 0.02), (generator.picture, 0.3)):
        scattered(part, 4, deviation)
    frontal, hears = nn.Linear(SMALL, SMALL), scattered(nn.Linear(heard, 2), 5, 1.0)
    trained = cyclegan.Trained(
        ["male", "over_50"], 0, generator, critic, frontal, hears, [True, False], None, *COST
    )  # type: ignore[arg-type]
    cyclegan.save(folder, config, trained, ["id0", "id1"])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    store.save(folder / "voice", {"network": NETWORK}, encoder=VoiceModel(dim=16, channels=16).encoder)
    save_cgan(folder / "cgan")
    save_refiner(folder / "cyclegan")
    return folder


@pytest.fixture
def models(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "models"))


def generate(models: Path, source: Path, target: Path, *more: str) -> int:
    return main(["generate", str(source), str(target), "--models", str(models), "--device", "cpu", *more])


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as found:
        return np.array(found)


def change(weights: Path, name: str, changed: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Another weight in a saved model."""
    tensors = load_file(weights)
    save_file({**tensors, name: changed(tensors[name]).contiguous()}, weights)


def test_a_face_is_drawn_again_with_what_the_voice_tells(models: Path, speech: Path, tmp_path: Path) -> None:
    assert generate(models, speech, tmp_path / "small.png") == 0
    assert generate(models, speech, tmp_path / "large.png", "--size", "128") == 0
    small, large = picture(tmp_path / "small.png"), picture(tmp_path / "large.png")
    assert (small.shape, large.shape) == ((64, 64, 3), (128, 128, 3))
    encoder = speaker.load(models / "voice", torch.device("cpu"))
    hears = load_file(models / "cyclegan/voice.safetensors")
    male = np.sign(float(hears["weight"][0] @ encoder.embed([read_speech(speech)])[0] + hears["bias"][0]))
    refiner = registry.refiner("cyclegan", models, "cpu")
    asked = np.array([[male, np.nan]], dtype=np.float32)  # the other one is guessed from the small face
    same, other = (refiner.upscale(small[None], result)[0].astype(int) for result in (asked, -asked))
    assert np.abs(large - same).max() <= 1
    assert np.abs(large - other).max() > 10, "another voice would have given another face"


def test_several_faces_are_those_of_the_same_draws(models: Path, speech: Path, tmp_path: Path) -> None:
    for size in ("", "128"):
        more = ["--size", size] if size else []
        assert (
            generate(models, speech, tmp_path / f"face{size}.png", "--count", "2", "--seed", "3", *more) == 0
        )
    alone = registry.enlarged_generator(128, models, "cpu").generate([read_speech(speech)], 1, 3)
    assert np.abs(picture(tmp_path / "face128-1.png").astype(int) - alone[0, 0].astype(int)).max() <= 1
    refiner = registry.refiner("cyclegan", models, "cpu")
    for k in (1, 2):
        small, large = (picture(tmp_path / f"face{size}-{k}.png") for size in ("", "128"))
        candidates = [refiner.upscale(small[None], np.array([[male, np.nan]]))[0] for male in (-1, 1)]
        assert min(np.abs(large.astype(int) - one.astype(int)).max() for one in candidates) <= 1
    assert (picture(tmp_path / "face128-1.png") != picture(tmp_path / "face128-2.png")).any()


def test_beyond_the_size_that_was_trained_faces_are_interpolated(
    models: Path, speech: Path, tmp_path: Path
) -> None:
    for size in ("128", "256"):
        assert generate(models, speech, tmp_path / f"{size}.png", "--size", size) == 0
    trained, beyond = picture(tmp_path / "128.png"), picture(tmp_path / "256.png")
    assert beyond.shape == (256, 256, 3)
    expected = np.asarray(Image.fromarray(trained).resize((256, 256), Image.Resampling.BICUBIC))
    off = np.abs(beyond.astype(int) - expected.astype(int))
    assert off.mean() < 0.5
    assert np.quantile(off, 0.99) <= 2, (
        "the same weights; Pillow rounds and clips to 8 bits between rows and columns"
    )


def test_without_a_size_no_refiner_is_needed_and_nothing_changes(
    models: Path, speech: Path, tmp_path: Path, capsys
) -> None:
    assert generate(models, speech, tmp_path / "with.png", "--json") == 0
    with_refiner = json.loads(capsys.readouterr().out)
    shutil.rmtree(models / "cyclegan")
    assert generate(models, speech, tmp_path / "without.png", "--json") == 0
    assert (tmp_path / "with.png").read_bytes() == (tmp_path / "without.png").read_bytes()
    assert set(with_refiner) == {"recording", "speech_seconds", "faces"}
    drawn = registry.load("cgan", models, "cpu").generate([read_speech(speech)], 1, 0)  # type: ignore[union-attr]
    np.testing.assert_array_equal(picture(tmp_path / "without.png"), drawn[0, 0])


def test_a_folder_draws_anew_what_another_size_or_refiner_made(
    models: Path, said: np.ndarray, tmp_path: Path, capsys
) -> None:
    source, target = tmp_path / "in", tmp_path / "faces"
    for name, part in (("a", said[16_000:]), ("deep/b", said[:-16_000])):
        write_wav(source / f"{name}.wav", part)

    def done(*more: str) -> tuple[int, set[int]]:
        """How many were left alone, and how large the faces are."""
        assert generate(models, source, target, "--json", *more) == 0
        result = json.loads(capsys.readouterr().out)
        assert (result["recordings"], result["ok"]) == (2, 2)
        return result["already_done"], {len(picture(path)) for path in target.rglob("*.png")}

    assert done() == (0, {64})
    table = (target / "results.csv").read_bytes()
    assert done("--size", "128") == (0, {128})
    assert (target / "results.csv").read_bytes() != table
    assert done("--size", "128") == (2, {128})
    assert done("--size", "256") == (0, {256})
    assert done("--size", "128") == (0, {128})
    before = picture(target / "a.png")
    change(models / "cyclegan/generator.safetensors", "start.weight", lambda weight: -weight)
    assert done("--size", "128") == (0, {128})
    assert (picture(target / "a.png") != before).any()
    assert done() == (0, {64})
    assert (target / "results.csv").read_bytes() == table
    change(models / "cyclegan/generator.safetensors", "start.weight", lambda weight: -weight)
    assert done() == (2, {64}), "small faces have nothing to do with the refiner"


def refuses(models: Path, speech: Path, target: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr; neither a recording nor a folder leaves a face."""
    lines = []
    for source, faces in ((speech, target / "face.png"), (speech.parent, target)):
        assert generate(models, source, faces, "--size", "128") == 1
        result = capsys.readouterr()
        assert result.out == ""
        lines.append(result.err)
    assert not list(target.rglob("*.png"))
    assert lines[0] == lines[1]
    assert lines[0].count("\n") == 1
    return lines[0]


def test_a_missing_refiner_says_which_stage_to_run(
    models: Path, speech: Path, tmp_path: Path, capsys
) -> None:
    shutil.rmtree(models / "cyclegan")
    result = refuses(models, speech, tmp_path / "out", capsys)
    assert "cyclegan: no trained refiner" in result
    assert "dvc repro refine" in result


def test_without_the_face_generator_the_refiner_is_of_no_use(
    models: Path, speech: Path, tmp_path: Path, capsys
) -> None:
    shutil.rmtree(models / "cgan")
    assert "cgan: no trained model there; run the pipeline first" in refuses(
        models, speech, tmp_path / "out", capsys
    )


def test_damaged_weights_are_named(models: Path, speech: Path, tmp_path: Path, capsys) -> None:
    (models / "cyclegan/generator.safetensors").write_bytes(b"junk")
    assert "cyclegan/generator.safetensors: cannot be loaded" in refuses(
        models, speech, tmp_path / "out", capsys
    )


def test_models_that_do_not_fit_together_are_reported(
    models: Path, speech: Path, tmp_path: Path, capsys
) -> None:
    save_refiner(models / "cyclegan", heard=9)
    assert "another voice encoder" in refuses(models, speech, tmp_path / "a", capsys)
    save_refiner(
        models / "cyclegan",
        CycleganConfig(size_px=256, scale=2, channels=4, identity=False, attributes="male,over_50"),
    )
    assert "takes faces of 128 px or a multiple, not those of 64 px" in refuses(
        models, speech, tmp_path / "b", capsys
    )
    save_cgan(models / "cgan", dataclasses.replace(SIZES, image_size_px=128))
    assert "generates faces of 128 px, so there is nothing to enlarge to 128 px" in refuses(
        models, speech, tmp_path / "c", capsys
    )


@pytest.mark.parametrize("size", ["0", "64", "100", "large"])
def test_an_unknown_size_is_wrong_usage(
    models: Path, speech: Path, tmp_path: Path, capsys, size: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        generate(models, speech, tmp_path / "face.png", "--size", size)
    assert caught.value.code == 2
    assert "--size" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "face.png").exists()
