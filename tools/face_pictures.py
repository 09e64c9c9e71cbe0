"""The pictures of docs/faces.md, from sample people: points and template, margins, what each gate rejects.

PYTHONPATH=src python tools/face_pictures.py            writes docs/images/faces_*.png
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure

from deepfacegen.config.schema import FacesConfig, SampleConfig
from deepfacegen.data.faces import align, find
from deepfacegen.data.faces.detect import Detector
from deepfacegen.data.files import pictures
from deepfacegen.synthetic.people import Person, from_row, sample_people
from deepfacegen.synthetic.portrait import render_portrait

OUT = Path(__file__).resolve().parents[1] / "docs/images"
SIDE_PX, SEED = 224, 5
GATES = FacesConfig(min_sharpness=120.0, max_yaw_ratio=0.4)
MARGINS = (1.0, align.MARGIN, 1.6)


def people() -> list[Person]:
    return [from_row(row) for _, row in sample_people(SampleConfig(identities=12)).iterrows()]


def show(axes: Any, picture: np.ndarray, title: str) -> None:
    axes.imshow(picture)
    axes.set_title(title, fontsize=8)
    axes.set_axis_off()


def save(figure: Figure, name: str) -> None:
    figure.savefig(OUT / name, dpi=90, metadata={"Software": None})


def template(portraits: Sequence[np.ndarray], detector: Detector) -> None:
    """The five points in a photo, turned by 6 degrees, and in the stored face, with the square that
    recognisers take."""
    turn = cv2.getRotationMatrix2D((SIDE_PX / 2, SIDE_PX / 2), 6, 0.9)
    photo = cv2.warpAffine(portraits[0], turn, (SIDE_PX, SIDE_PX), borderMode=cv2.BORDER_REPLICATE)
    found = detector.detect(photo)
    figure = Figure(figsize=(6, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2)
    show(left, photo, "photo: box and five points of the detector")
    x, y, width, height = found.boxes[0]
    left.plot(
        [x, x + width, x + width, x, x], [y, y, y + height, y + height, y], color="tab:cyan", linewidth=1
    )
    left.scatter(*found.points[0].T, color="yellow", edgecolors="black", s=22)
    size = GATES.size_px
    show(right, align.align(photo, found.points[0], size), f"stored face, {size} px: template, inner square")
    right.scatter(*align.template(size).T, color="yellow", edgecolors="black", s=22)
    edge = size * (1 - 1 / align.MARGIN) / 2
    right.plot(
        *np.array(
            [[edge, edge], [size - edge, edge], [size - edge, size - edge], [edge, size - edge], [edge, edge]]
        ).T,
        color="tab:cyan",
        lw=1,
    )
    save(figure, "faces_template.png")


def margins(portraits: Sequence[np.ndarray], detector: Detector) -> None:
    """The same faces with other room around the template; stored is 1.25."""
    figure = Figure(figsize=(5.2, 3.7), layout="constrained")
    rows = figure.subplots(2, len(MARGINS))
    for photo, row in zip(portraits, rows, strict=False):
        points = detector.detect(photo).points[0]
        for margin, axes in zip(MARGINS, row, strict=True):
            target = ((align.ARCFACE_TEMPLATE_112 + 0.5 - 56) / (112 * margin) + 0.5) * 128 - 0.5
            face = cv2.warpAffine(
                photo,
                align.similarity(points, target),
                (128, 128),
                flags=cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE,
            )
            show(axes, face, f"margin {margin:g}" + (" (stored)" if margin == align.MARGIN else ""))
    save(figure, "faces_margins.png")


def turned(photo: np.ndarray, share: float) -> np.ndarray:
    """A portrait whose left part takes so much of the width, as if the head were turned."""
    place = np.arange(SIDE_PX, dtype=np.float32) / SIDE_PX
    source = np.where(place < share, place / share / 2, 0.5 + (place - share) / (1 - share) / 2) * SIDE_PX
    across = np.tile(source.astype(np.float32), (SIDE_PX, 1))
    down = np.tile(np.arange(SIDE_PX, dtype=np.float32)[:, None], (1, SIDE_PX))
    return cv2.remap(photo, across, down, cv2.INTER_LINEAR)


def gates(portraits: Sequence[np.ndarray], detector: Detector) -> None:
    """One picture for each reason, with what the gate measured; the reasons are the stage's.
    Raises ValueError if one differs."""
    one, two = portraits[0], portraits[1]
    hidden = one.copy()
    hidden[60:150] = 128
    pair = np.hstack([one[:, 30:-30], two[:, 30:-30]])
    small = np.full_like(one, 150)
    small[95:130, 95:130] = cv2.resize(one, (35, 35), interpolation=cv2.INTER_AREA)
    examples = {
        "kept": one,
        "no_face": hidden,
        "several_faces": pair,
        "too_small": small,
        "extreme_pose": turned(one, 0.3),
        "blurred": cv2.GaussianBlur(one, (0, 0), 3.0),
    }
    figure = Figure(figsize=(6.6, 4.8), layout="constrained")
    for (reason, photo), axes in zip(examples.items(), figure.subplots(2, 3).ravel(), strict=True):
        try:
            face = find.find_face(GATES, detector, photo)
            found, note = (
                "kept",
                f"score {face.score:.2f}, yaw {face.yaw_ratio:.2f}, sharpness {face.sharpness:.0f}",
            )
        except pictures.RejectError as reject:
            found, note = str(reject), measured(detector, photo, str(reject))
        if found != reason:
            raise ValueError(f"a picture that should be {reason} is {found}")
        show(axes, photo, f"{reason}\n{note}")
    save(figure, "faces_gates.png")


def measured(detector: Detector, photo: np.ndarray, reason: str) -> str:
    """What the gate measured."""
    found = detector.detect(photo)
    if reason == "no_face":
        return f"best score {max(found.scores, default=0.0):.2f} < {GATES.min_score}"
    if reason == "several_faces":
        return f"{len(found)} faces, heights {', '.join(f'{height:.0f}' for height in found.boxes[:, 3])} px"
    if reason == "too_small":
        return f"{found.boxes[0, 3]:.0f} px < {GATES.min_face_px} px"
    if reason == "extreme_pose":
        return f"yaw ratio {align.yaw_ratio(found.points[0]):.2f} > {GATES.max_yaw_ratio}"
    lenient = find.find_face(FacesConfig(max_yaw_ratio=1.0), detector, photo)
    return f"sharpness {lenient.sharpness:.0f} < {GATES.min_sharpness:g}"


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    detector = Detector()
    portraits = [render_portrait(person, np.random.default_rng(SEED), SIDE_PX) for person in people()[:2]]
    template(portraits, detector)
    margins(portraits, detector)
    gates(portraits, detector)


if __name__ == "__main__":
    main()
