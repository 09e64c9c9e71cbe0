"""Names that may be one person's though they are spelt differently."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.data.sources.similar import Pair, pairs


def near(one: str, other: str) -> bool:
    return pairs([("id10001", one)], [("id00001", other)]) == [Pair("id10001", one, "id00001", other)]


@pytest.mark.parametrize(
    "other",
    [
        "Katharine_Hepburn",
        "Katherine_Hepbrun",
        "Katherne_Hepburn",
        "Katherinne_Hepburn",
        "Hepburn, Katherine",
        "Katherine_H._Hepburn",
        "katherine hepburn",
    ],
)
def test_nearly_the_same(other: str) -> None:
    assert near("Katherine_Hepburn", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Katherine_Hepburn", "Kathryn_Hepburn"),
        ("Anna_Lee", "Bob_Ray"),
        ("Bo_Li", "Bo_Lu"),
        ("Ann_Marie_Lee", "Ann_Marie_Low"),
    ],
)
def test_others_are_not(one: str, other: str) -> None:
    assert not near(one, other)


def test_only_people_of_the_other_corpus_are_told_and_only_once() -> None:
    first = [("id10001", "Ann Greene"), ("id10002", "Ann Green")]
    assert pairs(first, [("id00001", "Ann Greeen"), ("id10002", "Ann Green")]) == [
        Pair("id10001", "Ann Greene", "id00001", "Ann Greeen"),
        Pair("id10001", "Ann Greene", "id10002", "Ann Green"),
        Pair("id10002", "Ann Green", "id00001", "Ann Greeen"),
    ]


@given(st.text("abcde", min_size=6, max_size=12), st.data())
def test_any_one_edit_is_found(name: str, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, len(name) - 1))
    letter = data.draw(st.sampled_from("abcdef"))
    edited = data.draw(
        st.sampled_from(
            [
                name[:k] + letter + name[k:],
                name[:k] + letter + name[k + 1 :],
                name[:k] + name[k + 1 :] + "f"[: len(name) == 6],
            ]
        )
    )
    if len(edited) >= 6 and edited[-1:] != "f":
        assert near(name, edited)
