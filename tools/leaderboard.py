"""The tables of all systems and of the refiner for README.md and docs/systems.md, from the metrics of a
run."""

from __future__ import annotations

from typing import Any

FIRST = "cgan"
CELLS = (("unseen", "ungrouped"), ("unseen", "gender"), ("seen", "ungrouped"), ("seen", "gender"))
COSINES = (("", "cosine"), ("_centred", "centred cosine"))
WAYS = (*COSINES, ("_own", "own features"))
ENLARGED = (
    ("psnr_db", "PSNR, dB", 1),
    ("ssim", "SSIM", 3),
    ("identity_cosine", "cosine to the true face by the judge", 3),
)
ASKED = (
    ("own", "shown of the person's own attributes"),
    ("changed", "shown of changed attributes"),
    ("real_photos", "read rightly from true photos"),
)


def systems(evaluated: dict[str, dict[str, Any]]) -> str:
    """Rows of all systems that match voices with faces, by every way to compare: accuracy seen and unseen,
    and how unseen people are verified and retrieved.
    """
    names = sorted(
        (name for name, metrics in evaluated.items() if "matching" in metrics),
        key=lambda name: (name != FIRST, name),
    )
    head = (
        "| | unseen, ungrouped | unseen, grouped | seen, ungrouped | seen, grouped | AUC | EER | R@1 | R@10 |"
    )
    rows = [head, "|---|---|---|---|---|---|---|---|---|"]
    for name in names:
        metrics = evaluated[name]
        for suffix, way in WAYS:
            if f"matching{suffix}" not in metrics:
                continue
            label = f"`{name}`, {way}" if "matching_centred" in metrics else f"`{name}`"
            matching = metrics[f"matching{suffix}"]["voice_to_face"]
            pairs = metrics[f"verification{suffix}"]["voice_to_face"]["unseen"]["ungrouped"]
            ranks = metrics[f"retrieval{suffix}"]["voice_to_face"]["unseen"]
            cells = [interval(matching[population][group]) for population, group in CELLS]
            cells += [
                interval(pairs, "auc"),
                interval(pairs, "eer"),
                interval(ranks, "recall_at_1"),
                interval(ranks, "recall_at_10"),
            ]
            rows.append(f"| {label} | {' | '.join(cells)} |")
    ceiling, oracle = (
        evaluated[FIRST]["upper_bound"],
        evaluated[FIRST]["oracle"]["gender"]["matching"]["voice_to_face"],
    )
    for suffix, way in COSINES:
        best = ceiling[f"matching{suffix}"]["voice_to_face"]
        rows.append(
            f"| ceiling of drawn faces, {way} | {' | '.join(percent(best[p][g]['accuracy']) for p, g in CELLS)} | | | | |"
        )
    rows.append(
        f"| oracle that knows the gender | {' | '.join(percent(oracle[p][g]['accuracy']) for p, g in CELLS)} | | | | |"
    )
    chance = evaluated[FIRST]["retrieval"]["voice_to_face"]["unseen"]
    shares = [percent(chance[f"recall_at_{k}_chance"]) for k in (1, 10)]
    rows.append(f"| chance | {' | '.join(['50.0'] * 6)} | {' | '.join(shares)} |")
    return "\n".join(rows) + "\n"


def headline(evaluated: dict[str, dict[str, Any]]) -> str:
    """The short table of README: every system that matches voices with faces, unseen beside seen people, and
    what the figures lie between."""
    first = evaluated[FIRST]
    asked = first["matching"]["voice_to_face"]["unseen"]["ungrouped"]
    rows = [
        f"Sample people, default parameters: {asked['identities']} unseen people, {asked['trials']} choices of two for each figure of the first "
        "column; percent with 95 % intervals; guessing gives 50.\n",
        "| | unseen, any impostor | unseen, same gender | seen, any impostor | seen, same gender |",
        "|---|---|---|---|---|",
    ]
    for name in sorted(
        (name for name, metrics in evaluated.items() if "matching" in metrics),
        key=lambda name: (name != FIRST, name),
    ):
        metrics = evaluated[name]
        draws = "matching_centred" in metrics
        for suffix, way in COSINES if draws else COSINES[:1]:
            rows.append(
                _choices(
                    f"`{name}`, {way}" if draws else f"`{name}`, which draws nothing",
                    metrics[f"matching{suffix}"],
                )
            )
        if name == FIRST:
            rows += [
                _choices(
                    f"the same faces by the second judge, {way}",
                    metrics["judges"]["dlib"][f"matching{suffix}"],
                )
                for suffix, way in COSINES
            ]
    best, oracle = (
        found["matching"]["voice_to_face"] for found in (first["upper_bound"], first["oracle"]["gender"])
    )
    rows.append(
        f"| ceiling of drawn faces, cosine | {' | '.join(percent(best[p][g]['accuracy']) for p, g in CELLS)} |"
    )
    rows.append(
        f"| knowing the gender and nothing else | {' | '.join(percent(oracle[p][g]['accuracy']) for p, g in CELLS)} |"
    )
    return "\n".join(rows) + "\n"


def _choices(name: str, matching: dict[str, Any]) -> str:
    return f"| {name} | {' | '.join(interval(matching['voice_to_face'][population][group]) for population, group in CELLS)} |"


def refinement(metrics: dict[str, Any]) -> str:
    """What a refiner does on unseen people's photos, beside interpolation."""
    rows = [
        f"Of {metrics['faces']} photos of {metrics['identities']} unseen people, reduced {metrics['scale']} times to {metrics['size_px'] // metrics['scale']} px.\n",
        "| | bicubic | drawn, attributes told | gain | drawn, attributes guessed | gain |",
        "|---|---|---|---|---|---|",
    ]
    for key, name, digits in ENLARGED:
        ways = [
            f"{metrics[key][way]['refined']:.{digits}f} | {_gain(metrics[key][way], digits)}"
            for way in ("given", "guessed")
        ]
        rows.append(f"| {name} | {metrics[key]['bicubic']:.{digits}f} | {' | '.join(ways)} |")
    names = [name for name in metrics["attributes"]["own"] if not name.startswith("all")]
    rows += [
        "",
        f"| | all | {' | '.join(name.replace('_', ' ') for name in names)} |",
        f"|---|---|{'---|' * len(names)}",
    ]
    for key, label in ASKED:
        shares = metrics["attributes"][key]
        rows.append(
            f"| {label} | {interval(shares, 'all')} | {' | '.join(percent(shares[name]) if name in shares else '' for name in names)} |"
        )
    if "swap" in metrics:
        swap = metrics["swap"]
        rows.append(
            f"\nSwapped faces: cosine {swap['identity_cosine']:.3f} to the identity asked for, {swap['source_cosine']:.3f} to the face given; "
            f"{interval(swap, 'identity_nearer')} % are nearer to the identity."
        )
    return "\n".join(rows) + "\n"


def percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def interval(found: dict[str, Any], name: str = "accuracy") -> str:
    start = "" if name == "accuracy" else f"{name}_"
    return f"{percent(found[name])} [{percent(found[f'{start}ci95_low'])}, {percent(found[f'{start}ci95_high'])}]"


def _gain(found: dict[str, Any], digits: int) -> str:
    return f"{found['gain']:+.{digits}f} [{found['gain_ci95_low']:+.{digits}f}, {found['gain_ci95_high']:+.{digits}f}]"
