"""The tables of all systems and of the refiner for README.md and docs/systems.md, from the metrics of a
run."""

from __future__ import annotations

from typing import Any

FIRST = "cgan"
CELLS = (("unseen", "ungrouped"), ("unseen", "gender"), ("seen", "ungrouped"), ("seen", "gender"))
HEAD = "| | unseen, ungrouped | unseen, grouped by gender | seen, ungrouped | seen, grouped by gender |"
COSINES = (("", "cosine"), ("_centred", "centred cosine"))
WAYS = (*COSINES, ("_own", "own features"))
REFINED = (
    ("psnr_db", "PSNR, dB", 1),
    ("ssim", "SSIM", 3),
    ("identity_cosine", "cosine to the real face by the judge", 3),
)
TARGETS = (
    ("own", "target: the person's own attributes"),
    ("changed", "target: changed attributes"),
    ("real_photos", "accuracy of the classifier on real photos"),
)


def systems(evaluated: dict[str, dict[str, Any]]) -> str:
    """Rows of all systems that match voices with faces, by every way to compare: accuracy seen and unseen,
    and how unseen people are verified and retrieved.
    """
    names = sorted(
        (name for name, metrics in evaluated.items() if "matching" in metrics),
        key=lambda name: (name != FIRST, name),
    )
    head = f"{HEAD} AUC | EER | R@1 | R@10 |"
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
    bound, oracle = evaluated[FIRST]["upper_bound"], evaluated[FIRST]["oracle"]["gender"]
    for suffix, way in COSINES:
        rows.append(
            f"{_values(f'upper bound of generated faces, {way}', bound[f'matching{suffix}'])} | | | |"
        )
    rows.append(f"{_values('gender oracle', oracle['matching'])} | | | |")
    chance = evaluated[FIRST]["retrieval"]["voice_to_face"]["unseen"]
    shares = [percent(chance[f"recall_at_{k}_chance"]) for k in (1, 10)]
    rows.append(f"| chance | {' | '.join(['50.0'] * 6)} | {' | '.join(shares)} |")
    return "\n".join(rows) + "\n"


def headline(evaluated: dict[str, dict[str, Any]]) -> str:
    """The short table of README: every system that matches voices with faces, unseen beside seen people, with
    upper bound and oracle."""
    first = evaluated[FIRST]
    front = first["matching"]["voice_to_face"]["unseen"]["ungrouped"]
    rows = [
        f"Sample people, default parameters: matching accuracy on {front['identities']} unseen people "
        f"({front['trials']} ungrouped trials), percent with 95 % intervals; chance is 50.\n",
        HEAD,
        "|---|---|---|---|---|",
    ]
    for name in sorted(
        (name for name, metrics in evaluated.items() if "matching" in metrics),
        key=lambda name: (name != FIRST, name),
    ):
        metrics = evaluated[name]
        generates = "matching_centred" in metrics
        for suffix, way in COSINES if generates else COSINES[:1]:
            label = f"`{name}`, {way}" if generates else f"`{name}` (generates no face)"
            rows.append(_choices(label, metrics[f"matching{suffix}"]))
        if name == FIRST:
            rows += [
                _choices(
                    f"the same faces by the second judge, {way}",
                    metrics["judges"]["dlib"][f"matching{suffix}"],
                )
                for suffix, way in COSINES
            ]
    rows.append(_values("upper bound of generated faces, cosine", first["upper_bound"]["matching"]))
    rows.append(_values("gender oracle", first["oracle"]["gender"]["matching"]))
    return "\n".join(rows) + "\n"


def _choices(name: str, matching: dict[str, Any]) -> str:
    cells = (interval(matching["voice_to_face"][population][group]) for population, group in CELLS)
    return f"| {name} | {' | '.join(cells)} |"


def _values(name: str, matching: dict[str, Any]) -> str:
    """Accuracies without intervals."""
    cells = (percent(matching["voice_to_face"][p][g]["accuracy"]) for p, g in CELLS)
    return f"| {name} | {' | '.join(cells)} |"


def refinement(figures: dict[str, Any]) -> str:
    """The refiner's figures on unseen people's photos, beside interpolation."""
    low_px = figures["size_px"] // figures["scale"]
    rows = [
        f"{figures['faces']} photos of {figures['identities']} unseen people, "
        f"reduced {figures['scale']} times to {low_px} px.\n",
        "| | bicubic | refined, attributes given | gain | refined, attributes guessed | gain |",
        "|---|---|---|---|---|---|",
    ]
    for key, name, digits in REFINED:
        ways = [
            f"{figures[key][way]['refined']:.{digits}f} | {_gain(figures[key][way], digits)}"
            for way in ("given", "guessed")
        ]
        rows.append(f"| {name} | {figures[key]['bicubic']:.{digits}f} | {' | '.join(ways)} |")
    names = [name for name in figures["attributes"]["own"] if not name.startswith("all")]
    rows += [
        "",
        f"| | all | {' | '.join(name.replace('_', ' ') for name in names)} |",
        f"|---|---|{'---|' * len(names)}",
    ]
    for key, label in TARGETS:
        shares = figures["attributes"][key]
        single = (percent(shares[name]) if name in shares else "" for name in names)
        rows.append(f"| {label} | {interval(shares, 'all')} | {' | '.join(single)} |")
    if swap := figures.get("swap"):
        rows.append(
            f"\nIdentity swap: cosine {swap['identity_cosine']:.3f} to the target identity, "
            f"{swap['source_cosine']:.3f} to the source face; "
            f"{interval(swap, 'identity_nearer')} % are nearer to the target."
        )
    return "\n".join(rows) + "\n"


def percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def interval(found: dict[str, Any], name: str = "accuracy") -> str:
    start = "" if name == "accuracy" else f"{name}_"
    low, high = (percent(found[f"{start}ci95_{end}"]) for end in ("low", "high"))
    return f"{percent(found[name])} [{low}, {high}]"


def _gain(found: dict[str, Any], digits: int) -> str:
    gain, low, high = (f"{found[key]:+.{digits}f}" for key in ("gain", "gain_ci95_low", "gain_ci95_high"))
    return f"{gain} [{low}, {high}]"
