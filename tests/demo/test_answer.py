"""What the demo makes of one voice: faces, estimates, words, metrics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepfacegen import VoiceToFace
from deepfacegen.api.voice_to_face import Age, VoiceReport
from deepfacegen.demo import answer, generate
from deepfacegen.demo import html as demo_html
from deepfacegen.demo.generate import Shown, Voice
from deepfacegen.errors import UserError
from tests.demo.parts import Parts
from tests.shared.sounds import RATE_HZ, write_wav


def voice_of(speech: Path) -> Voice:
    return generate.of_upload(str(speech), "speech.wav")


def shown(model: VoiceToFace, speech: Path, seed: int = 0, variety: float = 1.0) -> Parts:
    return Parts(generate.respond(model, Shown(voice_of(speech), seed, variety)))


def test_a_recording_gives_faces_and_estimates(model: VoiceToFace, speech: Path) -> None:
    parts = shown(model, speech)
    generated = parts.pictures("generated face")
    assert len(generated) == len(set(generated)) == generate.FACES
    assert all(str(attributes["src"]).startswith("data:") for tag, attributes in parts.tags if tag == "img")
    assert "Typicality" in parts.text
    assert "speech.wav" in parts.text


def test_on_request_there_are_an_interpolation_lengths_and_neighbours(
    model: VoiceToFace, speech: Path
) -> None:
    at = Shown(voice_of(speech), 3)
    parts, generated = Parts(generate.more(model, at)), shown(model, speech, 3).pictures("generated face")
    between = [
        face
        for k in range(generate.STEPS)
        for face in parts.pictures(f"{k / (generate.STEPS - 1):.0%} of the way")
    ]
    assert [between[0], between[-1]] == generated[:2]
    assert len(set(between)) == generate.STEPS
    assert parts.pictures("from 1.5 s") != parts.pictures("from 3 s")
    assert len(parts.pictures("from 1.5 s")) == len(parts.pictures("from 3 s")) == 1
    assert parts.pictures("from 6 s") == []  # the recording holds less
    assert len(parts.pictures("training person")) == generate.NEIGHBOURS
    assert all(str(attributes["src"]).startswith("data:") for tag, attributes in parts.tags if tag == "img")


def test_the_seed_changes_the_faces_and_nothing_else_does(model: VoiceToFace, speech: Path) -> None:
    first, again, other = (shown(model, speech, seed).pictures("generated face") for seed in (0, 0, 1))
    assert first == again
    assert not set(first) & set(other)


def test_the_first_face_is_shown_large_and_is_the_one_chosen(model: VoiceToFace, speech: Path) -> None:
    parts = shown(model, speech)
    assert parts.pictures("the chosen face") == parts.pictures("generated face 1")
    pressed = [
        attributes.get("aria-pressed") for _, attributes in parts.tags if attributes.get("data-do") == "show"
    ]
    assert pressed == ["true"] + ["false"] * (generate.FACES - 1)


def test_variety_moves_the_faces_away_from_the_typical_one(model: VoiceToFace, speech: Path) -> None:
    assert len(set(shown(model, speech, variety=0).pictures("generated face"))) == 1
    half, usual = (shown(model, speech, variety=by).pictures("generated face") for by in (0.5, 1))
    assert len(set(half)) == generate.FACES
    assert not set(half) & set(usual)


def test_a_release_without_people_shows_no_neighbours(model: VoiceToFace, speech: Path) -> None:
    bare = VoiceToFace(model._system, model.config, model.card, model._traits, None)
    parts = Parts(generate.more(bare, Shown(voice_of(speech))))
    assert parts.pictures("training person") == []
    assert len(parts.pictures("0% of the way")) == 1


@pytest.mark.parametrize(
    ("step", "variety", "seed", "scale"), [(1, 0.5, 1, 0.5), (-5, -1, 0, 0), (2**40, 99, 2**31 - 1, 1.5)]
)
def test_what_a_browser_sends_is_clipped(step: float, variety: float, seed: int, scale: float) -> None:
    voice = Voice(np.zeros(RATE_HZ, np.int16), "speech.wav")
    assert Shown(voice).other(step, variety) == Shown(voice, seed, scale)


def test_what_cannot_be_used_is_a_line_in_which_nothing_is_markup(model: VoiceToFace, tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(b"text, " * 99)
    name = "<img src=x onerror=alert(1)>.wav"
    (working, *none), (why, *nothing) = generate.steps(
        model, lambda: generate.of_upload(str(path), name), name
    )
    assert none == nothing == ["", None]
    parts = Parts(why)
    assert [tag for tag, _ in Parts(working).tags] == [tag for tag, _ in parts.tags] == ["div", "p"]
    assert f"{name}: cannot be read as sound" in parts.text
    assert dict(parts.tags[1][1])["role"] == "alert"


def test_without_a_recording_the_line_says_what_to_do() -> None:
    with pytest.raises(UserError, match="no recording yet"):
        generate.of_upload(None, "")


def test_recordings_longer_than_five_minutes_are_refused(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "long.wav", np.zeros(301 * RATE_HZ, np.int16))
    with pytest.raises(UserError, match="lasts longer than 5 minutes"):
        generate.of_upload(str(path), "long.wav")


def test_what_is_being_done_comes_before_the_faces(model: VoiceToFace, speech: Path) -> None:
    pages, below, found = zip(
        *generate.steps(model, lambda: generate.of_upload(str(speech), "a.wav"), "a.wav"), strict=True
    )
    assert [("a.wav" in page, "Generating" in page, "<img" in page) for page in pages] == [
        (True, False, False),
        (False, True, False),
        (True, False, True),
    ]
    assert ["More" in page for page in below] == [False, False, True]
    assert [shown is None for shown in found] == [True, True, False]


def test_noise_between_two_draws_keeps_its_deviation() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 4000))
    between = generate.interpolate(first, second, 9)
    assert between.dtype == np.float32
    assert np.allclose(between[[0, -1]], [first, second], atol=1e-5)
    assert between.std(axis=1) == pytest.approx(1, abs=0.05)
    steps = np.linalg.norm(np.diff(between, axis=0), axis=1)
    assert steps == pytest.approx(steps.mean(), rel=0.01)


REPORT = VoiceReport({"f": 0.2, "m": 0.8}, Age(41.4, 29.6, 55.5), 0.37, 118.2)


@pytest.mark.parametrize(
    ("voice", "present", "absent"),
    [
        (REPORT, ["sounds like a man: 80%", "41 years", "interval: 30 to 56", "118 Hz", "37%"], ["trust"]),
        (replace(REPORT, apparent_gender={"f": 0.9999, "m": 0.0001}), ["sounds like a woman: 99%"], ["100%"]),
        (
            replace(REPORT, apparent_gender=None, apparent_age=None, pitch_hz=None),
            ["37%"],
            ["gender", "years", "Hz"],
        ),
        (replace(REPORT, typicality=0.01, familiar=False), ["unfamiliar", "1%"], []),
    ],
)
def test_estimates_have_their_uncertainty(voice: VoiceReport, present: list[str], absent: list[str]) -> None:
    text = Parts(answer.estimates(voice)).text
    assert [word for word in present if word not in text] == []
    assert [word for word in absent if word in text] == []


def test_what_no_voice_carries_is_in_one_sentence(model: VoiceToFace, speech: Path) -> None:
    assert "Skin, hair and eye colour cannot be inferred from a voice" in shown(model, speech).text


def test_figures_stand_side_by_side_for_unseen_and_seen_people(model: VoiceToFace) -> None:
    parts = Parts(demo_html.metrics(model.figures))
    centred = model.figures["matching_centred"]
    for group in ("ungrouped", "gender"):
        unseen, seen = (f"{100 * centred[group][name]['accuracy']:.1f}" for name in ("unseen", "seen"))
        assert parts.text.index(unseen) < parts.text.index(seen)
    assert parts.text.index("unseen people") < parts.text.index(
        "seen people", parts.text.index("unseen people") + 6
    )
    assert "knowing the gender alone" in parts.text


def test_figures_that_are_missing_leave_no_hole() -> None:
    cell = {"accuracy": 0.5, "ci95_low": None, "ci95_high": None}
    text = Parts(demo_html.metrics({"matching_centred": {"ungrouped": {"unseen": cell}}, "oracle": {}})).text
    assert "50.0" in text
    assert "gender alone" not in text


@pytest.mark.parametrize(("source", "word"), [("sample", "synthetic"), ("voxceleb2", "real people")])
def test_the_warning_names_the_kind_of_training_data(source: str, word: str) -> None:
    text = Parts(demo_html.head(source)).text
    assert "identifies nobody" in text
    assert word in text


@pytest.mark.parametrize(
    ("voice", "stem"),
    [
        ("Woman, 24", "woman-24"),
        ("My voice_2.final.WAV", "my-voice-2-final"),
        ("\u00c9l\u00e8ve.m4a", "\u00e9l\u00e8ve"),
        ("'><script>.wav", "script"),
        ("....", "voice"),
        ("a" * 300 + ".wav", "a" * 60),
    ],
)
def test_saved_faces_are_named_after_the_voice(voice: str, stem: str) -> None:
    assert answer.file_stem(voice) == stem
