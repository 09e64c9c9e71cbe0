"""Tables of attributes: from the truth, from metadata, folder names, CelebA's list and an estimator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfacegen.config.systems import CycleganConfig
from deepfacegen.data.manifest import attributes
from deepfacegen.errors import UserError

FACES = pd.DataFrame(
    {
        "photo_id": ["n1/a", "n1/b", "n2/a"],
        "face_id": ["n1", "n1", "n2"],
        "identity_id": ["id1", "id1", "id2"],
    }
)


def test_auto_follows_the_source_of_the_people() -> None:
    config = CycleganConfig(attributes="broad,male,light_eyes,over_50")
    sample, own = (attributes.resolved(config, source) for source in ("sample", "folder"))
    assert (sample.attributes_from, sample.attributes) == ("truth", config.attributes)
    assert (own.attributes_from, own.attributes) == ("estimator", "male,over_50")
    chosen = CycleganConfig(attributes_from="listed")
    assert attributes.resolved(chosen, "folder") is chosen
    with pytest.raises(UserError, match="the estimator knows male and over_50 only, not broad"):
        attributes.resolved(CycleganConfig(attributes="broad"), "voxceleb2")


def _truth(folder: Path) -> Path:
    path = folder / "truth.parquet"
    rows = {
        "face_id": ["n1", "n2"],
        "gender": ["m", "f"],
        "age_years": [49.9, 50.0],
        "body_size": [0.7, 0.2],
        "skin_tone": ["deep", "light"],
        "eye_colour": ["brown", "grey"],
        "hair_colour": ["black", "black"],
    }
    pd.DataFrame(rows).to_parquet(path)
    return path


def test_the_truth_of_a_person_is_that_of_each_photo(tmp_path: Path) -> None:
    names = list(attributes.TRUTH)
    table = attributes.from_truth(_truth(tmp_path), FACES, names)
    assert table.index.tolist() == FACES["photo_id"].tolist()
    # n1: a man under 50, broad, dark, brown eyes, black hair; n2: a woman of 50, slim, light, grey eyes,
    # whose hair has begun to grey.
    assert table[names].to_numpy().tolist() == [[1, -1, 1, 1, -1, 1]] * 2 + [[-1, 1, -1, -1, 1, -1]]


def test_an_attribute_that_the_truth_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="truth has no smiling"):
        attributes.from_truth(_truth(tmp_path), FACES, ["smiling"])


def test_a_missing_truth_and_a_person_it_lacks_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="only sample people"):
        attributes.from_truth(tmp_path / "none.parquet", FACES, ["male"])
    with pytest.raises(UserError, match="does not know n3"):
        attributes.from_truth(_truth(tmp_path), FACES.assign(face_id="n3"), ["male"])


def test_metadata_that_lacks_a_gender_or_an_age_gives_unknown() -> None:
    people = pd.DataFrame({"identity_id": ["id1", "id2"], "gender": ["f", None], "age_years": [np.nan, 61.0]})
    table = attributes.from_listed(people, FACES, ["male", "over_50"])
    np.testing.assert_array_equal(table.to_numpy(), [[-1, np.nan], [-1, np.nan], [np.nan, 1]])


def test_folders_tell_gender_and_age_as_in_utkface() -> None:
    table = attributes.from_folders(["utk/6.0/a.jpg", "utk/7.1/b.jpg"], ["a", "b"], ["male", "over_50"])
    assert table.to_numpy().tolist() == [[1, -1], [-1, 1]]


@pytest.mark.parametrize("folder", ["a", "4", "4.2", "44.1"])
def test_a_folder_of_another_name_is_refused(folder: str) -> None:
    with pytest.raises(UserError, match="not in a folder such as"):
        attributes.from_folders([f"{folder}/x.jpg"], ["x"], ["male"])


def test_celebas_list_is_read_by_file_name_with_our_names_or_its_own(tmp_path: Path) -> None:
    path = tmp_path / "list_attr_celeba.txt"
    path.write_text("2\nMale Young Smiling\n000001.jpg  1  1 -1\n000002.jpg -1 -1  1\n", encoding="utf-8")
    table = attributes.from_celeba(
        path, ["n1/000002", "n1/000009", "n2/000001.jpg"], ["male", "over_50", "Smiling"]
    )
    np.testing.assert_array_equal(table.to_numpy(), [[-1, 1, 1], [np.nan] * 3, [1, -1, -1]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not in the format"),
        ("1\nMale\n1.jpg 1 1\n", "not one file name and 1 values"),
        ("1\nMale\n1.jpg 2\n", "not one file name and 1 values"),
        ("1\nMale\n1.jpg x\n", "not in the format"),
        ("1\nYoung\n1.jpg 1\n", "list.txt has no Male"),
        ("1\nMale\n7.jpg 1\n", "names none of 1 photos"),
    ],
)
def test_a_damaged_list_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        attributes.from_celeba(path, ["1"], ["male"])


def test_an_estimator_close_to_the_line_tells_nothing() -> None:
    table = attributes.from_estimates(
        np.array([0.9, 0.55, 0.1]), np.array([30.0, 49.0, 70.0]), ["a", "b", "c"], ["male", "over_50"]
    )
    np.testing.assert_array_equal(table.to_numpy(), [[1, -1], [np.nan, np.nan], [-1, 1]])


@pytest.mark.parametrize("text", ["", " , ", "male,male"])
def test_attributes_must_be_named_once_each(text: str) -> None:
    with pytest.raises(UserError, match="each once"):
        attributes.names_of(text)
