"""Sheets of faces that show what moves them: seconds of speech, temperature, and the directions in which
faces follow a voice. From column to column one of these changes, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.embeddings import generate_faces
from deepfacegen.evaluation.protocol.durations import voices_by_seconds
from deepfacegen.systems.protocol import FaceGenerator, HasDirections, HasTemperature

MOST_ROWS = 5
TEMPERATURES = (0.0, 0.5, 0.7, 1.0)
DEVIATIONS = (-2.0, -1.0, 0.0, 1.0, 2.0)
FACE_PX, GAP_PX, HEADING_PX, TEXT_PX = 112, 4, 36, 24
INK = (122, 122, 122)  # legible on light and dark pages: around the faces a sheet is transparent


@dataclass(frozen=True)
class Sheet:
    """The heading of each column, and faces uint8 [C, R, S, S, 3]."""

    headings: list[str]
    columns: np.ndarray


def write(folder: Path, context: Context) -> None:
    """seconds.png, temperature.png and directions.png of a generator, as far as it has such faces."""
    found = {
        "seconds": by_seconds(context),
        "temperature": by_temperature(context),
        "directions": along_directions(context),
    }
    for name, sheet in found.items():
        if sheet is not None:
            picture(sheet).save(folder / f"{name}.png", optimize=True)


def by_seconds(context: Context) -> Sheet | None:
    """The typical face of some unseen people, evenly spaced in the data, by the voices of metric
    `duration`."""
    people, voices = voices_by_seconds(context.unseen, context.audio)
    if not voices:
        return None
    system, seed = _at_temperature(context.generator, 0.0), context.settings.seed
    rows = np.linspace(0, len(people) - 1, min(len(people), MOST_ROWS)).astype(int)
    columns = [generate_faces(system, [all_[k] for k in rows], 1, seed)[:, 0] for all_ in voices.values()]
    return Sheet([f"{seconds} s" for seconds in voices], np.stack(columns))


def by_temperature(context: Context) -> Sheet | None:
    """Faces of the first unseen voice, each row with the same latents at every temperature."""
    systems = [_at_temperature(context.generator, t) for t in TEMPERATURES]
    if not (isinstance(systems[0], HasTemperature) and systems[0].temperature == TEMPERATURES[0]):
        return None
    voice = context.audio.clips(context.unseen.clips.head(1))
    columns = [generate_faces(system, voice, MOST_ROWS, context.settings.seed)[0] for system in systems]
    return Sheet([f"{t:g}" for t in TEMPERATURES], np.stack(columns))


def along_directions(context: Context) -> Sheet | None:
    """The typical face of the mean voice, moved along one direction in each row."""
    system = context.system
    if not (isinstance(system, HasDirections) and system.directions):
        return None
    count, rows = system.directions, min(system.directions, MOST_ROWS)
    columns = [system.generate_along(d * np.eye(rows, count, dtype=np.float32)) for d in DEVIATIONS]
    return Sheet([f"{d:+g}" if d else "mean" for d in DEVIATIONS], np.stack(columns))


def picture(sheet: Sheet) -> Image.Image:
    """A sheet at FACE_PX a face, RGBA, its headings above the columns."""
    columns, rows = sheet.columns.shape[:2]
    step = FACE_PX + GAP_PX
    drawn = Image.new("RGBA", (columns * step - GAP_PX, HEADING_PX + rows * step - GAP_PX), (*INK, 0))
    pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(TEXT_PX)
    for column, (heading, faces) in enumerate(zip(sheet.headings, sheet.columns, strict=True)):
        pen.text((column * step + FACE_PX / 2, 0), heading, (*INK, 255), font, anchor="ma")
        for row, face in enumerate(faces):
            larger = Image.fromarray(face).resize((FACE_PX, FACE_PX), Image.Resampling.LANCZOS)
            drawn.paste(larger, (column * step, HEADING_PX + row * step))
    return drawn


def _at_temperature(system: FaceGenerator, temperature: float) -> FaceGenerator:
    """The system at a temperature; as it is where it has none."""
    other = system.at_temperature(temperature) if isinstance(system, HasTemperature) else system
    assert isinstance(other, FaceGenerator), f"{type(other).__name__} no longer generates"
    return other
