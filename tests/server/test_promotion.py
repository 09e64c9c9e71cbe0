"""Which version is the champion: the rule, by itself."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from deepfacegen.server.promotion import Accuracy, decide, from_release, from_tags

OLD = Accuracy(0.80, 0.77, 0.83, "sface", "ab")


def result(accuracy: float, half: float = 0.02, judge: str = "sface", data: str = "ab") -> Accuracy:
    return Accuracy(accuracy, accuracy - half, accuracy + half, judge, data)


@pytest.mark.parametrize(
    ("new", "old", "champion", "moves", "why"),
    [
        (result(0.55), None, False, True, "it is the first, with 55.0 % [53.0, 57.0]"),
        (result(0.83), OLD, True, True, "83.0 % [81.0, 85.0] lies above 80.0 % [77.0, 83.0]"),
        (
            result(0.81),
            OLD,
            True,
            False,
            "81.0 % [79.0, 83.0] does not lie above 80.0 % as a whole",
        ),  # better, but within its interval
        (result(0.70), OLD, True, False, "does not lie above"),
        (OLD, OLD, True, False, "does not lie above"),
        (
            result(0.95, judge="dlib"),
            OLD,
            True,
            False,
            "not evaluated on the champion's people by the champion's judge",
        ),
        (result(0.95, data="cd"), OLD, True, False, "not evaluated on the champion's people"),
        (None, OLD, True, False, "no accuracy on unseen people"),
        (None, None, False, False, "no accuracy on unseen people"),
        (result(0.95), None, True, False, "has no accuracy"),
    ],
)
def test_the_alias_moves_only_beyond_the_interval(
    new: Accuracy | None, old: Accuracy | None, champion: bool, moves: bool, why: str
) -> None:
    found = decide(new, old, champion=champion)
    assert found.moves is moves
    assert why in found.why
    assert "\n" not in found.why


fractions = st.floats(0, 1, allow_nan=False)


@given(st.tuples(fractions, fractions, fractions), st.tuples(fractions, fractions, fractions))
def test_no_two_versions_can_take_the_alias_from_each_other(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> None:
    a, b = (Accuracy(mid, low, high, "sface", "ab") for low, mid, high in (sorted(first), sorted(second)))
    assert not (decide(a, b, champion=True).moves and decide(b, a, champion=True).moves)


@given(fractions, fractions, fractions)
def test_an_accuracy_survives_the_registry(accuracy: float, low: float, high: float) -> None:
    found = Accuracy(accuracy, low, high, "sface", "ab")
    assert from_tags(found.tags()) == found


def test_a_version_without_an_accuracy_has_none() -> None:
    assert from_tags({}) is None
    assert from_tags(OLD.tags() | {"gate.accuracy": "good"}) is None


def test_of_a_release_the_grouped_accuracy_on_unseen_people_counts() -> None:
    cells = {
        who: {"accuracy": x, "ci95_low": x - 0.1, "ci95_high": x + 0.1}
        for who, x in (("seen", 0.9), ("unseen", 0.6))
    }
    config = {
        "figures": {"judge": "sface", "matching": {"gender": cells}},
        "provenance": {"manifest_sha256": "ab"},
    }
    assert from_release(config) == Accuracy(0.6, 0.5, 0.7, "sface", "ab")
    assert from_release({**config, "figures": {"judge": "sface", "matching": {"ungrouped": cells}}}) is None
