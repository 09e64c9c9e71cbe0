"""What the page says and shows of a refiner, and the leaderboard's figures besides accuracy, read back and
compared with the metrics."""

from __future__ import annotations

import pytest

from deepfacegen.config.schema import from_dict
from deepfacegen.report import page
from deepfacegen.report.collect import collect, summary
from tests.report import made
from tests.report.reading import Reader, whole

CONFIG = from_dict({"report": {"people": 3, "draws": 2}})
GENERATOR, SCORER, REFINED = made.evaluated(), made.scorer(), made.refined()
FIGURES = REFINED["refinement"]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """The page of a generator, a scorer, whose name comes first in the alphabet, and a refiner."""
    root = made.write(
        tmp_path_factory.mktemp("three"), {"cgan": GENERATOR, "aaa": SCORER, "cyclegan": REFINED}
    )
    return whole(page.render(collect(root), CONFIG))


def share(cell: dict, name: str) -> list[str]:
    return [
        f"{100 * cell[name]:.1f}",
        f"{100 * cell[f'{name}_ci95_low']:.1f} \u2013 {100 * cell[f'{name}_ci95_high']:.1f}",
    ]


def test_enlarged_faces_stand_beside_interpolated_ones(three: Reader) -> None:
    table = three.table("^246 photos; the gain")
    for row, key, digits in (
        ("PSNR, dB", "psnr_db", 1),
        ("SSIM", "ssim", 3),
        ("Likeness", "identity_cosine", 3),
    ):
        assert table.cell(row, 0) == [f"{FIGURES[key]['bicubic']:.{digits}f}"]
        for column, way in ((1, "given"), (2, "guessed")):
            found = FIGURES[key][way]
            gain = [f"{found[name]:.{digits}f}" for name in ("gain", "gain_ci95_low", "gain_ci95_high")]
            assert table.cell(row, column) == [
                f"{found['refined']:.{digits}f}",
                f"gain {gain[0]} ({gain[1]} \u2013 {gain[2]})",
            ]


def test_target_attributes(three: Reader) -> None:
    table = three.table("^Refined faces with the target attribute")
    assert [" ".join(cell) for cell in table.head[0]] == ["Target", "all", "male", "over 50"]
    for (key, shares), cells in zip(FIGURES["attributes"].items(), table.rows.values(), strict=True):
        assert cells == [
            share(shares, "all"),
            [f"{100 * shares['male']:.1f}"],
            [f"{100 * shares['over_50']:.1f}"],
        ], key


def test_before_and_after_are_pictures_of_every_step(three: Reader) -> None:
    said = [attributes["alt"] for tag, attributes in three.elements if tag == "img" and attributes.get("alt")]
    for step in ("low-res", "interpolated", "refined", "real", "as the next person"):
        assert f"Person {made.PEOPLE}: {step}" in said
    # The made people have the first attribute and not the second: the target is the opposite of each.
    assert said.count("Not male") == said.count("Over_50") + said.count("Over 50") == 4
    assert "Frontalised face 1" in said


def test_the_leaderboard_has_every_system_and_no_refiner(three: Reader) -> None:
    table = three.table("^Accuracy in per cent, voice to face, choice of two faces")
    labels = ["cgan, plain cosine", "cgan, centred cosine", "aaa, own score"]  # the project's own first
    assert list(table.rows)[:-2] == labels
    ranked = three.table("^Verification of pairs by every system")
    assert list(ranked.rows) == labels
    pairs = SCORER["verification"]["voice_to_face"]["unseen"]
    assert ranked.cell("aaa, own score", 0) == share(pairs["ungrouped"], "auc")
    assert ranked.cell("aaa, own score", 1) == share(pairs["ungrouped"], "eer")
    assert ranked.cell("aaa, own score", 2) == share(pairs["gender"], "auc")
    ranks = GENERATOR["retrieval_centred"]["voice_to_face"]["unseen"]
    places = three.table("^Retrieval by every system")
    assert [places.cell("cgan, centred cosine", k) for k in range(4)] == [
        share(ranks, name) for name in ("recall_at_1", "recall_at_5", "recall_at_10", "map")
    ]


def test_the_summary_has_refiners_apart(tmp_path) -> None:
    found = summary(collect(made.write(tmp_path, {"cgan": GENERATOR, "cyclegan": REFINED})))
    assert list(found["systems"]) == ["cgan"]
    assert found["refiners"] == {"cyclegan": FIGURES}
