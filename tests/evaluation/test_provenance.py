"""Models that met the unseen people, or were trained with the judge, are refused by name."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from deepfacegen.errors import UserError
from deepfacegen.evaluation.provenance import (
    assert_fair,
    assert_unselected,
    members,
    people_without_voices,
    selected_with,
    took_part,
)


def people(*ids: str) -> pd.DataFrame:
    return pd.DataFrame({"identity_id": list(ids)})


def model(folder: Path, **config: Any) -> Path:
    (folder / "cgan").mkdir(parents=True)
    found = {"trained_on": [], "trained_with": [], "chosen_on": [], **config}
    (folder / "cgan/config.json").write_text(
        json.dumps({key: value for key, value in found.items() if value is not None}), encoding="utf-8"
    )
    return folder


def test_a_judge_that_took_part_in_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cgan/config\.json.*sface"):
        assert_fair(
            model(tmp_path, trained_with=["sface"], trained_on=[]), ["sface"], people("id00007"), "sample"
        )


def test_a_model_that_knows_test_people_is_refused(tmp_path: Path) -> None:
    known = model(tmp_path, trained_with=[], trained_on=["id00000", "id00007", "id00008"])
    with pytest.raises(UserError, match=r"2 of the test identities.*id00007"):
        assert_fair(known, ["sface"], people("id00007", "id00008", "id00009"), "sample")


def test_a_model_that_heard_the_corpus_of_test_people_is_refused(tmp_path: Path) -> None:
    heard = model(tmp_path, trained_with=[], trained_on=[], trained_on_corpora=["voxceleb2"])
    with pytest.raises(UserError, match=r"voxceleb2.*1 of the test identities.*id00007.*train_only"):
        assert_fair(heard, ["sface"], people("id00007", "id90001"), "voxceleb2")
    assert_fair(heard, ["sface"], people("id90001", "id10001"), "voxceleb2")
    # Sample people bear VoxCeleb2's ids, too, but nobody has heard them.
    assert_fair(heard, ["sface"], people("id00007"), "sample")


def test_a_fair_model_passes(tmp_path: Path) -> None:
    assert_fair(
        model(tmp_path, trained_with=["other"], trained_on=["id00000"]),
        ["sface"],
        people("id00007"),
        "voxceleb2",
    )


def test_a_second_judge_is_held_to_the_same(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dlib"):
        assert_fair(model(tmp_path, trained_with=["dlib"]), ["sface", "dlib"], people("id00007"), "sample")


def test_a_judge_matters_only_in_the_parts_of_the_system_it_judges(tmp_path: Path) -> None:
    models = model(tmp_path, trained_on=["id00000"])
    (models / "face").mkdir()
    found = {"trained_on": ["id00001"], "trained_with": ["dlib"], "chosen_on": []}
    (models / "face/config.json").write_text(json.dumps(found), encoding="utf-8")
    assert_fair(models, ["sface", "dlib"], people("id00007"), "sample", parts=["voice", "cgan"])
    assert_fair(models, [], people("id00007"), "sample")
    for parts in (None, ["cgan", "face"]):
        with pytest.raises(UserError, match=r"face/config\.json.*dlib"):
            assert_fair(models, ["sface", "dlib"], people("id00007"), "sample", parts)
    with pytest.raises(UserError, match=r"face/config\.json.*id00001"):
        assert_fair(models, [], people("id00001"), "sample", parts=["cgan"])


def test_the_judges_that_took_part_are_those_of_all_parts_that_are_asked_for(tmp_path: Path) -> None:
    for name, judges in (("voice", []), ("face", ["dlib"]), ("cgan", ["sface", "dlib"]), ("pins", ["other"])):
        (tmp_path / name).mkdir()
        found = {"trained_on": [], "chosen_on": [], "trained_with": judges}
        (tmp_path / name / "config.json").write_text(json.dumps(found), encoding="utf-8")
    assert took_part(tmp_path) == {"dlib", "sface", "other"}
    assert took_part(tmp_path, ["voice", "face", "cyclegan"]) == {"dlib"}, (
        "a part that is not there has met nobody"
    )
    assert (
        took_part(tmp_path, ["voice"]) == took_part(tmp_path, []) == took_part(tmp_path / "nowhere") == set()
    )
    (tmp_path / "pins/config.json").write_text(
        json.dumps({"trained_on": [], "chosen_on": []}), encoding="utf-8"
    )
    assert took_part(tmp_path, ["cgan"]) == {"dlib", "sface"}
    for parts in (None, ["pins"]):
        with pytest.raises(UserError, match=r"pins/config\.json: does not say the judges that took part"):
            took_part(tmp_path, parts)


def test_a_checkpoint_chosen_on_test_people_is_refused(tmp_path: Path) -> None:
    chosen = model(tmp_path, trained_on=["id00000"], chosen_on=["id00008", "id00009"])
    with pytest.raises(UserError, match=r"chosen on 1 of the test identities.*id00009"):
        assert_fair(chosen, ["sface"], people("id00007", "id00009"), "sample")


@pytest.mark.parametrize("silent", ["trained_on", "trained_with", "chosen_on"])
def test_a_model_that_does_not_tell_is_not_trusted(tmp_path: Path, silent: str) -> None:
    with pytest.raises(UserError, match=rf"cgan/config\.json: does not say .*\({silent}\)"):
        assert_fair(model(tmp_path, **{silent: None}), ["sface"], people("id00007"), "sample")


def test_weights_without_a_word_about_them_are_refused(tmp_path: Path) -> None:
    (tmp_path / "found").mkdir()
    (tmp_path / "found/generator.safetensors").touch()
    with pytest.raises(UserError, match=r"found/config\.json: missing"):
        assert_fair(tmp_path, ["sface"], people("id00007"), "sample")
    (tmp_path / "found/config.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="damaged"):
        assert_fair(tmp_path, ["sface"], people("id00007"), "sample")


def test_corpora_are_known_by_their_numbering() -> None:
    ids = ["id00012", "id09272", "id10001", "id10999", "id11251", "id11252", "id90000", "n00012", "id0001"]
    assert members(ids, ["voxceleb2"]) == {"id00012", "id09272"}
    assert members(ids, ["voxceleb1"]) == {"id10001", "id10999", "id11251"}
    assert members(ids, []) == set()
    with pytest.raises(KeyError):
        members(ids, ["librispeech"])


def test_a_judge_that_selected_faces_is_refused(tmp_path: Path) -> None:
    assert selected_with(tmp_path) == set()
    assert_unselected(tmp_path, ["sface", "dlib"])
    (tmp_path / "selection.json").write_text(json.dumps({"selected_with": ["dlib"]}), encoding="utf-8")
    assert selected_with(tmp_path) == {"dlib"}
    assert_unselected(tmp_path, ["sface"])
    with pytest.raises(UserError, match=r"selection\.json.*dlib.*evaluate\.judge"):
        assert_unselected(tmp_path, ["sface", "dlib"])


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"selected_with": 3}'])
def test_a_damaged_note_of_selection_is_not_taken_for_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "selection.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match="damaged"):
        selected_with(tmp_path)


RECORD = {"people": 2, "sha256": hashlib.sha256(b"Ann_A\nn000007").hexdigest()}


def photos(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    pd.DataFrame({"face_id": names}).to_parquet(folder / "photos.parquet")
    return folder


def test_people_without_voices_are_counted(tmp_path: Path) -> None:
    models = model(tmp_path / "models", trained_on_photos=RECORD)
    manifest = photos(tmp_path / "manifest", "n000007", "Ann_A", "n000007")
    assert people_without_voices(models, manifest, people("id00007")) == 2
    assert people_without_voices(models, manifest, people("id00007"), parts=["voice"]) == 0
    silent = model(tmp_path / "silent")
    assert people_without_voices(silent, tmp_path / "absent", people("id00007")) == 0


@pytest.mark.parametrize(
    ("column", "value"), [("identity_id", "N000007"), ("voice_id", "n000007"), ("face_id", "ann a.")]
)
def test_a_model_that_saw_photos_of_test_people_is_refused(tmp_path: Path, column: str, value: str) -> None:
    models = model(tmp_path / "models", trained_on_photos=RECORD)
    manifest = photos(tmp_path / "manifest", "n000007", "Ann_A")
    unseen = pd.DataFrame({"identity_id": ["id1"], "voice_id": ["id1"], "face_id": ["x"]})
    assert people_without_voices(models, manifest, unseen) == 2
    with pytest.raises(UserError, match=r"cgan/config\.json: trained on photos of 1 of the test identities"):
        people_without_voices(models, manifest, unseen.assign(**{column: [value]}))


def test_photos_of_another_manifest_are_refused(tmp_path: Path) -> None:
    models = model(tmp_path / "models", trained_on_photos=RECORD)
    for manifest in (photos(tmp_path / "other", "n000007"), tmp_path / "absent"):
        with pytest.raises(UserError, match=r"2 people without voices who are not those of .*run its stage"):
            people_without_voices(models, manifest, people("id00007"))
    # A system that the model is no part of is none the worse for it.
    assert people_without_voices(models, tmp_path / "absent", people("id00007"), parts=["pins"]) == 0
