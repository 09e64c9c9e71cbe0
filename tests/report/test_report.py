"""The page and the summary, from the files that stages leave behind."""

from __future__ import annotations

import base64
import io
import itertools
import json
import re
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from deepfacegen.config.schema import from_dict
from deepfacegen.errors import UserError
from deepfacegen.report import media, page
from deepfacegen.report.collect import collect, summary
from deepfacegen.report.published import ROWS
from deepfacegen.report.sections import front
from deepfacegen.report.values import HEADLINE
from tests.report import made
from tests.report.reading import Reader, whole

PEOPLE = 5
MOST_WORDS, MOST_TABLES = 1500, 5  # of the main page


def matching(start: float) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for d, direction in enumerate(("voice_to_face", "face_to_voice")):
        for k, (population, group) in enumerate(HEADLINE):
            value = start + 0.01 * k + 0.001 * d
            cell = {
                "accuracy": value,
                "ci95_low": value - 0.04,
                "ci95_high": value + 0.04,
                "trials": 400,
                "identities": 20,
            }
            tree.setdefault(direction, {}).setdefault(population, {})[group] = cell
    return tree


def verification(auc: float) -> dict[str, Any]:
    rates = {
        "auc": auc,
        "auc_ci95_low": auc - 0.05,
        "auc_ci95_high": auc + 0.05,
        "eer": 0.3,
        "eer_ci95_low": 0.25,
        "eer_ci95_high": 0.35,
    }
    return {
        "voice_to_face": {
            p: {g: {**rates, "pairs": 800, "identities": 20} for g in ("ungrouped", "gender")}
            for p in ("seen", "unseen")
        }
    }


def retrieved() -> dict[str, Any]:
    recalls = {
        f"recall_at_{k}{end}": 0.123 * k**0.5 + add
        for k in (1, 2, 5)
        for end, add in (("", 0.0), ("_ci95_low", -0.02), ("_ci95_high", 0.02))
    }
    chances = {f"recall_at_{k}_chance": k / 8 for k in (1, 2, 5)}
    return {
        **recalls,
        **chances,
        "map": 0.456,
        "map_ci95_low": 0.4,
        "map_ci95_high": 0.5,
        "median_rank": 2.5,
        "gallery": 8,
        "probes": 80,
        "identities": 8,
    }


def evaluated() -> dict[str, Any]:
    return {
        "judge": "sface",
        "data": {
            "source": "sample",
            "digest": "d1" * 32,
            **{
                p: {"identities": 20, "clips": 80, "faces": 80, "gender_unknown": 1}
                for p in ("seen", "unseen")
            },
        },
        "matching": matching(0.6123),
        "matching_centred": matching(0.7345),
        "upper_bound": {"matching": matching(0.9), "matching_centred": matching(0.9222)},
        "progress": {"matching_centred": {"voice_to_face": {"unseen": {"ungrouped": 0.42}}}},
        "oracle": {"gender": {"matching": matching(0.51)}},
        "verification": verification(0.66),
        "verification_centred": verification(0.77),
        "retrieval": {"voice_to_face": {p: retrieved() for p in ("seen", "unseen")}},
        "generated": {
            "detected_share": 0.875,
            "detected_of": 40,
            "diversity_within_voice": 0.1,
            "diversity_between_voices": 0.2,
        },
        "null_attributes": {
            "skin_tone": {
                "accuracy": 0.48,
                "chance": 0.5,
                "ci95_low": 0.39,
                "ci95_high": 0.57,
                "on_real_faces": 0.99,
                "identities": 20,
            }
        },
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Everything a finished pipeline leaves for the report."""
    metrics = tmp_path / "metrics"
    for stage, values in {
        "audio": {"seen": 1003, "kept": 1000, "rejected": {"all": 3, "corrupt": 1, "no_speech": 2}},
        "faces": {"seen": 501, "kept": 500, "rejected": {"all": 1, "several_faces": 1}},
        "manifest": {
            "identities": {
                "all": 60,
                **{s: {"all": 20, "f": 9, "m": 8, "unknown": 3} for s in ("train", "val", "test")},
            },
            "leaks": 0,
        },
        "evaluate/cgan": evaluated(),
    }.items():
        path = metrics / f"{stage}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    samples = metrics / "plots/train/samples"
    samples.mkdir(parents=True)
    for step in range(100, 900, 100):
        Image.new("RGB", (40, 20), (step // 4, 80, 90)).save(samples / f"{step:06d}.png")
    (metrics / "plots/train/curves.csv").write_text(
        "step,g/pixel,d/r1\n25,0.5,\n50,0.25,0.01\n75,0.125,\n", encoding="utf-8"
    )
    folder = tmp_path / "data/evaluate/cgan"
    folder.mkdir(parents=True)
    ids = [f"id{i:05d}" for i in range(PEOPLE)]
    people = {
        "identity_id": ids,
        "gender": ["f", "m", None, "f", "m"],
        "age_years": [31.0, np.nan, 70.0, 20.0, 50.0],
        "clip_id": ids,
        "photo_id": ids,
    }
    pd.DataFrame(people).to_parquet(folder / "unseen.parquet")
    rng = np.random.default_rng(0)
    np.savez_compressed(
        folder / "unseen.npz",
        true=rng.integers(0, 256, (PEOPLE, 32, 32, 3)).astype(np.uint8),
        drawn=rng.integers(0, 256, (PEOPLE, 4, 16, 16, 3)).astype(np.uint8),
        speech=rng.integers(-100, 100, (PEOPLE, 4800)).astype(np.int16),
    )
    return tmp_path


CONFIG = from_dict({"report": {"people": 3, "draws": 2}})
REAL = from_dict(
    {
        "data": {"source": "voxceleb2", "voices_root": "v", "faces_root": "f", "metadata": "m"},
        "report": {"people": 3, "draws": 2},
    }
)


def test_page_fetches_nothing_and_is_well_formed(root: Path) -> None:
    pages = page.render(collect(root), CONFIG)
    for html in pages.values():
        reader = Reader(html)
        assert not reader.open
        for _, attributes in reader.elements:
            for name in ("src", "href"):
                value = attributes.get(name)
                own = value is None or value.startswith(("data:", "#")) or value.partition("#")[0] in pages
                assert own, value
        assert "url(" not in html
        assert "@import" not in html
        assert not reader.all("script")
        assert not reader.all("link")


@pytest.mark.parametrize("name", ["index.html", "cgan.html", "run.html"])
def test_page_is_accessible(root: Path, name: str) -> None:
    reader = Reader(page.render(collect(root), CONFIG)[name])
    assert reader.all("html")[0]["lang"] == "en"
    assert len(reader.all("h1")) == 1
    levels = [int(tag[1]) for tag, _ in reader.elements if re.fullmatch(r"h[1-6]", tag)]
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    assert all(image.get("alt") for image in reader.all("img"))
    assert all(heading.get("scope") in {"row", "col", "colgroup"} for heading in reader.all("th"))
    assert all(picture.get("role") == "img" and picture.get("aria-label") for picture in reader.all("svg"))
    assert all(
        region.get("tabindex") == "0" and region.get("aria-label")
        for region in reader.all("div")
        if region.get("role") == "region"
    )
    assert len(reader.all("caption")) == len(reader.all("table"))
    ids = [attributes["id"] for _, attributes in reader.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    for landmark in ("header", "nav", "main", "footer"):
        assert len(reader.all(landmark)) == 1
    assert all(section.get("aria-labelledby") in ids for section in reader.all("section"))


def test_contents_link_to_every_section_and_to_every_other_page(root: Path) -> None:
    pages = page.render(collect(root), CONFIG)
    assert list(pages) == ["index.html", "cgan.html", "run.html"]
    reader = Reader(pages["cgan.html"])
    links = [str(link["href"]).removeprefix("#") for link in reader.all("a")]
    sections = [section["id"] for section in reader.all("section")]
    assert [link for link in links if link in sections] == sections
    assert set(links) <= {*sections, "main", "contents", "index.html", "index.html#terms", "run.html"}
    assert {"cgan.html", "run.html"} <= {str(link["href"]) for link in Reader(pages["index.html"]).all("a")}
    assert 'id="terms"' in pages["index.html"]


def test_the_main_page_stays_short(tmp_path: Path) -> None:
    """With as many systems as a default run has; tests/report/test_browser.py measures its height."""
    pages = page.render(collect(made.write(tmp_path, made.systems())), from_dict({}))
    reader = Reader(pages["index.html"])
    assert len(" ".join(reader.text).split()) <= MOST_WORDS
    assert len(reader.tables) <= MOST_TABLES
    assert len(reader.all("section")) <= 5
    others = {f"{name}.html" for name in (*made.systems(), "run")}
    assert set(pages) == {"index.html", *others}
    assert others <= {str(link["href"]) for link in reader.all("a")}


def test_the_first_screen_has_three_sentences_of_what_was_made_how_well_and_what_not(root: Path) -> None:
    (_, makes), (_, well), (_, cannot) = front.sentences(collect(root), CONFIG)
    assert makes == "cgan generates pictures of a face from a few seconds of speech."
    assert "61.2 or 73.5\u00a0% of trials (by plain cosine or centred cosine)" in well
    assert "62.2 or 74.5\u00a0% where both people have the same gender" in well
    assert "for seen people in 63.2 or 75.5\u00a0% and 64.2 or 76.5\u00a0%" in well
    assert "never evidence" in cannot
    assert "synthetic" in cannot
    assert "synthetic" not in front.sentences(collect(root), REAL)[2][1]
    for sentence in (makes, well, cannot):
        assert sentence.endswith(".")
        assert ". " not in sentence


def test_the_main_page_states_image_quality_at_both_temperatures_and_the_baselines(tmp_path: Path) -> None:
    metrics = made.evaluated()
    html = page.render(collect(made.write(tmp_path, {"cgan": metrics})), CONFIG)["index.html"]
    table = Reader(html).table("^Image quality at the temperature")
    assert table.head[0][1:] == [["temperature 0.7"], ["temperature 1"], ["real faces"]]
    used, whole = metrics["quality"], metrics["quality_temperature_1"]
    for label, key in (("Precision", "precision"), ("Recall", "recall"), ("Coverage", "coverage")):
        values = (used[key], whole[key], used[f"{key}_real"])
        assert table.rows[label] == [[f"{100 * value:.1f} %"] for value in values]
    distances = (used["fd_sface"], whole["fd_sface"], used["fd_sface_real"])
    assert table.rows["Fr\u00e9chet distance"] == [[f"{value:.3f}"] for value in distances]
    beside = Reader(html).table("^The generated face beside baselines")
    nearest = [
        metrics["baselines"]["nearest_voice"][f"matching{s}"]["voice_to_face"]["unseen"][g]
        for s in ("", "_centred")
        for g in ("ungrouped", "gender")
    ]
    assert [cell[0] for cell in beside.rows["Nearest voice"]] == [
        f"{100 * cell['accuracy']:.1f}" for cell in nearest
    ]


def test_page_has_the_numbers_and_the_warning(root: Path) -> None:
    html = "".join(page.render(collect(root), CONFIG).values())
    for text in (
        "73.5",
        "69.5 \u2013 77.5",
        "61.2",
        "92.2",
        "51.0",
        "76.07",
        "59.69",
        "96.88",
        "not reported",
        "42&nbsp;%",
        "87.5&nbsp;%",
        "never evidence",
    ):
        assert text in html, text
    assert "not directly comparable" in html
    assert "several faces" in html
    assert "1,003" in html


def test_page_has_verification_and_retrieval_with_intervals(root: Path) -> None:
    html = page.render(collect(root), CONFIG)["cgan.html"]
    for text in (
        "66.0",
        "72.0 \u2013 82.0",
        "25.0 \u2013 35.0",
        "45.6",
        "chance 62.5",
        "Unseen, plain cosine<span>80 clips, 8 faces, 8 people",
        "EER, centred cosine",
        "<b>2.5</b>",
    ):
        assert text in html, text
    # A gallery of eight has no tenth rank.
    first, fifth, tenth = (f"{100 * 0.123 * k**0.5:.1f}</b>" for k in (1, 5, 10))
    assert first in html
    assert fifth in html
    assert tenth not in html


def test_page_has_people_with_their_generated_faces(root: Path) -> None:
    pages = page.render(collect(root), CONFIG)
    assert len(Reader(pages["index.html"]).all("audio")) == 3
    assert "framed: the real face" in pages["index.html"].lower()
    reader = Reader(pages["cgan.html"])
    alts = [str(image["alt"]) for image in reader.all("img")]
    assert [alt for alt in alts if alt.startswith("Real face")] == [
        "Real face of id00000: woman, 31 years",
        "Real face of id00001: man",
        "Real face of id00002: gender not listed, 70 years",
    ]
    assert sum("generated from the voice" in alt for alt in alts) == 3 * 2
    assert [alt for alt in alts if "steps" in alt] == [
        f"Faces generated for held-out voices after {step} steps" for step in (100, 300, 600, 800)
    ]
    assert len(reader.all("audio")) == 3


def test_the_page_of_a_generator_shows_what_moves_a_face(tmp_path: Path) -> None:
    pages = page.render(collect(made.write(tmp_path, made.systems())), CONFIG)
    shown = [image for image in Reader(pages["cgan.html"]).all("img") if "webp" in str(image["src"])]
    titles = [str(image["alt"]).partition(":")[0] for image in shown]
    assert titles == ["What the voice says", "Seconds of speech", "Temperature"]
    for image, columns in zip(shown, (5, 4, 4), strict=True):
        data = base64.b64decode(str(image["src"]).removeprefix("data:image/webp;base64,"))
        with Image.open(io.BytesIO(data)) as picture:
            assert picture.size == (116 * columns, 616)
            assert picture.convert("RGBA").getextrema()[3] == (0, 0), "transparent, for day and night"
    assert 'id="moves"' not in pages["pins.html"]
    assert 'id="moves"' not in pages["index.html"]


def test_voices_of_real_people_stay_out(root: Path) -> None:
    reader = whole(page.render(collect(root), REAL))
    assert not reader.all("audio")
    assert reader.all("img")


def test_page_without_optional_parts(root: Path) -> None:
    metrics = evaluated()
    bare = {
        "judge": "sface",
        "data": metrics["data"],
        "matching": {
            "voice_to_face": {"unseen": {"ungrouped": matching(0.6)["voice_to_face"]["unseen"]["ungrouped"]}}
        },
    }
    bare["oracle"] = {"gender": {"matching": {}}}
    for path in [
        *root.glob("metrics/*.json"),
        *root.glob("metrics/plots/train/*.csv"),
        *root.glob("data/evaluate/cgan/*"),
    ]:
        path.unlink()
    (root / "metrics/evaluate/cgan.json").write_text(json.dumps(bare), encoding="utf-8")
    html = "".join(page.render(collect(root), REAL).values())
    assert not Reader(html).open
    assert "no trials" in html
    assert "60.0" in html
    assert "upper bound" not in html.lower()
    assert "own score" in html.lower()
    assert "as in published work" not in html


def test_names_from_data_are_escaped(root: Path) -> None:
    path = root / "data/evaluate/cgan/unseen.parquet"
    pd.read_parquet(path).assign(identity_id="<script>alert(1)</script>").to_parquet(path)
    html = "".join(page.render(collect(root), CONFIG).values())
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_same_inputs_same_page(root: Path, tmp_path: Path) -> None:
    folders = [page.write(collect(root), CONFIG, tmp_path / name).parent for name in ("one", "two")]
    one, two = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert set(one) == {"index.html", "cgan.html", "run.html"}
    assert one == two


def test_a_system_that_generates_no_faces_has_no_upper_bound_in_the_summary(root: Path) -> None:
    generator = evaluated()
    keys = ("judge", "data", "matching", "upper_bound", "oracle", "verification", "retrieval")
    (root / "metrics/evaluate/pins.json").write_text(
        json.dumps({key: generator[key] for key in keys}), encoding="utf-8"
    )
    cell = summary(collect(root))["systems"]["pins"]["matching"]["voice_to_face"]["unseen"]["ungrouped"]
    assert cell["accuracy"] == pytest.approx(0.6123)
    assert "gender_oracle" in cell
    assert "upper_bound" not in cell


def test_summary_has_the_leaderboard(root: Path) -> None:
    found = summary(collect(root))
    cgan = found["systems"]["cgan"]
    cell = cgan["matching_centred"]["voice_to_face"]["unseen"]["ungrouped"]
    assert cell["accuracy"] == pytest.approx(0.7345)
    assert cell["upper_bound"] == pytest.approx(0.9222)
    assert cell["gender_oracle"] == pytest.approx(0.51)
    assert cell["progress"] == 0.42
    assert cell["trials"] == 400
    assert cgan["generated"]["detected_share"] == 0.875
    assert found["people"]["all"] == 60
    json.dumps(found, allow_nan=False)


def test_nothing_evaluated_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no system has been evaluated"):
        collect(tmp_path)


def test_damaged_metrics_are_named(root: Path) -> None:
    (root / "metrics/audio.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match=r"audio\.json"):
        collect(root)


def test_wav_uri_holds_the_speech() -> None:
    speech = np.arange(-50, 50, dtype=np.int16)
    uri = media.wav_uri(speech, 16_000)
    with wave.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:audio/wav;base64,")))) as heard:
        assert heard.getframerate() == 16_000
        np.testing.assert_array_equal(np.frombuffer(heard.readframes(100), dtype="<i2"), speech)


def test_published_figures_are_those_of_the_fact_sheet() -> None:
    wen, paper = ROWS
    assert (wen.unseen_ungrouped, wen.unseen_gender, wen.seen_ungrouped, wen.seen_gender) == (
        0.7607,
        0.5969,
        0.9683,
        0.9398,
    )
    assert (paper.unseen_ungrouped, paper.unseen_gender, paper.seen_ungrouped, paper.seen_gender) == (
        None,
        None,
        0.9688,
        0.9391,
    )
