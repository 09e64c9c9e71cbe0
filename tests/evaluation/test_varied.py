"""Faces with latents of their own for every clip, at both temperatures, and no more of them than it takes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from deepfacegen.evaluation import embeddings
from deepfacegen.evaluation.context import Context, Folders, prepare
from deepfacegen.evaluation.embedders.judge import Judge, unit
from deepfacegen.evaluation.embeddings import embed_samples
from deepfacegen.evaluation.examples import contact_sheet
from deepfacegen.evaluation.metrics import matching, quality, spectrum
from deepfacegen.evaluation.statistics.fidelity import quality_block
from deepfacegen.evaluation.statistics.power_spectrum import spectrum as spectra
from deepfacegen.systems.protocol import HasTemperature, LatentGenerator
from tests.evaluation.latent import SIDE_PX, Latent

PATH = ("voice_to_face", "unseen", "ungrouped")
PERCEPTUAL = {"perceptual_within_voice", "perceptual_between_voices", "perceptual_real"}
CELLS = 4


class Colours:
    """A judge that is fast, and knows a picture by the colours of its parts."""

    def embed(self, faces: np.ndarray) -> np.ndarray:
        side = faces.shape[1] // CELLS
        cells = faces[:, : side * CELLS, : side * CELLS].reshape(len(faces), CELLS, side, CELLS, side, 3)
        return unit(cells.mean(axis=(2, 4)).reshape(len(faces), -1).astype(np.float32))


@pytest.fixture(autouse=True)
def fast_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Judge, "load", classmethod(lambda cls, name: Colours()))


@pytest.fixture
def context(world, tmp_path):
    def of(system, **changed) -> Context:
        settings = dataclasses.replace(world.config.evaluate, second_judge=None, **changed)
        folders = Folders(out=tmp_path / "out", plots=tmp_path / "plots")
        return prepare(system, dataclasses.replace(world.config, evaluate=settings), folders)

    return of


def test_the_system_has_latents_and_a_temperature_and_the_others_have_not(cheat) -> None:
    assert isinstance(Latent(), LatentGenerator)
    assert isinstance(Latent(), HasTemperature)
    assert not isinstance(cheat, LatentGenerator)
    assert not isinstance(cheat, HasTemperature)


def colours(faces: np.ndarray) -> np.ndarray:
    """Faces [V, n, S, S, 3] -> what the latents made of them, [V, n, 3]."""
    return faces[:, :, 0, -1].astype(int)


def test_clip_v_has_the_latents_of_the_seed_after_its_number_whatever_the_batches(monkeypatch) -> None:
    system, voices = Latent(), np.arange(7, dtype=np.float32)[:, None]
    one = embeddings.generate_varied(system, {}, voices, 3, seed=5)
    for v in range(7):
        expected = system.generate_from(voices[[v]], system.latents(3, 5 + 1 + v))
        np.testing.assert_array_equal(one.faces[v], expected[0])
    monkeypatch.setattr(embeddings, "VOICES_AT_ONCE", 2)
    np.testing.assert_array_equal(embeddings.generate_varied(system, {}, voices, 3, 5).faces, one.faces)


def test_faces_of_a_voice_that_are_alike_are_embedded_once() -> None:
    seen = []

    def embed(faces: np.ndarray) -> np.ndarray:
        seen.append(len(faces))
        return faces.reshape(len(faces), -1)[:, :2].astype(np.float32)

    different = np.arange(3 * 4 * 2 * 2 * 3, dtype=np.uint8).reshape(3, 4, 2, 2, 3)
    alike = np.repeat(different[:, :1], 4, axis=1)
    almost = alike.copy()
    almost[2, 3, 1, 1, 2] += 1
    for faces, embedded in ((different, 12), (alike, 3), (almost, 12)):
        found = embed_samples(embed, faces)
        assert seen.pop() == embedded
        assert np.array_equal(found, faces.reshape(3, 4, -1)[..., :2])


def test_varied_faces_of_a_wrong_shape_are_refused() -> None:
    class Wrong(Latent):
        def generate_from(self, embeddings: np.ndarray, latents: np.ndarray) -> np.ndarray:
            return super().generate_from(embeddings, latents).astype(np.float32)

    with pytest.raises(TypeError, match="not uint8"):
        embeddings.generate_varied(Wrong(), {}, np.zeros((2, 1), np.float32), 2, 0)


def test_every_clip_has_latents_of_its_own(context) -> None:
    found = context(Latent())
    same, varied = found.generated["unseen"].faces, found.varied.faces
    assert same.shape == varied.shape == (20, 2, SIDE_PX, SIDE_PX, 3)
    assert len(np.unique(colours(same).reshape(-1, 3), axis=0)) == 2, "face k looks alike for every voice"
    assert len(np.unique(colours(varied).reshape(-1, 3), axis=0)) == 40
    np.testing.assert_array_equal(varied[:, :, 0, 0], same[:, :, 0, 0], "the voices are the same")
    assert set(found.varied.embeddings) == {"sface"}
    first = found.embedders["sface"](varied[3])
    np.testing.assert_allclose(found.varied.embeddings["sface"][3], first, atol=1e-5)


def test_a_system_without_latents_generates_once(context, cheat) -> None:
    found = context(cheat)
    assert found.varied is found.generated["unseen"]
    assert list(found.varied_by_temperature) == [""]
    assert found.varied_by_temperature[""][1] == {}


def test_temperature_1_has_the_same_latents_at_full_scale(context) -> None:
    found = context(Latent(temperature=0.5))
    (half, at_half), (whole, at_one) = (
        found.varied_by_temperature[suffix] for suffix in ("", "_temperature_1")
    )
    assert (at_half, at_one) == ({"temperature": 0.5}, {"temperature": 1.0})
    moved, doubled = colours(half.faces) - 128, colours(whole.faces) - 128
    assert np.abs(doubled - 2 * moved).max() <= 2
    assert np.abs(doubled).max() > 20


def test_nothing_is_generated_or_embedded_twice(context) -> None:
    system = Latent(temperature=0.5)
    found = context(system)
    quality.fidelity_blocks(found)
    quality.diversity(found.generated["unseen"].embeddings["sface"])
    spectrum.compute(found)
    seen = len(found.protocol.populations[0].clips)
    # Each population once as `generated`, and the unseen voices once for both temperatures.
    assert system.counts["embedded"] == seen + 20 + 20
    assert system.counts["generated"] == 2 * (seen + 20 + 20 + 20)
    warm = context(Latent(temperature=1.0))
    assert warm.varied_by_temperature["_temperature_1"][0] is warm.varied


def test_quality_and_spectrum_are_of_varied_faces_at_both_temperatures(context, monkeypatch) -> None:
    given = []
    monkeypatch.setattr(
        quality.perceptual,
        "diversity",
        lambda faces, real, *_: given.append((faces, real)) or dict.fromkeys(PERCEPTUAL, 0.5),
    )
    monkeypatch.setattr(quality, "detected_share", lambda faces: given.append(faces) or 1.0)
    found = context(Latent(temperature=0.5))
    metrics = {**quality.compute(found), **spectrum.compute(found)}
    assert set(metrics) == {
        "generated",
        *(f"{name}{s}" for name in ("quality", "spectrum") for s in ("", "_temperature_1")),
    }
    training = found.embedders["sface"](quality.shrink(found.photos.rows(found.training.faces), SIDE_PX))
    real = found.embedders["sface"](found.real_small)
    owner = found.unseen.faces["person"].to_numpy()
    for suffix, temperature in (("", 0.5), ("_temperature_1", 1.0)):
        varied = found.varied_by_temperature[suffix][0]
        every = varied.embeddings["sface"].reshape(40, -1)
        block = quality_block(every, real, owner, training, "sface", found.settings.seed)
        own = metrics[f"quality{suffix}"]
        assert {key: own[key] for key in block} == block
        power = spectra(varied.faces.reshape(40, SIDE_PX, SIDE_PX, 3), found.real_small)
        assert metrics[f"spectrum{suffix}"] == {**power, "temperature": temperature}
        assert own["temperature"] == temperature
    assert set(metrics["quality"]) - set(metrics["quality_temperature_1"]) == PERCEPTUAL
    (faces, real), detected = given
    np.testing.assert_array_equal(faces, found.varied.faces)
    np.testing.assert_array_equal(real, found.real_small)
    np.testing.assert_array_equal(detected, faces.reshape(40, SIDE_PX, SIDE_PX, 3))
    assert metrics["quality"]["fd_sface"] != metrics["quality_temperature_1"]["fd_sface"]


def test_a_single_face_is_judged_by_itself(context, world) -> None:
    """One of two faces is the speaker's, the other always the same person's."""

    class Half:
        def generate(self, voices, n, seed):
            return np.stack([[world.faces[voice[0], 0], world.faces[0, 0]][:n] for voice in voices])

    found = context(Half())
    tree = matching.compute(found)
    single = tree["matching_single"][PATH[0]][PATH[1]][PATH[2]]
    assert set(single) == {"accuracy"}
    task = next(task for task in found.protocol.tasks if task.path == PATH)
    each = []
    for k in range(2):
        own = found.generated["unseen"].embeddings["sface"][:, k]
        cosine = own @ found.real["sface"]["unseen"].T
        right, wrong = (cosine[task.trials.probe, of] for of in (task.trials.positive, task.trials.impostor))
        each.append(np.mean((right > wrong) + 0.5 * (right == wrong)))
    assert single["accuracy"] == pytest.approx(np.mean(each), abs=1e-9)
    assert abs(single["accuracy"] - tree["matching"][PATH[0]][PATH[1]][PATH[2]]["accuracy"]) > 0.01
    for suffix in ("", "_centred"):
        assert set(tree[f"matching_single{suffix}"][PATH[0]]) == {"seen", "unseen"}


def test_no_single_face_where_there_is_but_one(context, cheat, knower) -> None:
    class Same:
        def generate(self, voices, n, seed):
            return np.repeat(cheat.generate(voices, 1, seed), n, axis=1)

    for system, changed in ((Same(), {}), (cheat, {"draws": 1}), (knower, {})):
        tree = matching.compute(context(system, **changed))
        assert "matching" in tree
        assert not {"matching_single", "matching_single_centred"} & set(tree)


def test_a_contact_sheet_has_its_faces_row_by_row_and_ends_in_white() -> None:
    faces = np.random.default_rng(0).integers(0, 200, size=(11, 4, 4, 3)).astype(np.uint8)
    sheet = contact_sheet(faces)
    assert sheet.shape == (8, 32, 3)
    np.testing.assert_array_equal(sheet[:4, 8:12], faces[2])
    np.testing.assert_array_equal(sheet[4:, 8:12], faces[10])
    assert (sheet[4:, 12:] == 255).all()
    assert contact_sheet(faces[:8]).shape == (4, 32, 3)
