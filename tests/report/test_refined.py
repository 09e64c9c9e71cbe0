"""What the page says and shows of a refiner, and the leaderboard's figures besides accuracy, read back and
compared with the metrics."""

from __future__ import annotations

import pytest

from deepfacegen.config.schema import from_dict
from deepfacegen.report import page
from deepfacegen.report.collect import collect, summary
from tests.report import made
from tests.report.reading import Reader

CONFIG = from_dict({"report": {"people": 3, "draws": 2}})
DRAWN, SCORED, REFINED = made.evaluated(), made.scorer(), made.refined()
TOLD = REFINED["refinement"]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """The page of a system that draws, one that does not, whose name comes first in the alphabet, and a
    refiner."""
    root = made.write(tmp_path_factory.mktemp("three"), {"cgan": DRAWN, "aaa": SCORED, "cyclegan": REFINED})
    return Reader(page.render(collect(root), CONFIG))


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
        assert table.cell(row, 0) == [f"{TOLD[key]['bicubic']:.{digits}f}"]
        for column, way in ((1, "given"), (2, "guessed")):
            found = TOLD[key][way]
            gain = [f"{found[name]:.{digits}f}" for name in ("gain", "gain_ci95_low", "gain_ci95_high")]
            assert table.cell(row, column) == [
                f"{found['refined']:.{digits}f}",
                f"gain {gain[0]} ({gain[1]} \u2013 {gain[2]})",
            ]


def test_attributes_asked_for_and_seen(three: Reader) -> None:
    table = three.table("^Share of drawn faces that show")
    assert [" ".join(cell) for cell in table.head[0]] == ["Asked for", "all", "male", "over 50"]
    for (key, told), cells in zip(TOLD["attributes"].items(), table.rows.values(), strict=True):
        assert cells == [
            share(told, "all"),
            [f"{100 * told['male']:.1f}"],
            [f"{100 * told['over_50']:.1f}"],
        ], key


def test_before_and_after_are_pictures_of_every_step(three: Reader) -> None:
    said = [attributes["alt"] for tag, attributes in three.elements if tag == "img" and attributes.get("alt")]
    for step in ("given", "interpolated", "drawn", "true", "as the next person"):
        assert f"Person {made.PEOPLE}: {step}" in said
    # The made people show the first attribute and not the second: the opposite of each is asked for.
    assert said.count("Not male") == said.count("Over_50") + said.count("Over 50") == 4
    assert "The same from the front" in said


def test_the_leaderboard_has_every_system_and_no_refiner(three: Reader) -> None:
    table = three.table("^Accuracy in per cent, voice to face, choice of two faces")
    assert list(table.rows) == ["cgan", "aaa"]  # the project's own first
    assert table.cell("aaa", 4) == ["itself"]
    asked = three.table("^Unseen people, voice to face, in per cent")
    assert list(asked.rows) == ["cgan, plain cosine", "cgan, centred cosine", "aaa, own score"]
    pairs = SCORED["verification"]["voice_to_face"]["unseen"]
    assert asked.cell("aaa, own score", 0) == share(pairs["ungrouped"], "auc")
    assert asked.cell("aaa, own score", 1) == share(pairs["ungrouped"], "eer")
    assert asked.cell("aaa, own score", 2) == share(pairs["gender"], "auc")
    ranks = DRAWN["retrieval_centred"]["voice_to_face"]["unseen"]
    assert [asked.cell("cgan, centred cosine", 3 + k) for k in range(4)] == [
        share(ranks, name) for name in ("recall_at_1", "recall_at_5", "recall_at_10", "map")
    ]


def test_the_summary_tells_of_refiners_apart(tmp_path) -> None:
    told = summary(collect(made.write(tmp_path, {"cgan": DRAWN, "cyclegan": REFINED})))
    assert list(told["systems"]) == ["cgan"]
    assert told["refiners"] == {"cyclegan": TOLD}
