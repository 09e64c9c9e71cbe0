"""Sample people whom the model never met, as the evaluation left them: a page of them at a time, by eye and
ear."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from deepfacegen.data.files.media import SAMPLE_RATE_HZ
from deepfacegen.demo.words import picture
from deepfacegen.errors import UserError
from deepfacegen.report.media import jpeg_uri, wav_uri

SYSTEM = "cgan"
PER_PAGE = 4
GENDERS = {"f": "woman", "m": "man"}


@dataclass(frozen=True)
class People:
    """identity_id, gender, age_years of P people; true uint8 [P, T, T, 3]; drawn uint8 [P, n, S, S, 3];
    speech int16 [P, t], 16 kHz."""

    table: pd.DataFrame
    true: np.ndarray
    drawn: np.ndarray
    speech: np.ndarray

    @property
    def pages(self) -> int:
        return -(-len(self.table) // PER_PAGE)


def read(project: Path) -> People | None:
    """The people shown by the stage evaluate@cgan below `project`; None where it has not run, or where the
    people are real ones.

    Raises UserError when its files are damaged.
    """
    told, folder = project / "metrics" / "evaluate" / f"{SYSTEM}.json", project / "data" / "evaluate" / SYSTEM
    if not (told.is_file() and (folder / "unseen.npz").is_file() and (folder / "unseen.parquet").is_file()):
        return None
    try:
        if json.loads(told.read_text(encoding="utf-8"))["data"]["source"] != "sample":
            return None  # nobody's voice or face is shown who was not made up
        with np.load(folder / "unseen.npz", allow_pickle=False) as arrays:
            return People(
                pd.read_parquet(folder / "unseen.parquet"), arrays["true"], arrays["drawn"], arrays["speech"]
            )
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(
            f"{folder}: cannot be read ({str(error).splitlines()[0]}); run `dvc repro evaluate@{SYSTEM}` again"
        ) from None


def page_html(people: People, number: int) -> str:
    """Page `number`, from 0; one beyond the last is the last."""
    number = min(max(number, 0), people.pages - 1)
    first = number * PER_PAGE
    cards = "".join(_card(people, row) for row in range(first, min(first + PER_PAGE, len(people.table))))
    return f"<div class='dfg'><p class='quiet' role='status'>Page {number + 1} of {people.pages}</p><div class='people'>{cards}</div></div>"


def _card(people: People, row: int) -> str:
    known = people.table.iloc[row]
    told = [GENDERS.get(known["gender"], "gender not listed")]
    if known["age_years"] == known["age_years"]:
        told.append(f"{known['age_years']:.0f} years")
    name, drawn = escape(str(known["identity_id"])), people.drawn[row]
    faces = "".join(
        picture(jpeg_uri(face), f"drawn from the voice of {name}, {k} of {len(drawn)}")
        for k, face in enumerate(drawn, 1)
    )
    return (
        f"<section class='person'><h3>{name} <small>{', '.join(told)}</small></h3>"
        f"<audio controls preload='none' aria-label='voice of {name}' src='{wav_uri(people.speech[row], SAMPLE_RATE_HZ)}'></audio>"
        f"<div class='pair'><div><h4>True face</h4><div class='faces one'>{picture(jpeg_uri(people.true[row]), f'true face of {name}')}</div></div>"
        f"<div><h4>Drawn from the voice</h4><div class='faces'>{faces}</div></div></div></section>"
    )
