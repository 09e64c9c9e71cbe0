"""Cross-validation beside faces that another system made: who belongs to whom, what is left out, and the same
trials for both."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from deepfacegen.config.schema import PriorConfig
from deepfacegen.data.batches import Manifest
from deepfacegen.data.faces import align
from deepfacegen.data.faces.detect import Detections, Detector
from deepfacegen.data.files.pictures import RejectError
from deepfacegen.errors import UserError
from deepfacegen.evaluation.protocol.population import populations
from deepfacegen.evaluation.protocol.tasks import build_protocol
from deepfacegen.systems.prior import prior
from tests.release.made import buzz
from tests.shared.pictures import portrait, write_photo
from tests.shared.priors import TINY, tiny_prior

FOLDS = runpy.run_path(str(Path(__file__).parents[2] / "tools/folds.py"))
people, published, scores, systems = (FOLDS[name] for name in ("people", "published", "scores", "systems"))
PEOPLE, PHOTOS, SIZE_PX = 12, 2, 64


def manifest(splits: list[str], clips: int = 2) -> Manifest:
    """Person i is id<i>, with photos n<i>/0 and n<i>/1."""
    rows = [
        {
            "identity_id": f"id{i}",
            "voice_id": f"id{i}",
            "face_id": f"n{i}",
            "split": split,
            "label": -1 if split == "test" else splits[:i].count("train"),
            "gender": "fm"[i % 2],
            "nationality": None,
            "age_years": None,
        }
        for i, split in enumerate(splits)
    ]
    of_clips = [{**row, "clip_id": f"{row['voice_id']}/v/{k}"} for row in rows for k in range(clips)]
    of_faces = [{**row, "photo_id": f"{row['face_id']}/{k}"} for row in rows for k in range(PHOTOS)]
    return Manifest(*(pd.DataFrame(table) for table in (rows, of_clips, of_faces)))


def inventories(tables: Manifest) -> tuple[pd.DataFrame, pd.DataFrame]:
    voices = tables.clips[["clip_id", "voice_id"]]
    return voices, tables.faces[["photo_id", "face_id"]].assign(kind="photo")


def test_a_clip_has_the_photo_of_its_number() -> None:
    tables = manifest(["train", "test"])
    voices, photos = inventories(tables)
    more = pd.DataFrame({"clip_id": ["id0/u/9", "id9/v/0"], "voice_id": ["id0", "id9"]})
    frame = pd.DataFrame({"photo_id": ["n1/#0"], "face_id": ["n1"], "kind": ["video"]})
    found = published.paired(tables.identities, pd.concat([voices, more]), pd.concat([photos, frame]))
    # A third clip of id0, first by name; a frame is no photo, and id9 is nobody of the manifest.
    assert found.to_dict() == {"id0/u/9": "n0/0", "id0/v/0": "n0/1", "id1/v/0": "n1/0", "id1/v/1": "n1/1"}


class Known:
    """A detector that knows where the faces are, the first one 40 px further in than in an aligned face."""

    def detect(self, image: np.ndarray) -> Detections:
        self.image = image
        first = align.template(224) + 40
        points = np.stack([first, first + 50]).astype(np.float32)
        return Detections(np.zeros((2, 4), dtype=np.float32), points, np.ones(2, dtype=np.float32))


def test_the_first_face_of_a_picture_with_its_border_continued_is_aligned() -> None:
    photo = portrait(0)
    face = align.align(photo, Detector().detect(photo).points[0], 224)
    known = Known()
    found = published.cut(face, known, 128)
    np.testing.assert_array_equal(known.image, np.pad(face, ((40, 40), (40, 40), (0, 0)), mode="edge"))
    np.testing.assert_allclose(found, align.align(face, align.template(224), 128), atol=1)  # of 255 levels


def test_a_face_that_fills_its_picture_is_found() -> None:
    for person in range(6):
        photo = portrait(person)
        face = align.align(photo, Detector().detect(photo).points[0], 224)
        assert published.cut(face, Detector(0.5), 128).shape == (128, 128, 3)


def test_a_picture_without_a_face_is_rejected() -> None:
    with pytest.raises(RejectError, match="no_face"):
        published.cut(np.full((224, 224, 3), 128, dtype=np.uint8), Detector(0.5), 128)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    for kind, table in zip(("voices", "faces"), inventories(manifest(["train", "test"])), strict=True):
        (tmp_path / "raw" / kind).mkdir(parents=True)
        table.to_parquet(tmp_path / "raw" / kind / "inventory.parquet")
    return tmp_path / "raw"


def brightness(faces: np.ndarray) -> np.ndarray:
    return np.stack([faces.mean(axis=(1, 2, 3)), np.ones(len(faces))], axis=1).astype(np.float32)


def test_clips_without_a_usable_face_are_counted(tmp_path: Path, raw: Path) -> None:
    write_photo(tmp_path / "theirs/n0/0.jpg", portrait(0))
    write_photo(tmp_path / "theirs/n1/0.png", portrait(1))
    write_photo(tmp_path / "theirs/n1/1.jpg", np.zeros((224, 224, 3), dtype=np.uint8))
    found = published.read(tmp_path / "theirs", manifest(["train", "test"]), {"a": brightness}, SIZE_PX, raw)
    assert found.clip_ids.tolist() == ["id0/v/0", "id1/v/0"]
    assert found.left_out == {"id0/v/1": "no_file", "id1/v/1": "no_face"}
    assert found.reasons({"id1/v/0", "id1/v/1"}) == {"no_face": 1}
    assert found.of(manifest(["train", "test"]).clips)["a"].shape == (2, 1, 2)


def test_a_folder_of_other_names_is_refused_with_an_example(tmp_path: Path, raw: Path) -> None:
    write_photo(tmp_path / "theirs/0.jpg", portrait(0))
    for folder, message in (("theirs", r"4.*such as n0/0.jpg"), ("nowhere", "no such folder")):
        with pytest.raises(UserError, match=message):
            published.read(tmp_path / folder, manifest(["train", "test"]), {"a": brightness}, SIZE_PX, raw)


def test_who_has_no_published_face_is_left_out_of_the_test_people_alone() -> None:
    part = people.evaluated_on(manifest(["train", "test", "test", "train"]), {"id1/v/1"})
    assert part.identities["identity_id"].tolist() == ["id0", "id1", "id3"]
    assert part.clips["clip_id"].tolist() == ["id0/v/0", "id0/v/1", "id1/v/1", "id3/v/0", "id3/v/1"]
    assert part.faces["photo_id"].tolist() == ["n0/0", "n0/1", "n1/0", "n1/1", "n3/0", "n3/1"]


def test_both_systems_have_the_same_trials() -> None:
    """Faces that equal the person's photos are always right, and faces that are all alike never decide."""
    both = populations(manifest(["train"] * 6 + ["test"] * 6), 10, 0)
    protocol = build_protocol(both, 5, 10, 0)
    vectors = np.eye(12)
    real = {"sface": pd.DataFrame(np.repeat(vectors, PHOTOS, axis=0))}
    real["sface"].index = pd.Index([f"n{i}/{k}" for i in range(12) for k in range(PHOTOS)])
    own = {p.name: vectors[p.clips["identity_id"].str[2:].astype(int)][:, None] for p in both}
    alike = {p.name: np.ones((len(p.clips), 1, 12)) / 12**0.5 for p in both}
    some = {"seen": own["seen"][:3], "unseen": own["unseen"]}  # seen people's faces are only averaged
    perfect, chance = (
        scores.judged(protocol, {name: {"sface": of} for name, of in faces.items()}, real)
        for faces in (some, alike)
    )
    cells = {f"sface{suffix}.{group}" for suffix in ("", "_centred") for group in ("ungrouped", "gender")}
    assert perfect == dict.fromkeys(cells, 1.0)
    assert chance == dict.fromkeys(cells, 0.5)
    found = scores.beside(chance, perfect)
    assert found["difference.sface_centred.gender"] == -0.5
    assert found["published.sface.ungrouped"] == 1.0


def test_intervals_are_students_over_the_folds() -> None:
    results = [{"sface.ungrouped": value, "own.gender": 1.0} for value in (0.5, 0.6, 0.7)]
    del results[1]["own.gender"]
    found = scores.summary(results)
    assert set(found) == {"sface.ungrouped"}  # the other one is not of every fold
    half = 4.302653 * 0.1 / 3**0.5  # the table's 97.5 % value of two degrees of freedom
    assert found["sface.ungrouped"] == pytest.approx({"mean": 0.6, "low": 0.6 - half, "high": 0.6 + half})


def test_the_table_has_both_systems_and_their_difference() -> None:
    ours = {"sface.ungrouped": 0.5, "quality.precision": 0.25, "own.ungrouped": 0.75}
    folds = [scores.beside(ours, {"sface.ungrouped": 0.625, "quality.precision": 0.5})] * 2
    lines = scores.table(scores.summary(folds)).splitlines()
    assert lines[0].split() == ["system", "published", "difference"]
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "sface.ungrouped 50.0 [50.0, 50.0] 62.5 [62.5, 62.5] -12.5 [-12.5, -12.5]",
        "quality.precision 0.25 [0.25, 0.25] 0.50 [0.50, 0.50] -0.25 [-0.25, -0.25]",
        "own.ungrouped 75.0 [75.0, 75.0]",
    ]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What the stages up to `manifest` leave of sample people; `theirs`: their photos as published faces."""
    tables, rng = manifest(["train"] * 10 + ["val"] * 2), np.random.default_rng(0)
    waves = [buzz(100.0 + 15 * (i // 2), 1.5, rng) for i in range(2 * PEOPLE)]
    photos = [portrait(i // PHOTOS, i % PHOTOS) for i in range(PHOTOS * PEOPLE)]
    faces = [published.cut(photo, Detector(0.5), SIZE_PX) for photo in photos]
    lengths = np.array([len(wave) for wave in waves])
    clips = tables.clips.assign(shard=0, offset_samples=np.cumsum(lengths) - lengths, length_samples=lengths)
    folder = tmp_path / "project/data"
    for name, array in (("audio", np.concatenate(waves)), ("faces", np.stack(faces))):
        (folder / name).mkdir(parents=True)
        np.save(folder / name / "shard-00000.npy", array)
    (folder / "manifest").mkdir()
    tables.identities.to_parquet(folder / "manifest/identities.parquet")
    clips.to_parquet(folder / "manifest/clips.parquet")
    tables.faces.assign(shard=0, row=range(len(faces))).to_parquet(folder / "manifest/faces.parquet")
    for kind, table in zip(("voices", "faces"), inventories(tables), strict=True):
        (folder / "raw" / kind).mkdir(parents=True)
        table.to_parquet(folder / "raw" / kind / "inventory.parquet")
    for photo_id, photo in zip(tables.faces["photo_id"], photos, strict=True):
        write_photo(folder.parent / f"theirs/{photo_id}.png", photo)
    (folder.parent / "theirs/n0/1.png").unlink()
    small = {"steps": 4, "batch": 4, "adversary_from": 2}
    parameters = {
        "pretrain": {"steps": 4, "batch": 4, "channels": 16, "embedding_dim": 8},
        "prior": {
            **{**small, "architecture": "trained", "image_size_px": 32},
            **{"channels": 8, "max_channels": 16, "code_dim": 8, "flow_steps": 5},
        },
        "train": small,
        "faces": {"size_px": SIZE_PX},
        "evaluate": {"draws": 1, "second_judge": "dlib", "bootstrap": 100},
    }
    (folder.parent / "params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
    return folder.parent


def test_a_prior_that_knows_held_out_people_is_refused(tmp_path: Path) -> None:
    tables = manifest(["train"] * 3)
    known, other = tables.identities["identity_id"][:2].tolist(), ["somebody"]
    config = PriorConfig(architecture="trained")
    prior.save(tmp_path / "other", config, tiny_prior(), other)
    prior.save(tmp_path / "known", config, tiny_prior(), known)
    held_out = np.array([True, False, True])
    assert systems.stranger(tmp_path / "other", tables, held_out).sizes == TINY
    assert systems.stranger(tmp_path / "known", tables, np.array([False, False, True])).sizes == TINY
    with pytest.raises(UserError, match="known: trained on 1 people who are held out"):
        systems.stranger(tmp_path / "known", tables, held_out)


@pytest.mark.slow
def test_photos_in_the_place_of_published_faces_nearly_always_match(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["folds.py", "--published", "theirs", "--folds", "2"])
    assert FOLDS["main"]() == 0
    row: dict[str, Any] = json.loads(Path("folds.jsonl").read_text(encoding="utf-8"))
    assert (row["people"], row["clips"], row["left_out"]) == (PEOPLE, 2 * PEOPLE - 1, {"no_file": 1})
    for judge in ("sface", "dlib"):
        for suffix in ("", "_centred"):
            cell = f"{judge}{suffix}.ungrouped"
            assert row[f"published.{cell}"]["mean"] > 0.85
            assert row[f"difference.{cell}"]["mean"] == pytest.approx(
                row[cell]["mean"] - row[f"published.{cell}"]["mean"]
            )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["system", "published", "difference"]
    assert len(lines) > 8
