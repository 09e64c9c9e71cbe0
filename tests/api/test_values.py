"""Samples and numbers of any library: the right speech, or one line that says what is wanted."""

from __future__ import annotations

import array
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from deepfacegen import VoiceToFace
from deepfacegen.api import recordings, values
from deepfacegen.errors import UserError
from deepfacegen.server.responses import respond
from tests.release import made

Make = Callable[[np.ndarray], Any]


@pytest.fixture(scope="module")
def heard(said: np.ndarray) -> np.ndarray:
    return recordings.decode(said)


def unit(said: np.ndarray) -> np.ndarray:
    return said.astype(np.float32) / 32768


def frozen(said: np.ndarray) -> np.ndarray:
    copy = said.copy()
    copy.flags.writeable = False
    return copy


# What holds the very same samples.
SAME: dict[str, Make] = {
    "list of integers": lambda said: said.tolist(),
    "tuple of floats": lambda said: tuple(unit(said).tolist()),
    "array.array": lambda said: array.array("h", said.tolist()),
    "memoryview": memoryview,
    "series": lambda said: pd.Series(unit(said)),
    "tensor": lambda said: torch.from_numpy(unit(said)),
    "tensor with gradients": lambda said: torch.from_numpy(unit(said)).requires_grad_(),
    "tensor of a batch": lambda said: torch.from_numpy(unit(said))[None, None],
    "[1, T]": lambda said: said[None],
    "[T, 1]": lambda said: said[:, None],
    "[2, T]": lambda said: np.stack([said, said]),
    "[T, 2]": lambda said: np.stack([said, said], axis=1),
    "[9, T]": lambda said: np.stack([unit(said)] * 9),
    "fortran": lambda said: np.asfortranarray(np.stack([said, said], axis=1)),
    "channels that cancel": lambda said: np.stack([unit(said), -unit(said)]),
    "read-only": frozen,
    "strided": lambda said: np.repeat(said, 2)[::2],
    "backwards": lambda said: said[::-1].copy()[::-1],
    "other byte order": lambda said: said.astype(said.dtype.newbyteorder("S")),
    "floats in other byte order": lambda said: unit(said).astype(np.dtype(np.float32).newbyteorder("S")),
    "float64": lambda said: unit(said).astype(np.float64),
    "uint16": lambda said: (said.astype(np.int32) + 32768).astype(np.uint16),
    "uint32": lambda said: ((said.astype(np.int64) + 32768) << 16).astype(np.uint32),
    "int32": lambda said: said.astype(np.int32) << 16,
    "16 bits in int32": lambda said: said.astype(np.int32),
    "24 bits in int32": lambda said: said.astype(np.int32) << 8,
    "16 bits in int64": lambda said: said.astype(np.int64),
    "16 bits in floats": lambda said: said.astype(np.float32),
    "24 bits in floats": lambda said: said.astype(np.float64) * 256,
    "32 bits in floats": lambda said: said.astype(np.float64) * 65536,
}
# Less precise ones: the same speech but for rounding.
NEAR: dict[str, Make] = {
    "float16": lambda said: unit(said).astype(np.float16),
    "bfloat16": lambda said: torch.from_numpy(unit(said)).bfloat16(),
    "int8": lambda said: np.round(said / 256).clip(-128, 127).astype(np.int8),
    "uint8": lambda said: (np.round(said / 256).clip(-128, 127) + 128).astype(np.uint8),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_samples_give_the_same_speech(
    name: str, said: np.ndarray, heard: np.ndarray, recwarn: pytest.WarningsRecorder
) -> None:
    np.testing.assert_array_equal(recordings.decode(SAME[name](said)), heard)
    assert not recwarn.list


@pytest.mark.parametrize("name", NEAR)
def test_samples_of_less_precision_give_nearly_the_same(
    name: str, said: np.ndarray, heard: np.ndarray
) -> None:
    found = recordings.decode(NEAR[name](said))
    assert len(found) == pytest.approx(len(heard), rel=0.05)
    assert np.sqrt(np.square(found / 32768.0).mean()) == pytest.approx(
        np.sqrt(np.square(heard / 32768.0).mean()), rel=0.05
    )


LOUD = np.sin(np.arange(64_000))
UNUSABLE: list[tuple[Any, str]] = [
    (None, "must be a path, the bytes of a sound file, or samples, not NoneType"),
    ({}, "not dict"),
    (io.BytesIO(b"RIFF"), "not BytesIO"),
    ("", "'' is not a file name"),
    ("a\0b", "is not a file name"),
    (b"\0" * 9, "cannot be read as sound"),
    (memoryview(b"\0" * 9), "cannot be read as sound"),
    (3, "must be numbers"),
    (True, "must be numbers"),
    (
        [[1, 2], [3]],
        "must be numbers, [T] or [T, channels], integers or floats in [-1, 1], not [[1, 2], [3]]",
    ),
    (["a"], "must be numbers"),
    ([], "must be numbers"),
    (LOUD > 0, "not bool [64000]"),
    (LOUD + 0j, "not complex128 [64000]"),
    (LOUD.astype(object), "not object [64000]"),
    (np.ma.array(LOUD, mask=LOUD > 0.9), "must be numbers"),
    (np.append(LOUD, np.inf), "not finite"),
    (np.zeros((3, 200, 200)), "must be numbers"),
    (np.zeros((200, 200), np.uint8), "must be numbers"),
    (Image.new("RGB", (200, 200)), "not uint8 [200, 200, 3]"),
    ((LOUD + 1) / 2, "sound swings around zero"),
    (LOUD * 127 + 128, "sound swings around zero"),
    (
        LOUD * 100,
        "its samples lie between -100 and 100; give floats in [-1, 1], or integers of 16, 24 or 32 bits",
    ),
    (LOUD * 1e12, "give floats in [-1, 1]"),
    ((LOUD * 1e12).astype(np.int64), "give floats in [-1, 1]"),
]


@pytest.mark.parametrize(("speech", "message"), UNUSABLE, ids=range(len(UNUSABLE)))
def test_what_is_no_sound_is_refused_in_one_line(speech: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        recordings.decode(speech)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "rate",
    [
        16_000,
        np.int64(16_000),
        np.uint16(16_000),
        16_000.0,
        np.float32(16_000),
        torch.tensor(16_000),
        np.array(16_000),
    ],
)
def test_rates_of_any_library(rate: Any, said: np.ndarray, heard: np.ndarray) -> None:
    np.testing.assert_array_equal(recordings.decode(said, rate), heard)


@pytest.mark.parametrize(
    "rate", [0, -16_000, 44_100.5, "16000", None, float("nan"), float("inf"), True, np.zeros((2, 2)), 10**30]
)
def test_rates_that_are_none(rate: Any, said: np.ndarray) -> None:
    with pytest.raises(
        UserError, match=r"^sample_rate_hz: must be a whole number from 4000 to 384000, not "
    ) as caught:
        recordings.decode(said, rate)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def model(release: Path) -> VoiceToFace:
    return VoiceToFace.load(release, device="cpu")


def test_counts_seeds_and_latents_of_any_library(
    model: VoiceToFace, heard: np.ndarray, recwarn: pytest.WarningsRecorder
) -> None:
    expected = [face.tobytes() for face in model.generate(heard, count=2, seed=7).faces]
    for count, seed in ((np.int64(2), np.uint8(7)), (2.0, np.float64(7)), (torch.tensor(2), np.array(7))):
        assert [face.tobytes() for face in model.generate(heard, count=count, seed=seed).faces] == expected  # type: ignore[arg-type]
    latents = model.latents(2, 7)
    for same in (
        latents.tolist(),
        torch.from_numpy(latents.copy()).requires_grad_(),
        latents.astype(">f8"),
        frozen(latents),
        np.asfortranarray(latents),
    ):
        assert [face.tobytes() for face in model.generate(heard, latents=same).faces] == expected  # type: ignore[arg-type]
    assert [face.tobytes() for face in model.generate(frozen(heard), count=2, seed=7).faces] == expected
    assert [face.tobytes() for face in model.generate(heard.astype(">i2"), count=2, seed=7).faces] == expected
    assert model.generate(heard, seconds=np.float32(2)).speech_seconds == 2  # type: ignore[arg-type]
    assert len(model.nearest(heard, count=np.int32(2))) == 2  # type: ignore[arg-type]
    assert not recwarn.list


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"seed": "1"}, "seed: must be a whole number from 0 to 2147483647, not '1'"),
        ({"seed": None}, "seed: must be"),
        ({"seed": np.zeros((30, 30))}, "seed: must be"),
        ({"seed": np.bool_(True)}, "seed: must be"),
        ({"count": [1]}, "count: must be"),
        ({"count": np.float64("nan")}, "count: must be"),
        ({"seconds": "two"}, "seconds: must be a number, not 'two'"),
        ({"seconds": [2, 3]}, "seconds: must be a number"),
        ({"seconds": True}, "seconds: must be a number"),
        ({"latents": "a"}, "latents: must be numbers"),
        ({"latents": [[1.0], [2.0, 3.0]]}, "latents: must be numbers"),
        ({"latents": [[1e300] * made.LATENT_DIM]}, "latents: "),
    ],
)
def test_values_of_another_kind(
    model: VoiceToFace, heard: np.ndarray, arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UserError) as caught:
        model.generate(heard, **arguments)
    assert str(caught.value).startswith(reason)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", [None, 3, b"models", ["models"]])
def test_a_source_that_is_no_folder(source: Any) -> None:
    with pytest.raises(UserError, match=r"^source: must be a folder or the URI of an MLflow model, not"):
        VoiceToFace.load(source)


@pytest.mark.parametrize("device", [3.5, "cpu:x", b"cpu", object()])
def test_a_device_that_is_none(device: Any, release: Path) -> None:
    with pytest.raises(UserError, match=r"^device "):
        VoiceToFace.load(release, device=device)


@pytest.mark.parametrize("value", ["1", "one", None, [1], {}, float("nan"), 1.5, -1, True])
@pytest.mark.parametrize("name", ["count", "seed"])
def test_parameters_of_a_served_model(name: str, value: Any) -> None:
    with pytest.raises(UserError, match=rf"^{name}: must be a whole number"):
        respond(None, [{"audio": "AA=="}], {name: value})  # type: ignore[arg-type]


def test_a_long_value_is_cut() -> None:
    assert values.abbreviated("x" * 100) == f"str '{'x' * 36}..."
    assert values.abbreviated(np.zeros((2, 2))) == "array([[0., 0.], [0., 0.]])"
