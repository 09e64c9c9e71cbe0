"""Reads trial lists as others publish them, and our own trials.parquet, as tables of names.

Formats, recognised by the first line:
* PINs (Nagrani et al. 2018): `id,voice-speaker-id,face-speaker-id,label,voice-path,face-path`, a csv below
  that header.
* CMPC (Zhu et al. 2022) and Wen P. et al. 2021, matching: anchor, positive, negative, separated by spaces, in
  either direction.
* Wen P. et al. 2021, verification: two paths, no label: the names say whether they are one person.
* VoxCeleb (veri_test.txt, veri_test2.txt and the lists E and H): label, two voices.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from deepfacegen.data.files.text_tables import table_of, text_of, title_of
from deepfacegen.errors import UserError

VOICE_SUFFIXES = (".wav", ".m4a", ".flac", ".mp3", ".ogg", ".mp4")
FACE_SUFFIXES = (".jpg", ".jpeg", ".png")
PINS = ("label", "voice-path", "face-path")
# Which names of a line may be voices (True) and which faces.
PAIRS = ((True, False), (False, True), (True, True))
TRIPLES = {"voice_to_face": (True, False, False), "face_to_voice": (False, True, True)}
OWN = ("direction", "probe_id", "positive_id", "impostor_id")


@dataclass(frozen=True)
class TrialList:
    """N trials. `names` object [N, k]: two of a pair (kind `verification`), or probe, positive and impostor
    (kind `matching`), as paths without suffix.

    voice bool [N, k]: whether a name is a voice, else a face. same bool [N]: the labels of pairs, None where
    the names say it. part str [N]: `<direction>.<group>` in our own lists, which hold several, else "". line
    int64 [N]: where in the file, from 1.
    """

    path: Path
    kind: str
    names: np.ndarray
    voice: np.ndarray
    same: np.ndarray | None
    part: np.ndarray
    line: np.ndarray

    def __len__(self) -> int:
        return len(self.names)


def read_list(path: str | Path) -> TrialList:
    """Read a list in any of the formats above. Raises UserError naming the file, and the line if one is
    malformed."""
    path = Path(path)
    return _own(path) if path.suffix == ".parquet" else _text(path)


def _text(path: Path) -> TrialList:
    what = "evaluate.trial_lists must name lists of trials"
    text = text_of(path, what)
    numbered = [
        (number, line.split()) for number, line in enumerate(text.split("\n"), start=1) if line.strip()
    ]
    table = table_of(path, text, what) if PINS[0] in text[:1000].lower() else None
    columns = []
    if table is not None:
        columns = [place for name in PINS if (place := table.column(title_of(name))) is not None]
    forms: tuple[tuple[bool, ...], ...]
    if table is not None and len(columns) == len(PINS):
        numbered = list(zip(table.lines, table.rows, strict=True))
        width, widths, forms = len(table.titles), table.widths, PAIRS[:1]
    elif numbered and re.search("[,;|]", "".join(numbered[0][1])):
        raise UserError(
            f"{path}: the first line must name the columns {', '.join(PINS)}, separated by commas"
        )
    else:
        width = len(numbered[0][1]) if numbered else 0
        columns, widths = list(range(width)), [len(words) for _, words in numbered]
        pairs = width == 2 or (width == 3 and numbered[0][1][0] in ("0", "1"))
        forms = PAIRS if pairs else tuple(TRIPLES.values())
    rows = [row for _, row in numbered]
    if not rows:
        raise UserError(f"{path}: no trials in it")
    number = np.array([number for number, _ in numbered])
    forms_named = "label and two paths, two paths, or anchor, positive and negative"
    unknown = np.array([len(columns) not in (2, 3)])
    _reject(path, number, unknown, lambda _: f"{width} fields; a trial list has {forms_named}")
    uneven = np.array(widths) != width
    _reject(path, number, uneven, lambda i: f"{widths[i]} fields, not {width} like the others")
    cells = np.array([row[:width] for row in rows], dtype=object)[:, columns]
    same = None
    if len(columns) == 3 and len(forms[0]) == 2:
        labels, cells = cells[:, 0], cells[:, 1:]
        same = labels == "1"
        wrong = ~same & (labels != "0")
        _reject(path, number, wrong, lambda i: f"the label is {labels[i]}, not 1 (same person) or 0")
    voice = _voices(path, cells, number, forms)
    kind = "verification" if cells.shape[1] == 2 else "matching"
    paths = pd.Series(cells.ravel(), dtype="str").str.replace("\\", "/", regex=False)
    names = paths.str.replace(r"[.][^./]*$", "", regex=True).to_numpy(dtype=object).reshape(cells.shape)
    return TrialList(path, kind, names, voice, same, np.full(len(cells), "", dtype=object), number)


def _voices(
    path: Path, names: np.ndarray, number: np.ndarray, forms: tuple[tuple[bool, ...], ...]
) -> np.ndarray:
    """Which names are voices, bool [N, k], by their suffixes: every line must have the form of the first,
    which is one of `forms`."""
    flat = pd.Series(names.ravel(), dtype="str").str.lower()
    voice, face = (
        flat.str.endswith(suffixes).to_numpy(dtype=bool).reshape(names.shape)
        for suffixes in (VOICE_SUFFIXES, FACE_SUFFIXES)
    )
    other: np.ndarray = ~(voice | face)
    neither = "is neither a sound file nor a picture"
    _reject(path, number, np.any(other, axis=1), lambda i: f"{names[i][other[i]][0]} {neither}")
    unknown, why = (
        tuple(voice[0].tolist()) not in forms,
        "a voice and faces, a face and voices, or two voices",
    )
    _reject(path, number, np.array([unknown]), lambda _: f"no trial between {why}")
    order = "voices and faces are in another order than in the lines before"
    _reject(path, number, (voice != voice[0]).any(axis=1), lambda _: order)
    return voice


def _own(path: Path) -> TrialList:
    """trials.parquet of the stage evaluate. It holds several lists, each with its `part`."""
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError):
        raise UserError(f"{path}: not a parquet file that can be read, so no trial list") from None
    lacking = [name for name in OWN if name not in table]
    if lacking:
        raise UserError(
            f"{path}: no column {' or '.join(lacking)}; expected the trials.parquet that the stage evaluate "
            "writes"
        )
    if table.empty:
        raise UserError(f"{path}: no trials in it")
    number = np.arange(1, len(table) + 1)
    direction = table["direction"].astype(object)
    wrong = (~direction.isin(list(TRIPLES)) | table[list(OWN)].isna().any(axis=1)).to_numpy()
    why = f"the direction is none of {', '.join(TRIPLES)}, or an id is missing"
    _reject(path, number, wrong, lambda _: why)
    part = direction + "." + table["group"].astype(str).astype(object) if "group" in table else direction
    names = table[list(OWN[1:])].astype(object).to_numpy()
    voice = np.where(
        (direction == "voice_to_face").to_numpy()[:, None], *(np.array([TRIPLES[name]]) for name in TRIPLES)
    )
    return TrialList(path, "matching", names, voice, None, part.to_numpy(dtype=object), number)


def _reject(path: Path, number: np.ndarray, wrong: np.ndarray, why: Callable[[int], str]) -> None:
    """Raises UserError for the first of the trials that are wrong, bool [N]; number [N]: their lines."""
    if wrong.any():
        first = int(wrong.argmax())
        raise UserError(f"{path}, line {number[first]}: {why(first)}")
