"""Show the last default run: its figures between the marks of DOCUMENTS, its first unseen people as the
picture."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from deepfacegen.systems.cgan.grids import grid

sys.path.insert(0, str(Path(__file__).resolve().parent))
import evidence
import leaderboard
from leaderboard import interval as _interval
from leaderboard import percent as _percent

PEOPLE, DRAWS = 10, 3
ROOT = Path(__file__).resolve().parents[1]
CELLS = leaderboard.CELLS
COSINES = (("matching", "cosine"), ("matching_centred", "centred cosine"))


def table(metrics: dict[str, Any]) -> str:
    """The block between the marks, from the metrics of one system on sample people."""
    rows = [
        "| | unseen, ungrouped | unseen, grouped | seen, ungrouped | seen, grouped |",
        "|---|---|---|---|---|",
    ]
    for key, name in COSINES:
        rows.append(
            _row(f"faces drawn from voices, {name}", [_interval(_at(metrics[key], *cell)) for cell in CELLS])
        )
    for key, name in COSINES:
        rows.append(
            _row(
                f"the same by the second judge, {name}",
                [_interval(_at(metrics["judges"]["dlib"][key], *cell)) for cell in CELLS],
            )
        )
    for key, name in COSINES:
        nearest = metrics["baselines"]["nearest_voice"][key]
        rows.append(
            _row(
                f"true face of the nearest training voice, {name}",
                [_interval(_at(nearest, *cell)) for cell in CELLS],
            )
        )
    for judge, by in (("", metrics), (" by the second judge", metrics["judges"]["dlib"])):
        for key, name in COSINES:
            faces = by["baselines"]["gender_face"][key]
            rows.append(
                _row(
                    f"mean training face of the speaker's gender{judge}, {name}",
                    [_interval(_at(faces, *cell)) for cell in CELLS],
                )
            )
    for key, name in COSINES:
        rows.append(
            _row(
                f"ceiling, {name}",
                [_percent(_at(metrics["upper_bound"][key], *cell)["accuracy"]) for cell in CELLS],
            )
        )
    oracle = metrics["oracle"]["gender"]["matching"]
    rows.append(
        _row("oracle that knows the gender", [_percent(_at(oracle, *cell)["accuracy"]) for cell in CELLS])
    )
    mean = metrics["baselines"]["mean_face"]["matching"]
    rows.append(
        _row("the mean training face for everybody, cosine", [_interval(_at(mean, *cell)) for cell in CELLS])
    )
    rows.append(_row("chance", ["50.0"] * len(CELLS)))
    main = _at(metrics["matching"], "unseen", "ungrouped")
    intro = (
        f"Sample people, default parameters: {main['identities']} unseen people, {main['trials']} ungrouped trials, judge SFace; "
        "second judge dlib's network; accuracy in percent with 95 % intervals.\n\n"
    )
    return intro + "\n".join(rows) + _besides(metrics)


def _besides(metrics: dict[str, Any]) -> str:
    """What stands below the table: choices of ten, the pictures themselves, and the audit."""
    quality, detected = metrics["quality"], _percent(metrics["generated"]["detected_share"])
    ten = [
        metrics[key]["voice_to_face"]["unseen"]["ungrouped"]["of_10"]
        for key in ("forced_choice", "forced_choice_centred")
    ]
    nulls = ", ".join(
        f"{name.replace('_', ' ')} {_interval(found)}"
        for name, found in sorted(metrics["null_attributes"].items())
    )
    return (
        f"\n\nOf ten candidates the unseen person is chosen in {' and, centred, '.join(map(_interval, ten))} (chance 10.0). "
        "Among seen people, the nearest training voice is mostly another clip of the same person.\n"
        f"Drawn faces among true ones (in brackets, true ones among each other): precision {_percent(quality['precision'])} "
        f"({_percent(quality['precision_real'])}), recall {_percent(quality['recall'])} ({_percent(quality['recall_real'])}), Frechet distance in "
        f"SFace features {quality['fd_sface']:.2f} ({quality['fd_sface_real']:.2f}). A drawn face is nearer to a training face than a true "
        f"face of an unseen person is in {_percent(quality['nearest_training_auc'])} % of cases; copies would make it 100.\n"
        f"Null attributes told by the drawn faces of unseen people (chance 50.0): {nulls}.\n"
        f"The detector finds a face in {detected} % of the drawn faces.\n"
    )


# Marks -> what stands between them, from the metrics of all systems.
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
    "docs/systems.md": ("systems", "refinement"),
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


def picture(true: np.ndarray, drawn: np.ndarray) -> Image.Image:
    """True faces uint8 [P, T, T, 3] in the top row, drawn ones [P, n, S, S, 3] in the rows below, all at the
    size of the true ones."""
    side = true.shape[1]
    large = [
        [np.asarray(Image.fromarray(face).resize((side, side), Image.Resampling.BICUBIC)) for face in faces]
        for faces in drawn
    ]
    return Image.fromarray(
        grid(np.concatenate([true[:, None], np.array(large)], axis=1).swapaxes(0, 1), gap_px=4)
    )


def main() -> int:
    """Rewrite the picture and every document. With --tables, the documents alone, when the drawn faces are
    not at hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", action="store_true", help="leave docs/images/unseen.png as it is")
    if not parser.parse_args().tables:
        _picture()
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


def _picture() -> None:
    with np.load(ROOT / "data" / "evaluate" / "cgan" / "unseen.npz", allow_pickle=False) as shown:
        picture(shown["true"][:PEOPLE], shown["drawn"][:PEOPLE, :DRAWS]).save(
            ROOT / "docs" / "images" / "unseen.png"
        )


if __name__ == "__main__":
    sys.exit(main())
