"""Who is evaluated, and what spoils it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfacegen.data.batches import Manifest
from deepfacegen.errors import UserError
from deepfacegen.evaluation.protocol.population import SEEN_AT_LEAST, digest, populations


def manifest(train: int, test: int, clips: int = 5) -> Manifest:
    split = ["train"] * train + ["test"] * test
    ids = [f"id{i:05d}" for i in range(train + test)]
    people = pd.DataFrame({"identity_id": ids, "split": split, "gender": [None, "f"] * ((train + test) // 2)})
    rows = people.loc[np.repeat(np.arange(len(ids)), clips)].reset_index(drop=True)
    rows = rows.assign(clip_id=[f"c{k:06d}" for k in range(len(rows))])
    return Manifest(people, rows, rows.copy())


def test_as_many_seen_as_unseen_people_and_all_unseen() -> None:
    seen, unseen = populations(manifest(200, 90), clips_per_identity=3, seed=0)
    assert len(seen.identities) == len(unseen.identities) == 90
    assert set(seen.identities["split"]) == {"train"}
    assert set(unseen.identities["split"]) == {"test"}
    assert set(seen.clips["split"]) == {"train"}
    assert set(unseen.faces["split"]) == {"test"}


def test_few_unseen_people_do_not_make_few_seen_ones() -> None:
    seen, unseen = populations(manifest(200, 4), 3, 0)
    assert (len(seen.identities), len(unseen.identities)) == (SEEN_AT_LEAST, 4)
    assert len(populations(manifest(8, 4), 3, 0)[0].identities) == 8


def test_clips_are_limited_and_point_to_their_person() -> None:
    for population in populations(manifest(20, 10), 2, 0):
        assert (population.clips.groupby("identity_id").size() == 2).all()
        assert (population.faces.groupby("identity_id").size() == 5).all()
        assert (
            population.identities["identity_id"].to_numpy()[population.clips["person"]]
            == population.clips["identity_id"]
        ).all()
        assert population.clips["clip_id"].is_monotonic_increasing


def test_same_seed_same_people() -> None:
    one, two = (populations(manifest(200, 70), 2, 4)[0] for _ in range(2))
    pd.testing.assert_frame_equal(one.clips, two.clips)
    assert not populations(manifest(200, 70), 2, 5)[0].identities.equals(one.identities)


def test_unknown_gender_is_none() -> None:
    genders = populations(manifest(20, 10), 2, 0)[1].genders()
    assert set(genders) == {None, "f"}


def test_one_person_is_too_few() -> None:
    with pytest.raises(UserError, match=r"1 unseen people.*split"):
        populations(_only(7), 2, 0)


def _only(rows: int) -> Manifest:
    whole = manifest(6, 2)
    kept = whole.identities.iloc[:rows]
    return Manifest(
        kept, *(t[t["identity_id"].isin(kept["identity_id"])] for t in (whole.clips, whole.faces))
    )


def test_a_row_in_another_split_than_its_person_is_refused() -> None:
    whole = manifest(6, 4)
    whole.clips.loc[0, "split"] = "test"
    with pytest.raises(UserError, match=r"clips\.parquet"):
        populations(whole, 2, 0)


def test_a_person_listed_twice_is_refused() -> None:
    whole = manifest(6, 4)
    with pytest.raises(UserError, match="twice"):
        populations(
            dataclasses.replace(whole, identities=pd.concat([whole.identities, whole.identities.iloc[:1]])),
            2,
            0,
        )


def test_digest_follows_the_tables(world, tmp_path: Path) -> None:
    source = Path("data/manifest")
    for path in source.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert digest(tmp_path) == digest(source)
    (tmp_path / "faces.parquet").write_bytes(b"else")
    assert digest(tmp_path) != digest(source)
