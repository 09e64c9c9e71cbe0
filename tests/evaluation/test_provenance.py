"""Models that met the unseen people, or were trained with the judge, are refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from deepfacegen.errors import UserError
from deepfacegen.evaluation.provenance import assert_fair, members


def people(*ids: str) -> pd.DataFrame:
    return pd.DataFrame({"identity_id": list(ids)})


def model(folder: Path, **config: Any) -> Path:
    (folder / "cgan").mkdir(parents=True)
    (folder / "cgan/config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_a_judge_that_took_part_in_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cgan/config\.json.*sface"):
        assert_fair(model(tmp_path, trained_with=["sface"], trained_on=[]), "sface", people("id00007"), "sample")


def test_a_model_that_knows_test_people_is_refused(tmp_path: Path) -> None:
    known = model(tmp_path, trained_with=[], trained_on=["id00000", "id00007", "id00008"])
    with pytest.raises(UserError, match=r"2 of the test identities.*id00007"):
        assert_fair(known, "sface", people("id00007", "id00008", "id00009"), "sample")


def test_a_model_that_heard_the_corpus_of_test_people_is_refused(tmp_path: Path) -> None:
    heard = model(tmp_path, trained_with=[], trained_on=[], trained_on_corpora=["voxceleb2"])
    with pytest.raises(UserError, match=r"voxceleb2.*1 of the test identities.*id00007.*train_only"):
        assert_fair(heard, "sface", people("id00007", "id90001"), "voxceleb2")
    assert_fair(heard, "sface", people("id90001", "id10001"), "voxceleb2")
    # Sample people bear VoxCeleb2's ids, too, but nobody has heard them.
    assert_fair(heard, "sface", people("id00007"), "sample")


def test_a_fair_model_passes(tmp_path: Path) -> None:
    assert_fair(model(tmp_path, trained_with=["other"], trained_on=["id00000"]), "sface", people("id00007"), "voxceleb2")


def test_corpora_are_known_by_their_numbering() -> None:
    ids = ["id00012", "id09272", "id10001", "id10999", "id11251", "id11252", "id90000", "n00012", "id0001"]
    assert members(ids, ["voxceleb2"]) == {"id00012", "id09272"}
    assert members(ids, ["voxceleb1"]) == {"id10001", "id10999", "id11251"}
    assert members(ids, []) == set()
    with pytest.raises(KeyError):
        members(ids, ["librispeech"])
