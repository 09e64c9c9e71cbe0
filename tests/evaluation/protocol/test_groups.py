"""Groups of people by what is listed of them; nobody is put in a group by a guess."""

from __future__ import annotations

import numpy as np
import pandas as pd

from deepfacegen.evaluation.protocol.groups import by_age, groupings, jointly, named
from deepfacegen.evaluation.protocol.trials import LEFT_OUT

PEOPLE = pd.DataFrame(
    {
        "gender": ["f", "m", None, "f", "m", "f"],
        "nationality": ["Norway", "USA", "USA", None, "USA", "Norway"],
        "age_years": [29.9, 30.0, 71.0, np.nan, 39.0, 22.0],
    }
)


def test_groups_by_hand() -> None:
    found = groupings(PEOPLE)
    assert found["ungrouped"].tolist() == [0] * 6
    assert found["gender"].tolist() == [0, 1, LEFT_OUT, 0, 1, 0]
    assert found["nationality"].tolist() == [0, 1, 1, LEFT_OUT, 1, 0]
    assert found["age"].tolist() == [0, 1, 4, LEFT_OUT, 1, 0]
    together = found["gender_nationality_age"]
    assert together[0] == together[5] != together[1] == together[4]
    assert (together[[2, 3]] == LEFT_OUT).all()
    assert found["gender_nationality"][2] == LEFT_OUT


def test_without_labels_everybody_is_left_out() -> None:
    nobody = PEOPLE.assign(gender=None, nationality=None, age_years=np.nan)
    found = groupings(nobody)
    assert all((groups == LEFT_OUT).all() for name, groups in found.items() if name != "ungrouped")
    assert all(not groups for groups in named(nobody).values())


def test_bands_end_where_they_say() -> None:
    assert by_age(np.array([0.0, 29.99, 30.0, 59.9, 60.0, 99.0, np.nan])).tolist() == [
        0,
        0,
        1,
        3,
        4,
        4,
        LEFT_OUT,
    ]


def test_jointly_is_a_group_only_of_those_who_share_all() -> None:
    joint = jointly(np.array([0, 0, 1, LEFT_OUT]), np.array([2, 2, 2, 2]))
    assert joint[0] == joint[1] != joint[2]
    assert joint[3] == LEFT_OUT


def test_named_groups() -> None:
    found = named(PEOPLE)
    assert found["gender"]["women"].tolist() == [True, False, False, True, False, True]
    assert set(found["age"]) == {"under_30", "30_to_39", "from_60"}
    assert found["nationality"]["USA"].tolist() == [False, True, True, False, True, False]
