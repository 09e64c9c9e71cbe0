"""The card of a release: what it is, its metrics on seen and unseen people, and its limits, as Markdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

POPULATIONS = ("unseen", "seen")
GROUPS = {"ungrouped": "any impostor", "gender": "impostor of the same gender"}
KINDS = {"matching": "cosine", "matching_centred": "centred cosine"}

HEAD = """\
# Deep Face Gen {package_version}

**A generated face is a statistical guess. It is never evidence of who somebody is or what they look like.**

Input: 1.5 s to 10 s of speech, 16 kHz. Output: faces of {image_size_px} px (larger ones are
interpolated), apparent gender and age with their uncertainty, and how typical the voice is of the training
voices. The same voice with other latents gives another face.

```python
from deepfacegen import VoiceToFace

generated = VoiceToFace.load("models/release").generate("speech.wav", count=4, seed=0)
```
"""
MEANING = """\
## What it does, and what it does not mean

* It generates the kind of face that goes with such voices in its training data: mostly apparent gender and
  age. Skin, hair, eyes, glasses and scars do not depend on the voice; there the face follows the training
  data.
* It generates a face for any voice, also for one unlike all of its training. A typicality near 0 says that
  hardly any training voice is so far from their mean.
* The probability of a gender assumes equal priors, and says how the voice sounds, not who somebody is. The
  age is how old the voice sounds, with an 80 % interval from the errors on validation people.
* It must not be used to find, recognise, accuse or verify a person, nor to present a generated face as the
  portrait of a real speaker.
"""
SAMPLE = "Trained on synthetic sample people alone: on a real voice its output means nothing."
REAL = (
    "Trained on recordings and photos of real people. Weights can memorise: compare seen with unseen metrics "
    "before distributing them."
)
MATCHING = """\
## How good the faces are

Two real faces, one of them the speaker's: how often is the face generated from the voice nearer to the right
one? In percent, with 95 % intervals over people; chance is 50. Judged by `{judge}`, which no training used.
*Seen* people were trained on, *unseen* people were not.

| | unseen | seen | trials (unseen) |
|---|---|---|---|
{rows}
"""
TRAITS = """\
## How good the estimates are

Readouts in closed form, fitted on training people, calibrated on validation people, measured here.

| | unseen | seen |
|---|---|---|
{rows}
"""
TRAINING = """\
## Training

Data: `{source}`; people: {counts}; manifest sha256 `{manifest_sha256}`.
{voice}
{prior}{photos}
{people} config.json has the number and a digest of the training people, not a list.
"""

PRIORS = {
    "portraits": "The generator started from a ready-made prior of faces, trained on synthetic portraits.",
    "trained": "The generator started from a prior of faces, trained on the training people's photos.",
}

Cell = dict[str, Any]


def render(config: dict[str, Any]) -> str:
    """config.json of a release -> Markdown."""
    figures, source = config["figures"], config["provenance"]["source"]
    parts = [
        HEAD.format(**config),
        MEANING + f"* {SAMPLE if source == 'sample' else REAL}\n",
        MATCHING.format(judge=figures["judge"], rows="\n".join(_matching(figures))),
        TRAITS.format(rows="\n".join(_traits(figures["traits"]))),
        _training(config),
        f"## Licence\n\n{config['licence']}\n",
    ]
    return "\n".join(parts)


def _matching(figures: dict[str, Any]) -> list[str]:
    rows = []
    for group, words in GROUPS.items():
        for kind, measure in KINDS.items():
            cells = figures[kind].get(group)
            if cells:
                trials = cells.get("unseen", {}).get("trials", "")
                rows.append(f"| {words}, {measure} | {_both(cells, _accuracy)} | {trials} |")
        oracle = figures["oracle"].get(group)
        if oracle:
            accuracy = _both(oracle, lambda cell: percent(cell["accuracy"]))
            rows.append(f"| {words}, knowing the gender alone | {accuracy} | |")
    return rows or ["| nothing was measured | | | |"]


def _traits(traits: dict[str, Any]) -> list[str]:
    rows = []
    for name in ("gender", "age"):
        if missing := traits[name].get("missing"):
            why = f"none: too few people are labelled ({_labels(missing)})"
            rows.append(f"| apparent {name} | {why} | |")
    for name, key, words, cell in (
        ("gender", "accuracy", "gender: accuracy, %", _share),
        ("gender", "auc", "gender: AUC, %", _share),
        ("gender", "mean_confidence", "gender: mean confidence, %", _share),
        ("age", "mae_years", "age: mean absolute error, years", _years),
        ("age", "mae_of_mean_years", "age: the same, guessing the mean age", _years),
        ("age", "coverage_80", "age: true age inside the 80 % interval, %", _share),
        ("typicality", "below_tenth", "typicality below 0.1, % of voices (training voices: 10)", _share),
    ):
        if "missing" not in traits[name]:
            rows.append(f"| {words} | {_both(traits[name], cell(key))} |")
    return rows


def _training(config: dict[str, Any]) -> str:
    provenance = config["provenance"]
    corpora = sorted({name for names in provenance["trained_on_corpora"].values() for name in names})
    counts = (
        f"{provenance['splits'][name]['identities']} {words}"
        for name, words in (("train", "training"), ("val", "validation"), ("test", "test"))
    )
    by = f"by others on {', '.join(corpora)}" if corpora else "on the training people"
    prior = provenance["prior"]
    photos = provenance.get("trained_on_photos", {}).get("cgan")
    return TRAINING.format(
        source=provenance["source"],
        manifest_sha256=provenance["manifest_sha256"],
        counts=", ".join(counts),
        voice=f"The voice encoder was trained {by}.",
        prior=PRIORS[prior["architecture"]] if prior else "The generator began with random weights.",
        photos=f" Faces were also learned from photos of {photos['people']} people without voices."
        if photos
        else "",
        people=f"It holds the voice embedding and a face of {config['examples']} sample people."
        if config["examples"]
        else "It holds nobody's data.",
    )


def _labels(missing: dict[str, Any]) -> str:
    needed = missing["needed_of_each"]
    return "; ".join(
        f"{split}: {', '.join(f'{count} {name}' for name, count in found.items())}, {needed[split]} needed"
        for split, found in missing["labelled"].items()
    )


def _both(cells: dict[str, Cell], text: Callable[[Cell], str]) -> str:
    return " | ".join(text(cells[name]) if name in cells else "" for name in POPULATIONS)


def _accuracy(cell: Cell) -> str:
    return f"{percent(cell['accuracy'])} [{percent(cell['ci95_low'])}, {percent(cell['ci95_high'])}]"


def percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _share(key: str) -> Callable[[Cell], str]:
    def text(cell: Cell) -> str:
        value = cell.get(key)
        return "no labels" if value is None else f"{percent(value)} ({cell['identities']} people)"

    return text


def _years(key: str) -> Callable[[Cell], str]:
    return lambda cell: f"{cell[key]:.1f}" if key in cell else "no labels"
