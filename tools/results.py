"""Write the figures of the last default run between the marks of DOCUMENTS, and the pictures of people."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).resolve().parent))
import evidence
import leaderboard
from leaderboard import interval as _interval
from leaderboard import percent as _percent

# The picture: in the order of the evaluation, the first people of each gender, and the first faces of each.
GENDERS, ROWS, SAMPLES = ("f", "m"), 3, 3
GAP_PX, BESIDE_PX, APART_PX, TITLE_PX = 4, 12, 40, 36
INK = "#606060"
ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
CELLS = leaderboard.CELLS
COSINES = (("matching", "cosine"), ("matching_centred", "centred cosine"))


def table(metrics: dict[str, Any]) -> str:
    """The block between the marks, from the metrics of one system on sample people."""
    second, baselines = metrics["judges"]["dlib"], metrics["baselines"]
    scored = [(f"generated faces, {name}", metrics[key]) for key, name in COSINES]
    scored += [(f"generated faces by the second judge, {name}", second[key]) for key, name in COSINES]
    scored += [
        (f"real face of the nearest training voice, {name}", baselines["nearest_voice"][key])
        for key, name in COSINES
    ]
    scored += [
        (f"mean training face of the speaker's gender{judge}, {name}", by["baselines"]["gender_face"][key])
        for judge, by in (("", metrics), (" by the second judge", second))
        for key, name in COSINES
    ]
    known = [(f"upper bound, {name}", metrics["upper_bound"][key]) for key, name in COSINES]
    known.append(("gender oracle", metrics["oracle"]["gender"]["matching"]))
    rows = [_row(name, [_interval(_at(found, *cell)) for cell in CELLS]) for name, found in scored]
    rows += [_row(name, [_percent(_at(found, *cell)["accuracy"]) for cell in CELLS]) for name, found in known]
    mean = baselines["mean_face"]["matching"]
    rows.append(_row("mean training face, cosine", [_interval(_at(mean, *cell)) for cell in CELLS]))
    rows.append(_row("chance", ["50.0"] * len(CELLS)))
    main = _at(metrics["matching"], "unseen", "ungrouped")
    intro = (
        f"Sample people, default parameters: {main['identities']} unseen people, {main['trials']} ungrouped "
        "trials, judge SFace; second judge dlib's network; accuracy in percent with 95 % intervals.\n"
    )
    return "\n".join([intro, leaderboard.HEAD, "|---|---|---|---|---|", *rows]) + _besides(metrics)


def _besides(metrics: dict[str, Any]) -> str:
    """Below the table: choices of ten, image quality, and null attributes."""
    quality, detected = metrics["quality"], _percent(metrics["generated"]["detected_share"])
    ten = [
        _interval(metrics[key]["voice_to_face"]["unseen"]["ungrouped"]["of_10"])
        for key in ("forced_choice", "forced_choice_centred")
    ]
    nulls = ", ".join(
        f"{name.replace('_', ' ')} {_interval(found)}"
        for name, found in sorted(metrics["null_attributes"].items())
    )
    precision, recall = (
        f"{name} {_percent(quality[name])} ({_percent(quality[f'{name}_real'])})"
        for name in ("precision", "recall")
    )
    distance = f"{quality['fd_sface']:.2f} ({quality['fd_sface_real']:.2f})"
    return (
        f"\n\nChoice among ten, unseen people: {ten[0]} by cosine, {ten[1]} centred (chance 10.0).\n"
        "Among seen people, the nearest training voice is mostly another clip of the same person.\n"
        f"Generated against real faces (in brackets: real against real): {precision}, {recall}, "
        f"Fréchet distance in SFace features {distance}.\n"
        f"A generated face is nearer to a training face than a real face of an unseen person is in "
        f"{_percent(quality['nearest_training_auc'])} % of cases; for copies it would be 100.\n"
        f"Null attributes on generated faces of unseen people (chance 50.0): {nulls}.\n"
        f"The detector finds a face in {detected} % of the generated faces.\n"
    )


# Mark -> the block between its start and end, from the metrics of all systems.
BLOCKS: dict[str, Callable[[dict[str, Any]], str]] = {
    "headline": leaderboard.headline,
    "evidence": lambda evaluated: evidence.evidence(evaluated["cgan"]),
    "results": lambda evaluated: table(evaluated["cgan"]),
    "systems": leaderboard.systems,
    "refinement": lambda evaluated: leaderboard.refinement(evaluated["cyclegan"]["refinement"]),
}
DOCUMENTS = {
    "README.md": ("headline",),
    "docs/results.md": ("results", "systems"),
    "docs/science.md": ("evidence",),
    "docs/systems.md": ("refinement",),
}


def with_results(document: str, evaluated: dict[str, Any], blocks: tuple[str, ...]) -> str:
    """`document` with the blocks between their marks written anew. Raises ValueError when it lacks a mark."""
    for name in blocks:
        start, end = f"<!-- {name}:start -->\n", f"<!-- {name}:end -->\n"
        before, found, rest = document.partition(start)
        _, also_found, after = rest.partition(end)
        if not (found and also_found):
            raise ValueError(f"the document must contain {start.strip()} and then {end.strip()}")
        document = before + start + BLOCKS[name](evaluated) + end + after
    return document


def _at(matching: dict[str, Any], population: str, group: str) -> dict[str, Any]:
    return matching["voice_to_face"][population][group]


def _row(name: str, cells: list[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def picture(real: np.ndarray, generated: np.ndarray) -> Image.Image:
    """Real faces uint8 [P, T, T, 3], each with faces generated from its voice [P, n, S, S, 3] to its right,
    at the size of the real one; a woman and a man in a row, below a line that names both."""
    side, samples = real.shape[1], generated.shape[1]
    block = side + BESIDE_PX + samples * (side + GAP_PX) - GAP_PX
    columns = len(GENDERS)
    rows = -(-len(real) // columns)
    size = (columns * (block + APART_PX) - APART_PX, TITLE_PX + rows * (side + GAP_PX) - GAP_PX)
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(TITLE_PX // 2)
    for person, (photo, faces) in enumerate(zip(real, generated, strict=True)):
        left = person % columns * (block + APART_PX)
        top = TITLE_PX + person // columns * (side + GAP_PX)
        first = left + side + BESIDE_PX
        sheet.paste(Image.fromarray(photo), (left, top))
        for sample, face in enumerate(faces):
            larger = Image.fromarray(face).resize((side, side), Image.Resampling.LANCZOS)
            sheet.paste(larger, (first + sample * (side + GAP_PX), top))
        if person < columns:
            pen.text((left, 0), "photo", fill=INK, font=font)
            pen.text((first, 0), "generated from the voice", fill=INK, font=font)
    return sheet


def main() -> int:
    """Rewrite the pictures and every document. With --tables, the documents alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", action="store_true", help="leave docs/images as they are")
    if not parser.parse_args().tables:
        _pictures()
    evaluated = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in (ROOT / "metrics" / "evaluate").glob("*.json")
    }
    for name, blocks in DOCUMENTS.items():
        document = ROOT / name
        document.write_text(
            with_results(document.read_text(encoding="utf-8"), evaluated, blocks), encoding="utf-8"
        )
    return 0


def _pictures() -> None:
    folder = ROOT / "data" / "evaluate" / "cgan"
    chosen = shown(pd.read_parquet(folder / "unseen.parquet")["gender"])
    with np.load(folder / "unseen.npz", allow_pickle=False) as arrays:
        picture(arrays["true"][chosen], arrays["drawn"][chosen, :SAMPLES]).save(IMAGES / "unseen.png")
    with Image.open(ROOT / "metrics" / "plots" / "evaluate" / "cgan" / "directions.png") as sheet:
        on_white = Image.new("RGB", sheet.size, "white")
        on_white.paste(sheet, mask=sheet.getchannel("A"))
    on_white.save(IMAGES / "directions.jpg", quality=88, optimize=True)


def shown(genders: pd.Series) -> list[int]:
    """Rows of the people in the picture: the first ROWS of each listed gender, women and men in turn."""
    each = [np.flatnonzero(genders == gender)[:ROWS].tolist() for gender in GENDERS]
    return [row for pair in zip(*each, strict=True) for row in pair]


if __name__ == "__main__":
    sys.exit(main())
