"""The whole evaluation: a system that cheats is near perfect, one that ignores the voice at chance, and every
promised key is there."""

from __future__ import annotations

import dataclasses
import filecmp
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from deepfacegen.config.schema import Config
from deepfacegen.errors import UserError
from deepfacegen.evaluation.context import Folders
from deepfacegen.evaluation.run import evaluate

PATHS = [
    (d, p, g)
    for d in ("voice_to_face", "face_to_voice")
    for p in ("seen", "unseen")
    for g in ("ungrouped", "gender")
]
SCORES = ("", "_centred")


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(out=tmp_path / "out", plots=tmp_path / "plots")


def at(metrics: dict, *path: str):
    for name in path:
        metrics = metrics[name]
    return metrics


def test_a_perfect_system(world, cheat, folders: Folders) -> None:
    """By one judge; test_further_metrics_of_a_generator has two."""
    settings = dataclasses.replace(world.config.evaluate, second_judge=None)
    metrics = evaluate(cheat, dataclasses.replace(world.config, evaluate=settings), folders)
    json.dumps(metrics, allow_nan=False)
    for path in PATHS:
        for key in ("matching", "matching_centred"):
            found = at(metrics, key, *path)
            assert set(found) == {"accuracy", "ci95_low", "ci95_high", "trials", "identities"}
            assert found["accuracy"] > 0.93
            assert found["ci95_low"] <= found["accuracy"] <= found["ci95_high"]
            assert 0.5 < at(metrics, "upper_bound", key, *path)["accuracy"] <= 1.0
            assert at(metrics, "progress", key, *path) > 0.9
        assert at(metrics, "oracle", "gender", "matching", *path)["accuracy"] >= 0.5
    assert at(metrics, "matching", *PATHS[2])["trials"] == 10 * 2 * 20
    for suffix in ("", "_centred"):
        for path in PATHS:
            pairs = at(metrics, f"verification{suffix}", *path)
            assert pairs["auc_ci95_low"] - 1e-9 <= pairs["auc"] <= pairs["auc_ci95_high"] + 1e-9
            assert pairs["auc"] > 0.9
            assert pairs["eer"] < 0.2
            assert pairs["pairs"] == 2 * at(metrics, "matching", *path)["trials"]
        found = at(metrics, f"retrieval{suffix}", "voice_to_face", "unseen")
        assert (found["identities"], found["probes"]) == (10, 20)
        assert found["recall_at_1"] > 0.6
        assert found["recall_at_1_chance"] == pytest.approx(
            0.1
        )  # of ten people, each with equally many photos
        assert found["map_ci95_low"] <= found["map"] <= found["map_ci95_high"]
    assert metrics["generated"]["detected_share"] == 1.0
    assert (
        metrics["generated"]["diversity_between_voices"] > metrics["generated"]["diversity_within_voice"] > 0
    )
    assert metrics["judge"] == "sface"
    assert metrics["data"]["source"] == "sample"
    skin = metrics["null_attributes"]["skin_tone"]
    assert skin["accuracy"] > 0.8, "the cheat's faces have the person's own skin, which the audit must notice"
    assert {"chance", "ci95_low", "ci95_high", "on_real_faces"} <= set(skin)
    check_files(metrics, folders, world.faces)


def check_files(metrics: dict, folders: Folders, faces: np.ndarray) -> None:
    """What lies beside the metrics agrees with them."""
    trials = pd.read_parquet(folders.out / "trials.parquet")
    counts = [
        cell["trials"]
        for by in metrics["matching"].values()
        for groups in by.values()
        for cell in groups.values()
    ]
    assert len(trials) == sum(counts) > sum(at(metrics, "matching", *path)["trials"] for path in PATHS), (
        "ages are known of sample people, and asked for"
    )
    here = trials[
        (trials["direction"] == "voice_to_face")
        & (trials["population"] == "unseen")
        & (trials["group"] == "gender")
    ]
    right = (here["positive_score_centred"] > here["impostor_score_centred"]).mean()
    assert right == pytest.approx(at(metrics, "matching_centred", *PATHS[3])["accuracy"], abs=1e-6)
    lists = pd.read_parquet(folders.out / "choices.parquet")
    here = lists[
        (lists["direction"] == "voice_to_face")
        & (lists["population"] == "unseen")
        & (lists["group"] == "ungrouped")
    ]
    best = here[[f"score_{k}" for k in range(1, 5)]].to_numpy().argmax(axis=1) == 0
    assert best.mean() == pytest.approx(at(metrics, "forced_choice", *PATHS[2])["of_4"]["accuracy"], abs=1e-6)
    assert (here["candidate_1"].str.split("/").str[0].nunique(), len(here)) == (10, 10 * 2 * 20)
    shown, table = np.load(folders.out / "unseen.npz"), pd.read_parquet(folders.out / "unseen.parquet")
    assert shown["true"].shape == (10, 128, 128, 3)
    assert shown["drawn"].shape == (10, 2, 64, 64, 3)
    assert shown["speech"].shape == (10, 48_000)
    np.testing.assert_array_equal(
        shown["drawn"], faces[:10], "each person's row holds the faces generated for that person"
    )
    assert table["age_years"].between(20, 80).all()
    sheet = np.asarray(Image.open(folders.out / "contact_sheet.png"))
    assert sheet.shape == (2 * 64, 8 * 64, 3)
    np.testing.assert_array_equal(sheet[64:, 64:128], faces[9, 0], "the tenth of ten people")
    drawn = {"matching.png", "matching.csv", "scores.png", "forced_choice.png", "forced_choice.csv"}
    assert {path.name for path in folders.plots.iterdir()} == drawn, (
        "clips of a quarter of a second are too short for durations"
    )
    found = np.load(folders.out / "retrieved.npz")
    assert found["gallery"] == 10 * 2
    for suffix in SCORES:
        own, rank = found[f"own{suffix}"], found[f"rank{suffix}"]
        assert found[f"faces{suffix}"].shape == (8, 5, 128, 128, 3)
        assert (own.argmax(axis=1) + 1 == rank)[own.any(axis=1)].all()
        assert (rank == 1).mean() > 0.8


@pytest.mark.slow
def test_further_metrics_of_a_generator(world, vain, ears, folders: Folders) -> None:
    metrics = evaluate(vain, world.config, folders, ears)
    json.dumps(metrics, allow_nan=False)
    choices = at(metrics, "forced_choice", "voice_to_face", "unseen", "ungrouped")
    assert choices["of_10"]["chance"] == 0.1
    assert choices["of_2"]["accuracy"] >= choices["of_10"]["accuracy"] > 0.6
    for judge in ("dlib", "self"):
        for suffix in SCORES:
            assert at(metrics, "judges", judge, f"matching{suffix}", *PATHS[2])["accuracy"] > 0.75
    assert at(metrics, "judges", "agreement", "matching", *PATHS[2])["same"] > 0.8
    assert set(metrics["weights"]) == {"sface", "dlib"}
    mean = at(metrics, "baselines", "mean_face", "matching_centred", *PATHS[2])
    assert mean["accuracy"] == 0.5, "less their mean, nothing is left of faces that are all alike"
    assert 0.3 < at(metrics, "baselines", "mean_face", "matching", *PATHS[2])["accuracy"] < 0.7
    for tree in (metrics, metrics["judges"]["dlib"]):
        assert at(tree, "baselines", "gender_face", "matching_centred", *PATHS[2])["accuracy"] > 0.55
        assert 0.3 < at(tree, "baselines", "gender_face", "matching_centred", *PATHS[3])["accuracy"] < 0.7
    assert at(metrics, "baselines", "nearest_voice", "matching", *PATHS[0])["accuracy"] > 0.9, (
        "a seen person's other clip is on the list"
    )
    assert at(metrics, "baselines", "nearest_voice", "matching", *PATHS[2])["accuracy"] < 0.8
    shown = metrics["attributes"]
    assert shown["gender"]["unseen"]["agreement"] == pytest.approx(
        shown["gender"]["unseen"]["on_real_faces"], abs=0.15
    ), "it draws true faces"
    assert shown["age"]["unseen"]["against"] == "listed"
    assert len(shown["craniofacial"]["unseen"]) == 12
    assert np.mean([cell["r"] for cell in shown["craniofacial"]["unseen"].values()]) > 0.8
    quality = metrics["quality"]
    assert {
        "precision",
        "recall",
        "density",
        "coverage",
        "perceptual_within_voice",
        "nearest_training_auc",
    } <= set(quality)
    assert quality["precision"] > 0.8
    assert set(at(metrics, "fairness", "gender", "ungrouped")["groups"]) <= {"women", "men"}
    assert metrics["duration"] == {}, "nobody here speaks for a second"


@pytest.mark.parametrize(
    "spoilt",
    [
        {"trained_on": ["id10001"]},
        {"chosen_on": ["id10001"]},
        {"trained_with": ["sface"]},
        {"chosen_on": None},
    ],
)
def test_a_spoilt_evaluation_does_not_begin(
    world, cheat, folders: Folders, tmp_path: Path, spoilt: dict
) -> None:
    """Test people in training, a checkpoint chosen on them, a first judge that took part, and a model that
    keeps silent."""
    people = pd.read_parquet("data/manifest/identities.parquet")
    assert people.set_index("identity_id")["split"]["id10001"] == "test"
    shutil.copytree("models", tmp_path / "models")
    stated = {**json.loads((tmp_path / "models/cgan/config.json").read_text(encoding="utf-8")), **spoilt}
    (tmp_path / "models/cgan/config.json").write_text(json.dumps(stated), encoding="utf-8")
    with pytest.raises(UserError, match=r"cgan/config\.json"):
        evaluate(cheat, world.config, dataclasses.replace(folders, models=tmp_path / "models"))
    assert not folders.out.exists()


def test_a_judge_that_selected_the_faces_is_refused(world, cheat, folders: Folders, tmp_path: Path) -> None:
    shutil.copytree("data/manifest", tmp_path / "manifest")
    (tmp_path / "manifest/selection.json").write_text('{"selected_with": ["sface"]}', encoding="utf-8")
    with pytest.raises(UserError, match=r"selection\.json: faces were selected with sface"):
        evaluate(cheat, world.config, dataclasses.replace(folders, manifest=tmp_path / "manifest"))
    assert not folders.out.exists()


def built_on(judge: str, part: str, models: Path) -> Path:
    """A copy of the models with one more, `part`, in which a judge took part, and with weights of both."""
    shutil.copytree("models", models)
    (models / part).mkdir()
    (models / part / "config.json").write_text(
        json.dumps({"trained_on": [], "chosen_on": [], "trained_with": [judge]}), encoding="utf-8"
    )
    for name in ("cgan", part):
        (models / name / "network.safetensors").write_bytes(name.encode())
    return models


@pytest.mark.slow
def test_a_second_judge_that_took_part_is_left_out_and_named(
    world, cheat, folders: Folders, tmp_path: Path
) -> None:
    config = dataclasses.replace(
        world.config, evaluate=dataclasses.replace(world.config.evaluate, draws=1, bootstrap=100)
    )
    there = dataclasses.replace(folders, models=built_on("dlib", "face", tmp_path / "models"))
    metrics = evaluate(cheat, config, there, parts=("cgan", "face"))
    assert metrics["judges_left_out"] == ["dlib"]
    assert metrics["judge"] == "sface"
    assert "judges" not in metrics
    assert set(metrics["weights"]) == {"sface"}
    for key in ("matching", "matching_centred"):
        assert at(metrics, key, *PATHS[2])["accuracy"] > 0.93


@pytest.mark.slow
def test_only_the_parts_of_the_system_count_as_taking_part(
    world, knower, folders: Folders, tmp_path: Path
) -> None:
    there = dataclasses.replace(folders, models=built_on("dlib", "face", tmp_path / "models"))
    for parts, weights in ((("cgan", "voice"), {"cgan.network"}), (None, {"cgan.network", "face.network"})):
        metrics = evaluate(knower, world.config, there, parts=parts)
        assert ("judges_left_out" in metrics) == (parts is None)
        assert set(metrics["models"]) == weights
        assert set(metrics["weights"]) == ({"sface"} if parts is None else {"sface", "dlib"})


def test_a_first_judge_that_took_part_is_not_replaced_by_the_second(
    world, cheat, folders: Folders, tmp_path: Path
) -> None:
    config = dataclasses.replace(
        world.config, evaluate=dataclasses.replace(world.config.evaluate, judge="dlib", second_judge="sface")
    )
    there = dataclasses.replace(folders, models=built_on("dlib", "face", tmp_path / "models"))
    with pytest.raises(
        UserError, match=r"face/config\.json: trained with dlib, which therefore cannot be its judge"
    ):
        evaluate(cheat, config, there, parts=("cgan", "face"))
    assert not folders.out.exists()


def test_a_leaking_split_does_not_pass(world, cheat, folders: Folders, tmp_path: Path) -> None:
    shutil.copytree("data/manifest", tmp_path / "manifest")
    clips = pd.read_parquet(tmp_path / "manifest/clips.parquet")
    clips.assign(split=np.where(clips.index == 0, "train", clips["split"])).to_parquet(
        tmp_path / "manifest/clips.parquet"
    )
    with pytest.raises(UserError, match=r"clips\.parquet: a row is in another split"):
        evaluate(cheat, world.config, dataclasses.replace(folders, manifest=tmp_path / "manifest"))


@pytest.mark.slow
def test_published_lists_are_scored_on_the_way(world, cheat, folders: Folders, tmp_path: Path) -> None:
    """Our own list of a first run, read back as somebody's: the same trials, the same accuracy."""
    settings = dataclasses.replace(world.config.evaluate, second_judge=None, draws=1, bootstrap=100)
    first = evaluate(cheat, dataclasses.replace(world.config, evaluate=settings), folders)
    assert "judges" not in first, "there is but one"
    config = dataclasses.replace(
        world.config, evaluate=dataclasses.replace(settings, trial_lists=str(folders.out))
    )
    for other in folders.out.iterdir():
        if other.name != "trials.parquet":
            other.unlink()
    second = evaluate(cheat, config, Folders(out=tmp_path / "second", plots=tmp_path / "plots2"))
    for suffix in SCORES:
        cell = second[f"lists{suffix}"]["trials"]["parts"]["voice_to_face"]["ungrouped"]["unseen"]
        assert cell["accuracy"] == pytest.approx(
            at(first, f"matching{suffix}", *PATHS[2])["accuracy"], abs=1e-9
        )


def of_real_people(config: Config) -> Config:
    """The same settings for people of whom the truth is unknown: no upper bound, no null attributes."""
    source = dataclasses.replace(
        config.data, source="voxceleb2", voices_root="v", faces_root="f", metadata="m"
    )
    return dataclasses.replace(config, data=source)


@pytest.mark.slow
def test_a_deaf_system_is_at_chance_and_repeats_itself(world, deaf, folders: Folders, tmp_path: Path) -> None:
    real = of_real_people(world.config)
    metrics = evaluate(deaf, real, folders)
    for key in ("matching", "matching_centred"):
        for population in ("seen", "unseen"):
            found = at(metrics, key, "voice_to_face", population, "ungrouped")
            assert found["ci95_low"] - 0.05 < 0.5 < found["ci95_high"] + 0.05
    assert not {"upper_bound", "progress", "null_attributes"} & set(metrics), (
        "real people come without the truth"
    )
    again = Folders(out=tmp_path / "again", plots=tmp_path / "plots_again")
    assert evaluate(deaf, real, again) == metrics
    for name in ("trials.parquet", "unseen.parquet", "unseen.npz"):
        assert filecmp.cmp(folders.out / name, again.out / name, shallow=False), name
    assert filecmp.cmp(folders.plots / "matching.png", again.plots / "matching.png", shallow=False)


def test_a_system_that_only_scores(world, knower, folders: Folders, tmp_path: Path) -> None:
    """It may build on a judge, as this one does."""
    shutil.copytree("models", tmp_path / "models")
    path = tmp_path / "models/cgan/config.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text(encoding="utf-8")), "trained_with": ["dlib"]}),
        encoding="utf-8",
    )
    metrics = evaluate(knower, world.config, dataclasses.replace(folders, models=tmp_path / "models"))
    for path in PATHS:
        assert at(metrics, "matching", *path)["accuracy"] == 1.0
        assert at(metrics, "verification", *path)["eer"] == 0.0
        assert at(metrics, "retrieval", *path[:2])["map"] == 1.0
    assert not {"matching_centred", "generated", "judges", "upper_bound", "progress"} & set(metrics), (
        "the upper bound is that of generated faces: none here"
    )


class Both:
    """Generates as one system does, and compares as another."""

    def __init__(self, generator, matcher) -> None:
        self.generate, self.score = generator.generate, matcher.score


@pytest.mark.slow
def test_a_system_that_generates_and_compares_is_scored_in_three_ways(
    world, deaf, knower, folders: Folders, tmp_path: Path
) -> None:
    """Its faces are of anybody and its own scores perfect, so neither can be taken for the other."""
    settings = dataclasses.replace(world.config.evaluate, second_judge=None, draws=1, bootstrap=100)
    real = dataclasses.replace(of_real_people(world.config), evaluate=settings)
    evaluate(knower, real, folders)  # leaves the trials, which are the same for every system
    config = dataclasses.replace(
        real, evaluate=dataclasses.replace(settings, trial_lists=str(tmp_path / "lists"))
    )
    (tmp_path / "lists").mkdir()
    (folders.out / "trials.parquet").rename(tmp_path / "lists" / "trials.parquet")
    metrics = evaluate(Both(deaf, knower), config, folders)
    for path in PATHS:
        assert at(metrics, "matching", *path)["accuracy"] < 0.75
        assert at(metrics, "matching_own", *path)["accuracy"] == 1.0
        assert at(metrics, "verification_own", *path)["eer"] == 0.0
        assert at(metrics, "retrieval_own", *path[:2])["map"] == 1.0
        assert at(metrics, "forced_choice_own", *path[:2], "ungrouped")["of_10"]["accuracy"] == 1.0
    assert all(
        group["accuracy"] == 1.0
        for group in metrics["fairness_own"]["gender"]["ungrouped"]["groups"].values()
    )
    assert metrics["lists_own"]["trials"]["parts"]["voice_to_face"]["ungrouped"]["unseen"]["accuracy"] == 1.0
    assert set(metrics["baselines"]["mean_face"]) == {"matching", "matching_centred"}, "of vectors of a judge"
    trials = pd.read_parquet(folders.out / "trials.parquet")
    assert (trials["positive_score_own"] > trials["impostor_score_own"]).all()
    found = np.load(folders.out / "retrieved.npz")
    assert (found["rank_own"] == 1).all()
    assert (found["rank"] > 1).any()
    table = pd.read_csv(folders.plots / "matching.csv")
    assert set(table["score"]) == {"matching", "matching_centred", "matching_own"}


def test_without_known_genders_there_is_no_gender_oracle(
    world, knower, folders: Folders, tmp_path: Path
) -> None:
    shutil.copytree("data/manifest", tmp_path / "manifest")
    people = pd.read_parquet(tmp_path / "manifest/identities.parquet")
    people.assign(gender=pd.Series([None] * len(people), dtype="str"), age_years=30.0).to_parquet(
        tmp_path / "manifest/identities.parquet"
    )
    real = of_real_people(world.config)
    metrics = evaluate(knower, real, dataclasses.replace(folders, manifest=tmp_path / "manifest"))
    assert metrics["oracle"] == {}
    assert set(at(metrics, "matching", "voice_to_face", "unseen")) == {"ungrouped", "age"}


def test_generated_faces_of_a_wrong_shape_are_refused(world, folders: Folders) -> None:
    class Wrong:
        def generate(self, voices, n, seed):
            return np.zeros((len(voices), 64, 64, 3), dtype=np.uint8)

    with pytest.raises(TypeError, match="not uint8"):
        evaluate(Wrong(), world.config, folders)
