"""A release: complete, small, loadable as a folder of models, with its figures side by side, and without a
list of people."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from deepfacegen.config.schema import PriorConfig
from deepfacegen.encoders import speaker
from deepfacegen.errors import UserError
from deepfacegen.evaluation import provenance
from deepfacegen.release import build, card, evaluation, folder
from deepfacegen.systems import registry
from deepfacegen.systems.prior import prior
from tests.release import made
from tests.shared.priors import tiny_prior

FILES = {
    *("card.md", "config.json", "traits.safetensors", "training_voices.safetensors", "voice_to_face.onnx"),
    *(
        "voice/config.json",
        "voice/encoder.safetensors",
        "cgan/config.json",
        "cgan/condition.safetensors",
        "cgan/generator.safetensors",
    ),
}


def names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def read(release: Path) -> dict:
    return json.loads((release / "config.json").read_text(encoding="utf-8"))


def test_it_holds_what_it_takes_to_draw_and_no_more(release: Path) -> None:
    assert names(release) == FILES


def test_it_is_a_folder_of_models_that_draws_what_the_models_draw(release: Path) -> None:
    speech = [made.buzz(140, 4.0, np.random.default_rng(1))]
    original, released = (registry.load("cgan", root, "cpu") for root in (release.parent, release))
    np.testing.assert_array_equal(original.generate(speech, 3, 7), released.generate(speech, 3, 7))
    with pytest.raises(RuntimeError, match="without its discriminator"):
        released.face_features(np.zeros((1, 64, 64, 3), np.uint8))


def test_digests_and_sizes_are_those_of_the_files(release: Path) -> None:
    result = read(release)["files"]
    assert set(result) == FILES - {"config.json"}
    for name, entry in result.items():
        data = (release / name).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def test_no_list_of_people_but_a_digest_to_check_one_against(release: Path) -> None:
    met = [f"train{k:02d}" for k in range(made.PEOPLE["train"])]
    expected = {"identities": len(met), "sha256": hashlib.sha256("\n".join(met).encode()).hexdigest()}
    result = read(release)["provenance"]
    assert result["trained_on"] == {"voice": expected, "cgan": expected}
    assert result["splits"]["train"] == expected
    assert result["splits"]["test"]["identities"] == made.PEOPLE["test"]
    carried = set(folder.read_examples(release).identity_ids)
    for name in names(release):
        if name != folder.EXAMPLES:
            assert not re.findall(rb"(?:train|val|test)\d\d", (release / name).read_bytes()), name
    assert len(carried) == 5
    assert carried <= set(met)


def test_figures_stand_side_by_side(release: Path) -> None:
    figures = read(release)["figures"]
    assert figures["matching"]["ungrouped"]["unseen"]["accuracy"] == 0.812
    assert figures["matching"]["ungrouped"]["seen"]["accuracy"] == 0.901
    assert figures["oracle"]["gender"]["unseen"] == {"accuracy": pytest.approx(0.692)}
    assert figures["traits"]["gender"]["unseen"]["auc"] > 0.95  # pitch tells it
    assert figures["traits"]["age"]["unseen"]["identities"] == made.PEOPLE["test"]


def test_the_card_shows_them(release: Path) -> None:
    text = (release / folder.CARD).read_text(encoding="utf-8")
    assert "| any impostor, cosine | 81.2 [71.2, 86.2] | 90.1 [80.1, 95.1] | 400 |" in text
    assert "| impostor of the same gender, knowing the gender alone | 69.2 | 70.1 | |" in text
    assert "never evidence" in text
    assert "60 training, 16 validation, 20 test" in text
    assert "synthetic sample people alone" in text
    assert "The voice encoder was trained on the training people." in text
    assert "started from a ready-made prior of faces, trained on synthetic portraits" in text
    assert "{" not in text
    assert "None" not in text


def test_a_card_without_readouts_says_why(release: Path) -> None:
    config = read(release)
    config["figures"]["traits"]["age"] = {
        "missing": {
            "labelled": {"train": {"age": 3}, "val": {"age": 0}},
            "needed_of_each": {"train": 20, "val": 5},
        }
    }
    config["figures"]["matching"].pop("gender")
    config["examples"] = 0
    config["provenance"]["source"] = "voxceleb2"
    config["provenance"]["trained_on_corpora"]["voice"] = ["voxceleb1"]
    text = card.render(config)
    assert (
        "apparent age | none: too few people are labelled (train: 3 age, 20 needed; val: 0 age, 5 needed)"
        in text
    )
    assert "impostor of the same gender, cosine" not in text
    assert "It holds nobody's data." in text
    assert "real people" in text
    assert "trained by others on voxceleb1" in text
    assert "without voices" not in text
    config["provenance"]["trained_on_photos"] = {"cgan": {"people": 8000, "sha256": "0" * 64}}
    assert "Faces were also learned from photos of 8000 people without voices." in card.render(config)


@pytest.mark.parametrize(
    ("architecture", "people", "words"),
    [
        ("portraits", [], "trained on synthetic portraits"),
        ("trained", ["train01", "train00"], "trained on the training people's photos"),
    ],
)
def test_it_says_what_the_generator_started_from(
    architecture: str, people: list[str], words: str, release: Path, tmp_path: Path
) -> None:
    for name in ("cgan", "prior"):
        shutil.copytree(release.parent / name, tmp_path / name)
    prior.save(tmp_path / "prior", PriorConfig(architecture=architecture), tiny_prior(), people)
    digest = hashlib.sha256("\n".join(sorted(people)).encode()).hexdigest()
    found = build.prior_of(tmp_path)
    assert found == {"architecture": architecture, "identities": len(people), "sha256": digest}
    config = read(release)
    config["provenance"]["prior"] = found
    assert words in card.render(config)
    shutil.rmtree(tmp_path / "prior")
    with pytest.raises(UserError, match="prior: no trained model there"):
        build.prior_of(tmp_path)


def test_the_papers_generator_starts_from_no_prior(release: Path, tmp_path: Path) -> None:
    shutil.copytree(release.parent / "cgan", tmp_path / "cgan")
    path = tmp_path / "cgan/config.json"
    changed = json.loads(path.read_text(encoding="utf-8"))
    changed["params"]["architecture"] = "paper"
    path.write_text(json.dumps(changed), encoding="utf-8")
    assert build.prior_of(tmp_path) is None
    config = read(release)
    config["provenance"]["prior"] = None
    text = card.render(config)
    assert "began with random weights" in text
    assert "prior of faces" not in text


def test_examples_are_people_as_they_sound_and_look(release: Path) -> None:
    found = folder.read_examples(release)
    assert found.faces.shape == (5, 64, 64, 3)
    np.testing.assert_allclose(np.linalg.norm(found.voices, axis=1), 1, rtol=1e-5)
    # The corpus paints its n-th person in grey 2n; people are evenly spaced in the list.
    assert found.identity_ids == ["train00", "train14", "train29", "train44", "train59"]
    assert found.faces[:, 0, 0, 0].tolist() == [0, 28, 58, 88, 118]


def test_a_release_of_nobody_carries_nobody(release: Path, tmp_path: Path) -> None:
    manifest, audio, photos = made.corpus(tmp_path / "data")
    few = type(manifest)(
        *(table[table["split"] != "val"] for table in (manifest.identities, manifest.clips, manifest.faces))
    )
    source = build.Source(
        release.parent, few, audio, photos, made.evaluation(tmp_path / "cgan.json", release.parent)
    )
    result = build.build(
        tmp_path / "out", source, speaker.load(release.parent / "voice", made.CPU), examples=0
    )
    assert result["gender"]["missing"]["labelled"]["val"] == {"f": 0, "m": 0}
    assert folder.EXAMPLES not in names(tmp_path / "out")
    assert folder.read_examples(tmp_path / "out") is None
    assert read(tmp_path / "out")["examples"] == 0
    assert {name.split(".")[0] for name in load_file(tmp_path / "out" / "traits.safetensors")} == {
        "typicality"
    }


def test_ages_of_sample_people_come_from_the_truth_where_none_are_listed(tmp_path: Path) -> None:
    pd.DataFrame({"voice_id": ["b", "a", "c"], "age_years": [40.0, 30.0, 50.0]}).to_parquet(
        tmp_path / "truth.parquet"
    )
    listed = pd.DataFrame({"voice_id": ["a", "b", "d"], "age_years": [None, 41.0, None]})
    assert build.with_ages(listed, tmp_path / "truth.parquet")["age_years"].tolist()[:2] == [30.0, 41.0]
    assert np.isnan(build.with_ages(listed, tmp_path / "truth.parquet")["age_years"].iloc[2])
    assert build.with_ages(listed[["voice_id"]], tmp_path / "truth.parquet")["age_years"].tolist()[:2] == [
        30.0,
        40.0,
    ]
    assert build.with_ages(listed, None) is listed


def test_an_evaluation_of_other_weights_is_refused(release: Path, tmp_path: Path) -> None:
    path = made.evaluation(tmp_path / "cgan.json", release.parent)
    result = json.loads(path.read_text())
    result["models"]["cgan.generator"] = "0" * 64
    path.write_text(json.dumps(result))
    with pytest.raises(UserError, match="measured with other weights"):
        evaluation.read(path, release.parent)
    path.write_text("{")
    with pytest.raises(UserError, match="damaged"):
        evaluation.read(path, release.parent)
    with pytest.raises(UserError, match="evaluate first"):
        evaluation.read(tmp_path / "none.json", release.parent)


def test_an_evaluation_passes_by_a_release_but_not_by_what_only_calls_itself_one(
    release: Path, tmp_path: Path
) -> None:
    strangers = pd.DataFrame({"identity_id": ["test00"]})
    provenance.assert_fair(release.parent, ["sface"], strangers, "sample")
    assert provenance.took_part(release.parent) == set()
    shutil.copytree(release, tmp_path / "models" / "release")
    with pytest.raises(UserError, match="does not say"):
        provenance.assert_fair(tmp_path / "models", ["sface"], strangers, "sample")
