"""Unseen sample people from the evaluation, a page of them at a time: real face, voice, generated faces."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from deepfacegen.data.files.media import SAMPLE_RATE_HZ
from deepfacegen.demo.html import grid, picture
from deepfacegen.errors import UserError
from deepfacegen.report.media import jpeg_uri, wav_uri

SYSTEM = "cgan"
PER_PAGE = 4
GENDERS = {"f": "woman", "m": "man"}


@dataclass(frozen=True)
class People:
    """identity_id, gender, age_years of P people; their real faces uint8 [P, T, T, 3], generated ones uint8
    [P, n, S, S, 3], and speech int16 [P, t], 16 kHz."""

    table: pd.DataFrame
    real: np.ndarray
    generated: np.ndarray
    speech: np.ndarray

    @property
    def pages(self) -> int:
        return -(-len(self.table) // PER_PAGE)


def read(project: Path) -> People | None:
    """The examples of the stage evaluate@cgan below `project`; None where it has not run, or for real people.

    Raises UserError when its files are damaged.
    """
    metrics = project / "metrics" / "evaluate" / f"{SYSTEM}.json"
    folder = project / "data" / "evaluate" / SYSTEM
    arrays_file, table_file = folder / "unseen.npz", folder / "unseen.parquet"
    if not all(file.is_file() for file in (metrics, arrays_file, table_file)):
        return None
    try:
        if json.loads(metrics.read_text(encoding="utf-8"))["data"]["source"] != "sample":
            return None  # voices and faces of real people are never shown
        with np.load(arrays_file, allow_pickle=False) as arrays:
            return People(pd.read_parquet(table_file), arrays["true"], arrays["drawn"], arrays["speech"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        why = f"cannot be read ({str(error).splitlines()[0]})"
        raise UserError(f"{folder}: {why}; run `dvc repro evaluate@{SYSTEM}` again") from None


def page_html(people: People, number: int) -> str:
    """Page `number`, from 0; one beyond the last is the last."""
    number = min(max(number, 0), people.pages - 1)
    first = number * PER_PAGE
    cards = "".join(_card(people, row) for row in range(first, min(first + PER_PAGE, len(people.table))))
    status = f"<p class='quiet' role='status'>Page {number + 1} of {people.pages}</p>"
    return f"<div class='dfg'>{status}<div class='people'>{cards}</div></div>"


def _card(people: People, row: int) -> str:
    person = people.table.iloc[row]
    known = [GENDERS.get(person["gender"], "gender not listed")]
    if person["age_years"] == person["age_years"]:
        known.append(f"{person['age_years']:.0f} years")
    name, generated = escape(str(person["identity_id"])), people.generated[row]
    faces = grid(
        picture(jpeg_uri(face), f"generated from the voice of {name}, {k} of {len(generated)}")
        for k, face in enumerate(generated, 1)
    )
    real = picture(jpeg_uri(people.real[row]), f"real face of {name}")
    voice = wav_uri(people.speech[row], SAMPLE_RATE_HZ)
    return (
        f"<section class='person'><h3>{name} <small>{', '.join(known)}</small></h3>"
        f"<audio controls preload='none' aria-label='voice of {name}' src='{voice}'></audio>"
        f"<div class='pair'><div><h4>Real face</h4><div class='faces one'>{real}</div></div>"
        f"<div><h4>Generated from the voice</h4>{faces}</div></div></section>"
    )
