"""How drawn faces are judged against true ones: PSNR and SSIM, the judge of attributes, and the block of
figures of an oracle and of bicubic."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import FaceShards
from deepfacegen.evaluation.embedders.chips import shrink
from deepfacegen.evaluation.refinement import attribute_classifier, measure

PEOPLE, PHOTOS = 40, 3


def _noisy(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    smooth = cv2.resize(
        rng.integers(0, 255, (8, 8, 3), dtype=np.uint8), (64, 64), interpolation=cv2.INTER_CUBIC
    )
    return smooth[None], np.clip(smooth + rng.normal(0, 12, smooth.shape), 0, 255).astype(np.uint8)[None]


def test_psnr_of_a_face_that_is_off_by_ten_everywhere() -> None:
    true = np.full((2, 16, 16, 3), 100, np.uint8)
    off = true + np.array([10, 0], np.uint8)[:, None, None, None]
    np.testing.assert_allclose(measure.psnr(off, true), [20 * np.log10(25.5), np.inf])


def test_ssim_of_flat_faces_is_that_of_their_levels() -> None:
    x, y = np.full((1, 32, 32, 3), 60, np.uint8), np.full((1, 32, 32, 3), 90, np.uint8)
    c1 = (0.01 * 255) ** 2
    assert measure.ssim(x, y)[0] == pytest.approx((2 * 60 * 90 + c1) / (60**2 + 90**2 + c1))
    assert measure.ssim(x, x)[0] == pytest.approx(1.0)


@pytest.mark.parametrize("seed", [0, 1])
def test_both_agree_with_scikit_image(seed: int) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    true, drawn = _noisy(seed)
    window: dict[str, Any] = {
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
        "data_range": 255,
        "channel_axis": -1,
    }
    assert measure.ssim(drawn, true)[0] == pytest.approx(
        metrics.structural_similarity(true[0], drawn[0], **window), abs=1e-6
    )
    assert measure.psnr(drawn, true)[0] == pytest.approx(metrics.peak_signal_noise_ratio(true[0], drawn[0]))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, FaceShards, pd.DataFrame, np.ndarray]:
    """People whose faces are a grid of a colour of their own; the first attribute is a bright top, the second
    a striped bottom."""
    rng = np.random.default_rng(3)
    pictures, rows = [], []
    shown = rng.choice([-1.0, 1.0], (PEOPLE, 2))
    for person in range(PEOPLE):
        base = cv2.resize(
            rng.integers(60, 160, (8, 8, 3), dtype=np.uint8), (64, 64), interpolation=cv2.INTER_CUBIC
        ).astype(float)
        base[8:32] += 50 * shown[person, 0]
        base[36:56, 8:56:4] += 60 * (shown[person, 1] > 0)
        for photo in range(PHOTOS):
            rows.append(
                {
                    "identity_id": f"id{person:02d}",
                    "photo_id": f"{person:02d}/{photo}",
                    "shard": 0,
                    "row": len(pictures),
                }
            )
            pictures.append(np.clip(base + rng.normal(0, 4, base.shape), 0, 255).astype(np.uint8))
    folder = tmp_path_factory.mktemp("world")
    np.save(folder / "shard-00000.npy", np.stack(pictures))
    faces = pd.DataFrame(rows)
    faces["split"] = np.where(faces["identity_id"] < "id28", "train", "test")
    table = pd.DataFrame(
        np.repeat(shown, PHOTOS, axis=0),
        index=faces["photo_id"],
        columns=["bright", "striped"],
        dtype=np.float32,
    )
    people = faces.drop_duplicates("identity_id")[["identity_id", "split"]]
    return Manifest(people, people, faces), FaceShards(folder), table, np.stack(pictures)


def _embed(faces: np.ndarray) -> np.ndarray:
    flat = shrink(faces, 16).reshape(len(faces), -1).astype(float)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def _measure(
    world: tuple[Manifest, FaceShards, pd.DataFrame, np.ndarray], refine: measure.Refine, **more: Any
) -> dict[str, Any]:
    manifest, photos, table, _ = world
    return measure.measure(refine, 16, 64, manifest, photos, table, _embed, 200, 0, **more)


def test_bicubic_gains_nothing_on_itself(
    world: tuple[Manifest, FaceShards, pd.DataFrame, np.ndarray],
) -> None:
    metrics = _measure(world, lambda low, _asked: measure.enlarged(low, 64))
    assert metrics["faces"] == 36
    assert metrics["identities"] == 12
    assert metrics["scale"] == 4
    for name in ("psnr_db", "ssim", "identity_cosine"):
        for way in ("given", "guessed"):
            assert (
                metrics[name][way]["gain"]
                == metrics[name][way]["gain_ci95_low"]
                == metrics[name][way]["gain_ci95_high"]
                == 0
            )
            assert metrics[name][way]["refined"] == metrics[name]["bicubic"]
    # Nothing that was asked for is done, so that whoever is asked for what he does not show is wrong, as
    # often as photos are right.
    assert metrics["attributes"]["real_photos"]["all"] > 0.9
    assert metrics["attributes"]["changed"]["bright"] < 0.2


def test_who_knows_the_photos_gains_surely_and_shows_what_was_asked(
    world: tuple[Manifest, FaceShards, pd.DataFrame, np.ndarray],
) -> None:
    manifest, _, table, pictures = world
    unseen = manifest.split("test").faces
    true, shown = pictures[unseen["row"]], table.loc[unseen["photo_id"]].to_numpy()

    def oracle(low: np.ndarray, asked: np.ndarray | None) -> np.ndarray:
        own = shrink(true, 16)
        found = true[[int(np.abs(own.astype(int) - face).sum(axis=(1, 2, 3)).argmin()) for face in low]]
        if asked is None or (asked == shown).all():
            return found ^ 1  # off by one everywhere
        return true[[int((shown == wish).all(axis=1).argmax()) for wish in asked]]  # anybody who shows that

    metrics = _measure(world, oracle, swap=lambda _low, identity: identity)
    assert metrics["psnr_db"]["given"]["refined"] == pytest.approx(20 * np.log10(255))
    for name in ("psnr_db", "ssim", "identity_cosine"):
        assert metrics[name]["given"]["gain_ci95_low"] > 0
    assert metrics["attributes"]["changed"]["all"] > 0.9
    assert metrics["attributes"]["own"]["all"] == pytest.approx(
        metrics["attributes"]["real_photos"]["all"], abs=0.03
    )
    assert metrics["swap"]["identity_cosine"] == pytest.approx(1)
    assert metrics["swap"]["identity_nearer"] == 1


def test_the_judge_of_attributes_is_made_of_all_photos_of_training_and_validation_people_and_no_test_person(
    world: tuple[Manifest, FaceShards, pd.DataFrame, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, photos, table, pictures = world
    split = manifest.faces["split"].mask(manifest.faces["identity_id"] == "id07", "val")
    met: list[np.ndarray] = []
    monkeypatch.setattr(
        attribute_classifier.AttributeClassifier,
        "fit",
        classmethod(lambda _cls, faces, attributes: met.extend([faces, attributes])),
    )
    attribute_classifier.classifier(
        Manifest(manifest.identities, manifest.clips, manifest.faces.assign(split=split)), photos, table
    )
    known = (split != "test").to_numpy()
    assert known.sum() == 28 * PHOTOS
    np.testing.assert_array_equal(met[0], pictures[known])
    np.testing.assert_array_equal(met[1], table.to_numpy()[known])


def test_the_judge_of_attributes_tells_the_colour_of_eyes_in_any_light() -> None:
    """Faces that differ in nothing but two spots of a few pixels, seen in more or less light."""
    rng = np.random.default_rng(5)
    light = rng.choice([-1.0, 1.0], 160)
    faces = np.full((160, 64, 64, 3), 150.0) + rng.normal(0, 3, (160, 64, 64, 3))
    for x in (22, 40):
        faces[:, 26:29, x : x + 3] = np.where(light[:, None] > 0, [95.0, 110, 125], [95.0, 70, 50])[
            :, None, None
        ]
    seen = (faces * rng.uniform(0.5, 1.5, (160, 1, 1, 1))).clip(0, 255).astype(np.uint8)
    judge = attribute_classifier.AttributeClassifier.fit(seen[:120], light[:120, None])
    assert ((judge.scores(seen[120:])[:, 0] > 0) == (light[120:] > 0)).mean() > 0.95
