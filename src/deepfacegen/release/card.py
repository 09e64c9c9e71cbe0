"""The card of a release: what it is, how good it is on seen and unseen people, what it does not mean.
Markdown, rendered from its config.json."""

from __future__ import annotations

from typing import Any

POPULATIONS = ("unseen", "seen")
GROUPS = {"ungrouped": "any impostor", "gender": "impostor of the same gender"}
KINDS = {"matching": "cosine", "matching_centred": "centred cosine"}

HEAD = """\
# Deep Face Gen {package_version}

**A drawn face is a statistical guess. It is never evidence of who somebody is or what they look like.**

Speech in (1.5 s to 10 s of it, 16 kHz), a face of {image_size_px} px out, and what the voice says beside it: apparent gender and age with their
uncertainty, and how typical the voice is of the training voices. Same voice, other noise: another face.

```python
from deepfacegen import VoiceToFace

drawing = VoiceToFace.load("models/release").generate("speech.wav", count=4, seed=0)
```
"""
MEANING = """\
## What it does, and what it does not mean

* It draws the kind of face that goes with such voices in its training data: mostly apparent gender and age. Skin, hair, eyes, glasses and scars are
  not heard; there it draws its training data's habits.
* It draws a face for any voice, also for one it knows nothing of. A typicality near 0 says that hardly any training voice is so far from their mean.
* The probability of a gender is that among as many women as men, and says how the voice sounds, not who somebody is. The age is how old the voice
  sounds; its interval is as wide as four of five errors on validation people.
* It must not be used to find, recognise, accuse or verify a person, nor to show a drawn face as the portrait of a real speaker.
"""
SAMPLE = "Trained on synthetic sample people alone: on a real voice its output means nothing."
REAL = "Trained on recordings and photos of real people. Weights can remember: compare seen with unseen figures before passing them on."


def render(config: dict[str, Any]) -> str:
    """config.json of a release -> Markdown."""
    source = config["provenance"]["source"]
    parts = [
        HEAD.format(**config),
        MEANING + f"* {SAMPLE if source == 'sample' else REAL}\n",
        _matching(config["figures"]),
        _traits(config["figures"]["traits"]),
        _training(config),
        _licence(config),
    ]
    return "\n".join(parts)


def _matching(figures: dict[str, Any]) -> str:
    rows = []
    for group, words in GROUPS.items():
        for kind, measure in KINDS.items():
            cells = figures[kind].get(group)
            if cells:
                trials = cells.get("unseen", {}).get("trials", "")
                rows.append(f"| {words}, {measure} | {_both(cells, _accuracy)} | {trials} |")
        oracle = figures["oracle"].get(group)
        if oracle:
            rows.append(
                f"| {words}, knowing the gender alone | {_both(oracle, lambda cell: _percent(cell['accuracy']))} | |"
            )
    table = "\n".join(rows) if rows else "| nothing was measured | | | |"
    return f"""\
## How good the faces are

Two true faces, one of them the speaker's: how often is the face drawn from the voice nearer to the right one? In percent, with 95 % intervals over
people; chance is 50. Judged by `{figures["judge"]}`, which took part in no training. *Seen* people were trained on, *unseen* people were not.

| | unseen | seen | trials (unseen) |
|---|---|---|---|
{table}
"""


def _traits(traits: dict[str, Any]) -> str:
    rows = []
    for name, words in (("gender", "apparent gender"), ("age", "apparent age")):
        missing = traits[name].get("missing")
        if missing:
            rows.append(f"| {words} | not told: too few people are labelled ({_labels(missing)}) | |")
    if "missing" not in traits["gender"]:
        rows.append(f"| gender: accuracy, % | {_both(traits['gender'], lambda c: _share(c, 'accuracy'))} |")
        rows.append(f"| gender: AUC, % | {_both(traits['gender'], lambda c: _share(c, 'auc'))} |")
        rows.append(
            f"| gender: mean confidence, % | {_both(traits['gender'], lambda c: _share(c, 'mean_confidence'))} |"
        )
    if "missing" not in traits["age"]:
        rows.append(
            f"| age: mean absolute error, years | {_both(traits['age'], lambda c: _years(c, 'mae_years'))} |"
        )
        rows.append(
            f"| age: the same, guessing the mean age | {_both(traits['age'], lambda c: _years(c, 'mae_of_mean_years'))} |"
        )
        rows.append(
            f"| age: true age inside the 80 % interval, % | {_both(traits['age'], lambda c: _share(c, 'coverage_80'))} |"
        )
    rows.append(
        f"| voices whose typicality is below 0.1, % (training voices: 10) | {_both(traits['typicality'], lambda c: _share(c, 'below_tenth'))} |"
    )
    table = "\n".join(rows)
    return f"""\
## How good the rest is

Readouts in closed form, fitted on training people, calibrated on validation people, measured here.

| | unseen | seen |
|---|---|---|
{table}
"""


def _training(config: dict[str, Any]) -> str:
    provenance = config["provenance"]
    splits = provenance["splits"]
    corpora = sorted({name for names in provenance["trained_on_corpora"].values() for name in names})
    counts = ", ".join(
        f"{splits[name]['identities']} {words}"
        for name, words in (("train", "training"), ("val", "validation"), ("test", "test"))
    )
    people = (
        f"It carries the voice embedding and a face of {config['examples']} sample people."
        if config["examples"]
        else "It carries nobody's data."
    )
    return f"""\
## Training

Data: `{provenance["source"]}`; people: {counts}; manifest sha256 `{provenance["manifest_sha256"]}`.
{f"The voice encoder was trained by others on {', '.join(corpora)}." if corpora else "All weights were trained on the training people."}
{people} Who was trained on stands in config.json as a number and a digest, not as a list.
"""


def _licence(config: dict[str, Any]) -> str:
    return f"## Licence\n\n{config['licence']}\n"


def _labels(missing: dict[str, Any]) -> str:
    needed = missing["needed_of_each"]
    return "; ".join(
        f"{split}: {', '.join(f'{count} {name}' for name, count in found.items())}, {needed[split]} needed"
        for split, found in missing["labelled"].items()
    )


def _both(cells: dict[str, Any], shown: Any) -> str:
    return " | ".join(shown(cells[name]) if name in cells else "" for name in POPULATIONS)


def _accuracy(cell: dict[str, Any]) -> str:
    return f"{_percent(cell['accuracy'])} [{_percent(cell['ci95_low'])}, {_percent(cell['ci95_high'])}]"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _share(cell: dict[str, Any], key: str) -> str:
    return (
        f"{_percent(cell[key])} ({cell['identities']} people)"
        if cell.get(key) is not None
        else "nobody is labelled"
    )


def _years(cell: dict[str, Any], key: str) -> str:
    return f"{cell[key]:.1f}" if key in cell else "nobody is labelled"
