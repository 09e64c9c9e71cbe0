"""Responses of a served model, without a server."""

from __future__ import annotations

import base64
import io
from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from deepfacegen.api.voice_to_face import Age, GeneratedFaces, VoiceReport
from deepfacegen.errors import UserError
from deepfacegen.server.responses import ROWS, respond


class Fake:
    """Faces whose colour is the number of bytes, the seed and the number of the face."""

    size_px = 64

    def generate(self, speech: np.ndarray, *, count: int, seed: int, size_px: int) -> GeneratedFaces:
        shape = (size_px, size_px, 3)
        faces = [Image.fromarray(np.full(shape, (len(speech), seed, k), np.uint8)) for k in range(count)]
        return GeneratedFaces(
            faces, VoiceReport({"f": 0.75, "m": 0.25}, Age(41.0, 30.0, 52.0), 0.5, None), 2.345
        )


def decode(sound: bytes) -> np.ndarray:
    if sound == b"silence":
        raise UserError("the recording: 0.0 s of speech in\n3.0 s of sound")
    return np.frombuffer(sound, np.int8).astype(np.int16)


def row(sound: bytes) -> dict[str, str]:
    return {"audio": base64.b64encode(sound).decode()}


def request(*rows: Any, **params: Any) -> list[dict[str, Any]]:
    return respond(Fake(), rows, params, decode)  # type: ignore[arg-type]


def test_each_row_gets_its_faces_and_estimates() -> None:
    first, second = request(row(b"12345"), row(b"123"), count=2, seed=7)
    pixels = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(face))))[0, 0].tolist()
        for response in (first, second)
        for face in response["faces"]
    ]
    assert pixels == [[5, 7, 0], [5, 7, 1], [3, 7, 0], [3, 7, 1]]
    assert first["voice"] == {
        "apparent_gender": {"f": 0.75, "m": 0.25},
        "apparent_age": {"mean_years": 41.0, "low_years": 30.0, "high_years": 52.0},
        "typicality": 0.5,
        "pitch_hz": None,
        "familiar": True,
    }
    assert first["speech_seconds"] == 2.35
    assert "not a likeness" in first["note"]


@pytest.mark.parametrize(("given", "side"), [({}, 128), ({"size_px": 64}, 64), ({"size_px": 256}, 256)])
def test_faces_have_the_size_of_the_request(given: dict[str, int], side: int) -> None:
    (response,) = request(row(b"12"), **given)
    assert Image.open(io.BytesIO(base64.b64decode(response["faces"][0]))).size == (side, side)


def test_line_ends_within_base64_are_no_error() -> None:
    text = base64.encodebytes(b"x" * 200).decode()
    assert text.count("\n") > 1
    assert len(request({"audio": text})) == 1


@pytest.mark.parametrize(
    ("rows", "params", "message"),
    [
        ([], {}, f"a request holds 1 to {ROWS} rows, not 0"),
        ([row(b"1")] * (ROWS + 1), {}, f"not {ROWS + 1}"),
        ([{"sound": "x"}], {}, "audio: give a sound file"),
        ([{"audio": ""}], {}, "audio: give a sound file"),
        ([{"audio": 5}], {}, "audio: give a sound file"),
        ([{"audio": "%%%"}], {}, "audio: is not base64"),
        ([{"audio": "ä"}], {}, "audio: is not base64"),
        ([{"audio": "abc"}], {}, "audio: is not base64"),
        ([row(b"silence")], {}, "the recording: 0.0 s of speech in 3.0 s of sound"),
        ([row(b"1"), row(b"silence")], {}, "row 2: the recording"),
        ([row(b"1")], {"count": 0}, "count: must be a whole number from 1 to 16, not 0"),
        ([row(b"1")], {"count": 17}, "count: must be"),
        ([row(b"1")], {"count": 1.5}, "count: must be"),
        ([row(b"1")], {"size_px": 100}, "size_px: must be 64, 128 or 256, not 100"),
        ([row(b"1")], {"seed": -1}, "seed: must be"),
        ([row(b"1")], {"seed": 2**31}, "seed: must be"),
    ],
)
def test_a_wrong_request_is_one_line(rows: list[Any], params: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        request(*rows, **params)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_gets_a_response_or_an_error(text: str) -> None:
    try:
        (response,) = request({"audio": text})
    except UserError:
        return
    assert base64.b64encode(base64.b64decode(text)).decode() == "".join(text.split())
    assert SimpleNamespace(**response).faces
