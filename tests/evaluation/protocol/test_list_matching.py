"""Published trial lists: read in every format, looked up among our people, and scored apart for seen and
unseen ones."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from deepfacegen.errors import UserError
from deepfacegen.evaluation.metrics.published_lists import score, voice_cosine
from deepfacegen.evaluation.metrics.verification import labelled_pairs
from deepfacegen.evaluation.protocol.list_formats import TrialList, read_list
from deepfacegen.evaluation.protocol.list_matching import Matched, match, narrow
from deepfacegen.evaluation.statistics import rates

NAMES = ["Ann_A.", "Bea_B", "Cy_C.J", "Dot_D", "Eve_E", "Fay_F"]
SPLITS = ["train", "train", "test", "test", "test", "val"]
PINS = "id,voice-speaker-id,face-speaker-id,label,voice-path,face-path\n"
REASONS = ["unknown_person", "missing_clip", "missing_face"]


def ours() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Clips, faces and identities of six people: two videos of two clips and two frames each, two photos
    each."""
    ids = [f"id1000{i}" for i in range(6)]
    identities = pd.DataFrame(
        {
            "identity_id": ids,
            "voice_id": ids,
            "face_id": [name.rstrip(".") for name in NAMES],
            "split": SPLITS,
        }
    )
    clips = [(f"{v}/vid-{v[-1]}_{k}/0000{c}", v) for v, k, c in itertools.product(ids, "ab", (1, 2))]
    faces = [
        (f"{f}/{stem}", v)
        for v, f in zip(ids, identities["face_id"], strict=True)
        for stem in (f"vid-{v[-1]}_a/0000025", f"vid-{v[-1]}_b/0003650", "00000123", "00000007")
    ]
    return (
        pd.DataFrame(clips, columns=["clip_id", "identity_id"]),
        pd.DataFrame(faces, columns=["photo_id", "identity_id"]),
        identities,
    )


def listed(tmp_path: Path, text: str, name: str = "list.txt") -> TrialList:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_list(tmp_path / name)


def found(tmp_path: Path, text: str) -> tuple[list[list[str]], Matched]:
    """The ids of ours that the kept trials are about, and the rest."""
    clips, faces, identities = ours()
    matched = match(listed(tmp_path, text), clips, faces, identities)
    ids = np.where(
        matched.voice,
        clips["clip_id"].to_numpy()[matched.row % len(clips)],
        faces["photo_id"].to_numpy()[matched.row % len(faces)],
    )
    assert len(matched) + sum(matched.lost.values()) == matched.lines
    return ids.tolist(), matched


def test_a_verification_list_of_pins(tmp_path: Path) -> None:
    text = (
        PINS + "1,1,1,1,Ann_A./vid-0_a_0000002.wav,Ann_A./vid-0_b/0003650.jpg\n"
        "2,1,3,0,Ann_A/vid-0_b_0000001.wav,Cy_C.J/1.6/vid-2_a/0000025.jpg\n"
        "3,3,3,1,Cy_C.J/vid-2_a_0000001.wav,Cy_C.J/vid-2_a/0000025.jpg\n"
    )
    ids, matched = found(tmp_path, text)
    assert ids == [
        ["id10000/vid-0_a/00002", "Ann_A/vid-0_b/0003650"],
        ["id10000/vid-0_b/00001", "Cy_C.J/vid-2_a/0000025"],
        ["id10002/vid-2_a/00001", "Cy_C.J/vid-2_a/0000025"],
    ]
    assert (matched.kind, matched.lines) == ("verification", 3)
    assert matched.same.tolist() == [True, False, True]
    assert matched.population.tolist() == ["seen", "mixed", "unseen"]
    assert read_list(tmp_path / "list.txt").line.tolist() == [2, 3, 4]


def test_who_is_in_two_data_sets_is_known_by_all_ids(tmp_path: Path) -> None:
    """A second id of somebody stands in clip_ids and photo_ids only."""
    clips, faces, identities = ours()
    clips.loc[len(clips)] = ["id00777/vid-x/00001", "id10002"]
    faces.loc[len(faces)] = ["n000777/0001_01", "id10002"]
    trials = listed(
        tmp_path,
        PINS
        + "1,1,1,1,id00777/vid-x/00001.wav,n000777/0001_01.jpg\n"
        + "1,1,1,1,id00777/vid-x/00001.wav,Cy_C.J/00000123.jpg\n",
    )
    matched = match(trials, clips, faces, identities)
    assert len(matched) == 2
    assert matched.person[:, 0].tolist() == [2, 2]
    assert matched.same.all()


@pytest.mark.parametrize("prefix", ["", "dev/wav/", "/data/vox1/", "C:\\vox1\\"])
def test_matching_lists_of_cmpc_in_both_directions(tmp_path: Path, prefix: str) -> None:
    lines = [
        f"{prefix}id10003/vid-3_a/00001.wav {prefix}Dot_D/1.6/vid-3_b/0003650.jpg "
        f"{prefix}Eve_E/1.6/vid-4_a/0000025.jpg",
        f"{prefix}id10005/vid-5_b/00002.wav {prefix}Fay_F/00000123.jpg {prefix}Bea_B/00000007.jpg",
    ]
    ids, matched = found(tmp_path, "\n".join(lines))
    assert ids == [
        ["id10003/vid-3_a/00001", "Dot_D/vid-3_b/0003650", "Eve_E/vid-4_a/0000025"],
        ["id10005/vid-5_b/00002", "Fay_F/00000123", "Bea_B/00000007"],
    ]
    assert matched.population.tolist() == ["unseen", "mixed"]
    ids, matched = found(
        tmp_path,
        f"{prefix}Ann_A./1.6/vid-0_a/0000025.JPG  {prefix}id10000/vid-0_b/00001.wav "
        f"{prefix}id10001/vid-1_b/00002.m4a \n",
    )
    assert ids == [["Ann_A/vid-0_a/0000025", "id10000/vid-0_b/00001", "id10001/vid-1_b/00002"]]
    assert (matched.kind, matched.population.tolist()) == ("matching", ["seen"])


def test_pairs_without_a_label_are_told_by_their_names(tmp_path: Path) -> None:
    ids, matched = found(
        tmp_path,
        "Eve_E/00000123.jpg id10004/vid-4_a/00001.wav\n\nEve_E/00000123.jpg id10003/vid-3_a/00001.wav\n",
    )
    assert ids == [["Eve_E/00000123", "id10004/vid-4_a/00001"], ["Eve_E/00000123", "id10003/vid-3_a/00001"]]
    assert matched.same.tolist() == [True, False]


def test_verification_lists_of_voxceleb_old_and_new(tmp_path: Path) -> None:
    new = (
        "1 id10002/vid-2_a/00001.wav id10002/vid-2_b/00002.wav\n"
        "0 id10002/vid-2_a/00001.wav id10003/vid-3_b/00002.wav\n"
    )
    old = (
        "1 Cy_C.J/vid-2_a_0000001.wav Cy_C.J/vid-2_b_0000002.wav\n"
        "0 Cy_C.J/vid-2_a_0000001.wav Dot_D/vid-3_b_0000002.wav\n"
    )
    assert (
        found(tmp_path, new)[0]
        == found(tmp_path, old)[0]
        == [line.replace(".wav", "").split()[1:] for line in new.splitlines()]
    )
    assert found(tmp_path, new)[1].voice.all()


def own_trials() -> pd.DataFrame:
    """Trials as run.py writes them, text as categories."""
    rows = [
        (
            "voice_to_face",
            "unseen",
            "ungrouped",
            "id10002/vid-2_a/00001",
            "Cy_C.J/00000123",
            "Dot_D/00000007",
        ),
        ("voice_to_face", "unseen", "gender", "id10003/vid-3_a/00001", "Dot_D/00000123", "Cy_C.J/00000007"),
        (
            "face_to_voice",
            "seen",
            "ungrouped",
            "Ann_A/00000123",
            "id10000/vid-0_a/00001",
            "id10001/vid-1_a/00002",
        ),
    ]
    table = pd.DataFrame(
        rows, columns=["direction", "population", "group", "probe_id", "positive_id", "impostor_id"]
    )
    return table.astype("category").assign(positive_score=0.5)


def test_our_own_trials_are_several_lists(tmp_path: Path) -> None:
    own_trials().to_parquet(tmp_path / "trials.parquet")
    clips, faces, identities = ours()
    matched = match(read_list(tmp_path / "trials.parquet"), clips, faces, identities)
    assert len(matched) == matched.lines == 3
    assert matched.population.tolist() == ["unseen", "unseen", "seen"]
    assert clips["clip_id"][matched.row[2, 1:]].tolist() == ["id10000/vid-0_a/00001", "id10001/vid-1_a/00002"]
    assert faces["photo_id"][matched.row[:2, 1]].tolist() == ["Cy_C.J/00000123", "Dot_D/00000123"]
    found = score(matched, lambda voices, faces: np.where(faces % 4 == 2, 1.0, 0.0), None, 100, 0)
    assert found.keys() == {"kind", "lines", "scored", "lost", "parts"}
    assert found["parts"]["voice_to_face"]["gender"]["unseen"]["accuracy"] == 1.0
    assert (
        found["parts"]["face_to_voice"]["ungrouped"]["seen"]["accuracy"] == 0.5
    )  # the same face with two voices: a tie
    assert {
        (d, g, p) for d, groups in found["parts"].items() for g, cells in groups.items() for p in cells
    } == {
        ("voice_to_face", "ungrouped", "unseen"),
        ("voice_to_face", "gender", "unseen"),
        ("face_to_voice", "ungrouped", "seen"),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": no trials in it"),
        (PINS, ": no trials in it"),
        (
            "id,label,voice,face\n1,1,a.wav,b.jpg\n",
            ": the first line must name the columns label, voice-path, face-path",
        ),
        (PINS + "1,1,1,1,A/a.wav,A/a.jpg\n\n2,1,1,1,A/a.wav\n", ", line 4: 5 fields, not 6 like the others"),
        (PINS + "1,1,1,yes,A/a.wav,A/a.jpg\n", r", line 2: the label is yes, not 1 \(same person\) or 0"),
        (PINS + "1,1,1,1,A/a.jpg,A/a.wav\n", ", line 2: no trial between"),
        ("1 A/a/1.wav B/b/1.wav\n2 A/a/1.wav B/b/1.wav\n", ", line 2: the label is 2"),
        ("A/a.wav A/a.jpg\n\nA/b.wav\n", ", line 3: 1 fields, not 2"),
        ("A/a.wav\n", ", line 1: 1 fields; a trial list has"),
        ("A/a.wav A/a.jpg B/b.jpg C/c.jpg\n", ", line 1: 4 fields; a trial list has"),
        ("VoxCeleb1 ID\tjpg\nid10002\tA/1.6/v/1.jpg\n", ", line 2: 2 fields, not 3"),
        ("VoxCeleb1 ID jpg\n", ", line 1: VoxCeleb1 is neither a sound file nor a picture"),
        ("A/a.wav A/a.jpg\nA/a.wav A/a.txt\n", ", line 2: A/a.txt is neither a sound file nor a picture"),
        ("A/a.wav A/a.jpg\nA/a.jpg A/a.wav\n", ", line 2: voices and faces are in another order"),
        ("A/a.jpg B/a.jpg\n", ", line 1: no trial between"),
        ("A/a.wav A/a.jpg A/b.wav\n", ", line 1: no trial between"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"list\.txt{message}") as caught:
        listed(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_list_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "text.parquet").write_text("1 a.wav b.wav")
    own_trials().drop(columns="probe_id").to_parquet(tmp_path / "lacking.parquet")
    own_trials().iloc[:0].to_parquet(tmp_path / "empty.parquet")
    own_trials().assign(direction=["voice_to_face", "sideways", "voice_to_face"]).to_parquet(
        tmp_path / "direction.parquet"
    )
    own_trials().assign(impostor_id=np.array(["a/a", "a/a", None], dtype=object)).to_parquet(
        tmp_path / "null.parquet"
    )
    for name, message in (
        ("binary.txt", "not a text file"),
        ("absent.txt", "no such file"),
        ("text.parquet", "not a parquet file"),
        ("absent.parquet", "not a parquet file"),
        ("lacking.parquet", "no column probe_id"),
        ("empty.parquet", "no trials"),
        ("direction.parquet", "line 2: the direction"),
        ("null.parquet", "line 3: .*an id is missing"),
    ):
        with pytest.raises(UserError, match=f"{name}.*{message}"):
            read_list(tmp_path / name)


def test_what_we_lack_is_counted_by_the_first_reason(tmp_path: Path) -> None:
    text = "".join(
        f"{voice}.wav {face}.jpg\n"
        for voice, face in (
            ("id10000/vid-0_a/00001", "Ann_A/00000123"),
            ("id19999/vid-0_a/00001", "Ann_A/00000123"),
            ("id10000/vid-0_a/00003", "Stranger/00000123"),
            ("id10000/vid-0_a/00003", "Ann_A/00000123"),
            ("id10000/vid-1_a/00001", "Ann_A/00000999"),
            ("id10000/vid-0_a/00001", "Ann_A/00000999"),
            ("id10000/00001", "Ann_A/00000123"),
            ("id10000", "Ann_A/00000123"),
            ("id10000/Bea_B/00001", "Ann_A/00000123"),
            ("id10000/id10001/vid-1_a/00001", "Bea_B/00000123"),
        )
    )
    ids, matched = found(tmp_path, text)
    assert ids == [["id10000/vid-0_a/00001", "Ann_A/00000123"]]
    assert matched.lost == {"unknown_person": 3, "missing_clip": 5, "missing_face": 1}


def test_files_that_differ_in_spelling_only_are_told_apart_by_their_exact_ids(tmp_path: Path) -> None:
    clips, faces, identities = ours()
    more = pd.DataFrame(
        {"clip_id": ["id10000/vid-0_a/1", "id10000/vid-0/a_1"], "identity_id": ["id10000"] * 2}
    )
    clips = pd.concat([clips, more], ignore_index=True)
    text = "".join(
        f"id10000/{clip}.wav Ann_A/00000123.jpg\n"
        for clip in ("vid-0_a/00001", "vid-0_a/1", "vid-0/a_1", "vid-0_a/001", "vid-0_a/002")
    )
    matched = match(listed(tmp_path, text), clips, faces, identities)
    assert clips["clip_id"][matched.row[:, 0]].tolist() == [
        "id10000/vid-0_a/00001",
        "id10000/vid-0_a/1",
        "id10000/vid-0/a_1",
        "id10000/vid-0_a/00002",
    ]
    assert matched.lost["missing_clip"] == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "1 id10000/vid-0_a/00001.wav id10000/vid-0_b/00001.wav\n"
            "1 id10000/vid-0_a/00001.wav id10001/vid-1_a/00001.wav\n",
            2,
        ),
        ("0 id10000/vid-0_a/00001.wav id10000/vid-0_b/00001.wav\n", 1),
        ("\nid10000/vid-0_a/00001.wav Bea_B/00000123.jpg Ann_A/00000123.jpg\n", 2),
        ("id10000/vid-0_a/00001.wav Ann_A/00000123.jpg Ann_A/00000007.jpg\n", 1),
    ],
)
def test_a_label_that_contradicts_the_metadata_is_an_error(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(UserError, match=rf"list\.txt, line {line}: it contradicts"):
        found(tmp_path, text)


LAYOUTS = {
    True: (
        "{v}/{video}/{clip:05d}.wav",
        "wav/{v}/{video}/{clip:05d}.m4a",
        "{f}/{video}_{clip:07d}.wav",
        "{f}./{video}/{clip:05d}.mp4",
    ),
    False: (
        "{f}/1.6/{video}/{frame:07d}.jpg",
        "{f}./{video}/{frame:07d}.png",
        "faces/{v}/{video}_{frame}.JPEG",
        "{f}/{video}/{frame:07d}.jpg",
    ),
}


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**31),
    st.integers(1, 40),
    st.sampled_from([(True, False), (False, True), (True, True), (True, False, False), (False, True, True)]),
)
def test_every_line_is_kept_or_lost_and_names_the_right_files(
    tmp_path_factory: pytest.TempPathFactory, seed: int, lines: int, form: tuple[bool, ...]
) -> None:
    """Lists written in random layouts, of which each name is ours, a missing file or a stranger's;
    expectations are kept while writing."""
    rng = np.random.default_rng(seed)
    clips, faces, identities = ours()
    clip_row, face_row = (
        {name: i for i, name in enumerate(table[key])}
        for table, key in ((clips, "clip_id"), (faces, "photo_id"))
    )
    text, expected, lost = [], [], dict.fromkeys(REASONS, 0)
    for _ in range(lines):
        anchor, other = rng.choice(6, size=2, replace=False)
        people = [anchor, anchor, other] if len(form) == 3 else [anchor, rng.choice([anchor, other])]
        paths, rows, reasons = [], [], set()
        for person, voice in zip(people, form, strict=True):
            fate = rng.choice(["ours", "missing", "stranger"], p=[0.8, 0.1, 0.1])
            v, f = identities.loc[person, ["voice_id", "face_id"]]
            which = int(rng.integers(2))
            video, clip, frame = f"vid-{person}_{'ab'[which]}", int(rng.integers(1, 3)), (25, 3650)[which]
            rows.append(
                clip_row[f"{v}/{video}/{clip:05d}"] if voice else face_row[f"{f}/{video}/{frame:07d}"]
            )
            if fate == "missing":
                clip, frame = 77, 77
                reasons.add("missing_clip" if voice else "missing_face")
            if fate == "stranger":
                v, f = "id19999", "Zoe_Z"
                reasons.add("unknown_person")
            paths.append(
                str(rng.choice(LAYOUTS[voice])).format(v=v, f=f, video=video, clip=clip, frame=frame)
            )
        label = [str(int(people[0] == people[1]))] if form == (True, True) else []
        text.append(" ".join([*label, *paths]))
        if reasons:
            lost[next(reason for reason in REASONS if reason in reasons)] += 1
        else:
            expected.append((rows, people))
    matched = match(listed(tmp_path_factory.mktemp("lists"), "\n".join(text)), clips, faces, identities)
    assert matched.lost == lost
    assert len(matched) + sum(matched.lost.values()) == matched.lines == lines
    assert matched.row.tolist() == [rows for rows, _ in expected]
    assert matched.person.tolist() == [[int(p) for p in people] for _, people in expected]
    for name, (_, people) in zip(matched.population, expected, strict=True):
        splits = {SPLITS[p] for p in people}
        assert name == {frozenset(["train"]): "seen", frozenset(["test"]): "unseen"}.get(
            frozenset(splits), "mixed"
        )


def big(people: int, pairs: int, seed: int) -> tuple[Matched, np.ndarray, np.ndarray]:
    """A matched voice-face list of seen, unseen and mixed pairs, and a score of each clip with each face."""
    rng = np.random.default_rng(seed)
    first = rng.integers(people, size=pairs)
    second = np.where(rng.random(pairs) < 0.5, first, rng.integers(people, size=pairs))
    split = np.arange(people) % 2
    population = np.where(
        split[first] != split[second], "mixed", np.where(split[first] == 0, "seen", "unseen")
    )
    person = np.stack([first, second], axis=1)
    row = person * 3 + rng.integers(3, size=person.shape)
    voice = np.tile([True, False], (pairs, 1))
    scores = rng.normal(size=(3 * people, 3 * people)) + np.kron(np.eye(people), np.ones((3, 3)))
    lost = dict.fromkeys(REASONS, 1)
    part = np.full(pairs, "", dtype=object)
    return (
        Matched("verification", pairs + 3, lost, row, voice, person, first == second, population, part),
        scores,
        split,
    )


def test_seen_unseen_and_mixed_pairs_are_scored_apart_as_by_sklearn() -> None:
    matched, scores, _ = big(20, 600, 0)
    found = score(matched, lambda voices, faces: scores[voices, faces], None, 100, 1)
    assert (found["kind"], found["lines"], found["scored"], sum(found["lost"].values())) == (
        "verification",
        603,
        600,
        3,
    )
    values = scores[matched.row[:, 0], matched.row[:, 1]]
    for name in ("seen", "unseen"):
        here = matched.population == name
        assert found[name]["auc"] == pytest.approx(roc_auc_score(matched.same[here], values[here]))
        assert found[name]["eer"] == pytest.approx(
            rates.eer(*roc_curve(matched.same[here], values[here])[:2])
        )
        assert found[name]["pairs"] == here.sum()
        assert found[name]["identities"] == 10
        assert found[name]["auc_ci95_low"] < found[name]["auc"] < found[name]["auc_ci95_high"]
    # A pair of one seen and one unseen person is never of the same person: there is nothing to compare with.
    assert found["mixed"] == {"pairs": int((matched.population == "mixed").sum()), "identities": 20}


def test_labelled_pairs_resample_people_one_by_one() -> None:
    rng = np.random.default_rng(3)
    people, pairs, resamples, seed = 8, 70, 150, 4
    first = rng.integers(people, size=pairs)
    second = np.where(rng.random(pairs) < 0.5, first, rng.integers(people, size=pairs))
    same, scores = first == second, rng.normal(size=pairs)
    found = labelled_pairs(scores, same, first, second, resamples, seed)
    counts = np.random.default_rng([seed, 6]).multinomial(people, np.full(people, 1 / people), size=resamples)
    aucs = []
    for w in counts:
        copies = [w[a] if s else w[a] * w[b] for a, b, s in zip(first, second, same, strict=True)]
        aucs.append(roc_auc_score(np.repeat(same, copies), np.repeat(scores, copies)))
    assert (found["auc_ci95_low"], found["auc_ci95_high"]) == pytest.approx(
        tuple(np.quantile(aucs, [0.025, 0.975]))
    )


@pytest.mark.parametrize("direction", ["voice_to_face", "face_to_voice"])
def test_matching_is_scored_in_both_directions(tmp_path: Path, direction: str) -> None:
    clips, faces, identities = ours()
    scores = np.random.default_rng(0).normal(size=(len(clips), len(faces)))  # clips by faces
    voices = [f"{clip}.wav" for clip in clips["clip_id"][8:20]]  # of the three unseen people, four each
    photos = [f"{photo}.jpg" for photo in faces["photo_id"][8:20]]
    probes, gallery, table = (
        (voices, photos, scores) if direction == "voice_to_face" else (photos, voices, scores.T)
    )
    trials = [
        (p, r, w) for p in range(12) for r in range(12) for w in range(12) if p // 4 == r // 4 != w // 4
    ]
    text = "".join(f"{probes[p]} {gallery[r]} {gallery[w]}\n" for p, r, w in trials)
    found = score(
        match(listed(tmp_path, text), clips, faces, identities), lambda v, f: scores[v, f], None, 100, 0
    )
    assert found["unseen"]["accuracy"] == pytest.approx(
        np.mean([table[8 + p, 8 + r] > table[8 + p, 8 + w] for p, r, w in trials])
    )
    assert (found["unseen"]["trials"], found["unseen"]["identities"]) == (12 * 4 * 8, 3)
    assert {"seen", "mixed"}.isdisjoint(found)


def test_two_voices_are_scored_by_the_cosine_of_their_embeddings(tmp_path: Path) -> None:
    clips, faces, identities = ours()
    vectors = np.random.default_rng(1).normal(size=(len(clips), 5))
    names = clips["clip_id"].tolist()
    pairs = list(itertools.combinations(range(8, 20), 2))  # the clips of the three unseen people
    text = "".join(f"{int(names[i][:7] == names[j][:7])} {names[i]}.wav {names[j]}.wav\n" for i, j in pairs)
    found = score(
        match(listed(tmp_path, text), clips, faces, identities), None, voice_cosine(vectors), 100, 0
    )
    cosines = [
        vectors[i] @ vectors[j] / np.linalg.norm(vectors[i]) / np.linalg.norm(vectors[j]) for i, j in pairs
    ]
    assert found["unseen"]["auc"] == pytest.approx(
        roc_auc_score([names[i][:7] == names[j][:7] for i, j in pairs], cosines)
    )
    with pytest.raises(ValueError, match="two voices"):
        score(
            match(listed(tmp_path, text), clips, faces, identities), lambda v, f: vectors[v, 0], None, 100, 0
        )


def test_narrowed_trials_say_the_same_with_fewer_rows() -> None:
    matched, scores, _ = big(30, 40, 2)
    fewer, clips, faces = narrow(matched)
    assert (clips[fewer.row[:, 0]] == matched.row[:, 0]).all()
    assert (faces[fewer.row[:, 1]] == matched.row[:, 1]).all()
    assert set(clips) == set(matched.row[:, 0])
    part = scores[np.ix_(clips, faces)]
    assert score(fewer, lambda v, f: part[v, f], None, 100, 0) == score(
        matched, lambda v, f: scores[v, f], None, 100, 0
    )


def test_a_list_of_strangers_has_counts_only(tmp_path: Path) -> None:
    _, matched = found(tmp_path, "Nobody/a/1.wav Nobody/1.jpg\nNoone/b/2.wav Noone/2.jpg\n")
    metrics = score(matched, None, None, 100, 0)
    assert metrics == {
        "kind": "verification",
        "lines": 2,
        "scored": 0,
        "lost": {"unknown_person": 2, "missing_clip": 0, "missing_face": 0},
    }
