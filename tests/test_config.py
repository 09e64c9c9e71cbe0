"""Parameters: what is accepted, and the one line that says what is wrong with the rest."""

from __future__ import annotations

import dataclasses
import math
import re
import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.config.schema import Config, ConfigError, flatten, from_dict, load, to_dict
from deepfacegen.errors import UserError

VOXCELEB2 = {
    "source": "voxceleb2",
    "voices_root": "vox2",
    "faces_root": "vggface2",
    "metadata": "vox2_meta.csv",
}
NUMBERS = [
    (section.name, field.name, field.metadata)
    for section in dataclasses.fields(Config)
    for field in dataclasses.fields(section.default)
    if isinstance(field.default, (int, float)) and not isinstance(field.default, bool)
]


def refusal(raw: dict[str, Any]) -> str:
    """The message with which the parameters are refused; it must be one line."""
    with pytest.raises(ConfigError) as caught:
        from_dict(raw)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_empty_is_all_defaults() -> None:
    assert from_dict({}) == Config()


def test_a_value_reaches_its_field_and_leaves_the_rest() -> None:
    config = from_dict({"train": {"lr": 0.5, "steps": 3}, "data": {"limit_identities": 9}})
    assert (config.train.lr, config.train.steps, config.data.limit_identities) == (0.5, 3, 9)
    assert config.pretrain == Config().pretrain
    assert config.train.batch == Config().train.batch


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ({"trian": {"lr": 0.1}}, "trian"),
        ({"train": {"learning_rate": 0.1}}, "train.learning_rate"),
        ({"train": {"lr": 2.0}}, "train.lr"),
        ({"train": {"lr": 0}}, "train.lr"),
        ({"train": {"lr": math.nan}}, "train.lr"),
        ({"train": {"lr": "fast"}}, "train.lr"),
        ({"train": {"lr": True}}, "train.lr"),
        ({"train": {"lr": None}}, "train.lr"),
        ({"train": {"lr": [0.1]}}, "train.lr"),
        ({"train": {"steps": 10.5}}, "train.steps"),
        ({"train": {"steps": "10"}}, "train.steps"),
        ({"train": {"steps": True}}, "train.steps"),
        ({"train": {"augment": "yes"}}, "train.augment"),
        ({"train": {"augment": 1}}, "train.augment"),
        ({"train": {"architecture": "stylegan"}}, "train.architecture"),
        ({"split": {"rule": "alphabet"}}, "split.rule"),
        ({"data": {"limit_identities": 0}}, "data.limit_identities"),
        ({"data": {"voices_root": 5}}, "data.voices_root"),
        ({"train": 5}, "train"),
        ({"train": None}, "train"),
    ],
)
def test_bad_values_are_refused_by_name(raw: dict[str, Any], named: str) -> None:
    assert refusal(raw).startswith(named)


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ({"audio": {"min_speech_seconds": 5.0, "max_speech_seconds": 4.0}}, "audio.min_speech_seconds"),
        ({"split": {"val_share": 0.4, "test_share": 0.6}}, "split.val_share"),
        ({"split": {"train_only": "id(0"}}, "split.train_only"),
        ({"split": {"rule": "file"}}, "split.file"),
        ({"split": {"file": "identity_splits.txt"}}, "split.file"),
        ({"split": {"rule": "first_letter", "file": "identity_splits.txt"}}, "split.file"),
        ({"prior": {"image_size_px": 48}}, "prior.image_size_px must be a power of two"),
        (
            {"train": {"architecture": "paper"}, "prior": {"architecture": "trained", "image_size_px": 128}},
            "prior.image_size_px must be 64",
        ),
        (
            {"prior": {"architecture": "trained", "image_size_px": 128}, "faces": {"size_px": 64}},
            "faces.size_px must be a multiple of 128 (prior.image_size_px)",
        ),
        (
            {"faces": {"size_px": 96}},
            "faces.size_px must be a multiple of 64 (prior.architecture: portraits)",
        ),
        ({"data": {"source": "voxceleb2"}}, "data.voices_root"),
        ({"data": {**VOXCELEB2, "faces_root": None}}, "data.faces_root"),
        ({"data": {**VOXCELEB2, "metadata": None}}, "data.metadata"),
    ],
)
def test_values_that_do_not_fit_together_are_refused(raw: dict[str, Any], named: str) -> None:
    assert named in refusal(raw)


def test_a_prior_of_ones_own_sets_the_size_of_faces_and_a_ready_made_one_keeps_its_own() -> None:
    sizes = {"image_size_px": 32}
    assert from_dict({"prior": {"architecture": "trained", **sizes}}).generated_px == 32
    assert from_dict({"prior": sizes}).generated_px == 64


@pytest.mark.parametrize(
    "key", ["image_size_px", "z_dim", "channels", "max_channels", "truncation", "exaggeration"]
)
def test_what_the_prior_has_replaced_is_refused_by_name(key: str) -> None:
    assert refusal({"train": {key: 1}}).startswith(f"train.{key}: unknown parameter")


def test_voxceleb2_needs_photos_only_if_it_takes_faces_from_them() -> None:
    assert from_dict({"data": VOXCELEB2}).data.faces_root == "vggface2"
    assert (
        from_dict({"data": {**VOXCELEB2, "faces_root": None, "faces_from": "video"}}).data.faces_root is None
    )


@pytest.mark.parametrize(
    ("text", "value"), [("1e-4", 1e-4), ("1.0e-4", 1e-4), ("1", 1.0), ("0.25", 0.25), ("'3e-3'", 3e-3)]
)
def test_yaml_spellings_of_a_number_are_floats(tmp_path: Path, text: str, value: float) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(f"train:\n  lr: {text}\n", encoding="utf-8")
    loaded = load(path).train.lr
    assert loaded == value
    assert isinstance(loaded, float)


@pytest.mark.parametrize("content", [b"train: [1, 2", b"\xff\xfe\x00", b"train:\n\tlr: 1"])
def test_broken_yaml_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"broken\.yaml: not valid YAML") as caught:
        load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("audio:\n  vad_threshold: 0.5\n  vad_threshold: 0.6\n", "line 3: vad_threshold stands there twice"),
        ("audio:\n  vad_threshold: 0.5\nsplit: {}\naudio: {}\n", "line 4: audio stands there twice"),
        ("train:\n\tlr: 1", "line 2: found character"),
        ("data:\n  metadata: 2024-13-45\n", "month must be in 1..12"),
        ("data: " + "[" * 3000, "nested too deeply"),
    ],
    ids=("key", "section", "tab", "date", "depth"),
)
def test_the_message_says_what_is_no_yaml_and_where(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(f"broken.yaml: not valid YAML ({message}")):
        load(path)


def test_a_folder_is_no_parameter_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a parameter file that can be read"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [("train", "r1_weight", math.inf), ("split", "seed", 10**20), ("train", "seed", 10**20)],
)
def test_no_number_is_too_large_to_be_used(section: str, key: str, value: float) -> None:
    message = f"{section}.{key} must be a number below 9007199254740991, not {value}"
    assert refusal({section: {key: value}}) == message


def test_a_zero_byte_is_in_no_path() -> None:
    message = refusal({"data": {"source": "folder", "root": "my\0people"}})
    assert message.startswith("data.root must hold no zero byte")


@pytest.mark.parametrize("content", ["", "5", "- a\n- b", "text"])
def test_yaml_that_is_no_mapping_names_the_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "flat.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"flat\.yaml: must be a mapping"):
        load(path)


def test_missing_file_names_itself(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.yaml: no such parameter file"):
        load(tmp_path / "nowhere.yaml")


def test_flatten_spells_keys_as_dvc_does() -> None:
    flat = flatten("train", Config().train)
    assert flat["train.lr"] == Config().train.lr
    assert set(flat) == {f"train.{field.name}" for field in dataclasses.fields(Config().train)}


@pytest.mark.parametrize(
    ("section", "key", "limits"), NUMBERS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_both_ends_of_a_range_are_legal_and_nothing_beyond_is(
    section: str, key: str, limits: dict[str, Any]
) -> None:
    whole = isinstance(getattr(getattr(Config(), section), key), int)
    for end, outwards in ((limits["low"], -1), (limits["high"], 1)):
        if end is None:
            continue
        beyond = int(end) + outwards if whole else math.nextafter(end, outwards * math.inf)
        message = refusal({section: {key: beyond}})
        assert message.startswith(f"{section}.{key} must lie between")
        try:
            from_dict({section: {key: int(end) if whole else float(end)}})
        except ConfigError as error:  # another key may forbid it, its own range must not
            assert "must lie between" not in str(error)  # noqa: PT017


@given(
    st.dictionaries(
        st.text(string.ascii_lowercase, min_size=1),
        st.dictionaries(st.text(string.ascii_lowercase + "_", min_size=1), st.none()),
    )
)
def test_names_out_of_nowhere_never_pass(raw: dict[str, Any]) -> None:
    known = to_dict(Config())
    unknown = {s for s in raw if s not in known} | {
        f"{s}.{k}" for s in raw if s in known for k in raw[s] if k not in known[s]
    }
    if unknown:
        assert any(refusal(raw).startswith(f"{name}:") for name in unknown)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=4,
    )
)
def test_any_value_is_taken_or_refused_in_one_line(value: Any) -> None:
    for section, fields in to_dict(Config()).items():
        for key in fields:
            try:
                config = from_dict({section: {key: value}})
            except ConfigError as error:
                assert "\n" not in str(error).replace(str(value), "")  # noqa: PT017
            else:
                kept = getattr(getattr(config, section), key)
                assert kept == value or (
                    list(kept) == value if isinstance(kept, tuple) else float(kept) == float(value)
                )


@given(
    st.builds(
        lambda lr, steps, share, flip: {
            "train": {"lr": lr, "steps": steps, "augment": flip},
            "split": {"test_share": share},
        },
        st.floats(1e-7, 1.0),
        st.integers(1, 10**9),
        st.floats(0.01, 0.8),
        st.booleans(),
    )
)
def test_legal_values_survive_yaml(raw: dict[str, Any]) -> None:
    config = from_dict(yaml.safe_load(yaml.safe_dump(raw)))
    assert from_dict(yaml.safe_load(yaml.safe_dump(to_dict(config)))) == config
    assert config.train.lr == raw["train"]["lr"]
