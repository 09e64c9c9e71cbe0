"""A request to a served model, answered: base64 sound in, base64 PNG and what the voice says out. Knows
nothing of the server."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from deepfacegen.api import uploads, values
from deepfacegen.errors import UserError

if TYPE_CHECKING:
    from deepfacegen.api.voice_to_face import VoiceToFace

# The bytes of a sound file -> int16 [T], 16 kHz mono, speech only; raises UserError.
Listen = Callable[[bytes], np.ndarray]
COLUMN = "audio"
ROWS, COUNT, SEED = 16, 16, 2**31 - 1
NOTE = "A statistical guess from the voice, drawn by a model. It is not a likeness of the speaker and identifies nobody."


def answers(
    model: VoiceToFace,
    rows: Sequence[Mapping[str, Any]],
    params: Mapping[str, Any] | None = None,
    listen: Listen = uploads.checked,
) -> list[dict[str, Any]]:
    """One answer for each row {"audio": base64}: `faces` (base64 PNG), `speech_seconds`, `voice`, `note`.

    `params` may hold `count` (faces of each voice) and `seed`. `listen` decodes what comes from strangers;
    tests pass their own. Raises UserError, one line, which names the row if there are several.
    """
    given = params or {}
    count, seed = (
        values.whole("count", given.get("count", 1), 1, COUNT),
        values.whole("seed", given.get("seed", 0), 0, SEED),
    )
    if not 1 <= len(rows) <= ROWS:
        raise UserError(f"a request holds 1 to {ROWS} rows, not {len(rows)}")
    told = []
    for number, row in enumerate(rows, start=1):
        where = "" if len(rows) == 1 else f"row {number}: "
        try:
            drawing = model.generate(listen(_sound(row)), count=count, seed=seed)
        except UserError as error:
            raise UserError(f"{where}{' '.join(str(error.args[0]).split())}") from None
        faces = [png(face) for face in drawing.faces]
        told.append(
            {
                "faces": faces,
                "speech_seconds": round(drawing.speech_seconds, 2),
                "voice": dataclasses.asdict(drawing.voice),
                "note": NOTE,
            }
        )
    return told


def png(face: Image.Image) -> str:
    """A picture as base64 of a PNG file."""
    buffer = io.BytesIO()
    face.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _sound(row: Mapping[str, Any]) -> bytes:
    """The bytes of the sound file in a row."""
    text = row.get(COLUMN)
    if not isinstance(text, str) or not text.strip():
        raise UserError(f"{COLUMN}: give a sound file (wav, m4a, mp3, ogg, ...) as base64 text")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise UserError(f"{COLUMN}: is not base64") from None
