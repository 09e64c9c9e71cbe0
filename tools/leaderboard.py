"""The tables of systems and of the refiner for README.md, docs/results.md and docs/systems.md, from the
metrics of a run."""

from __future__ import annotations

from typing import Any

FIRST = "cgan"
WAY = "voice_to_face"
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
    """What README says of a run: the system that generates faces, the best of those that do not, and knowing
    the gender alone; then the baseline without a network and the quality of the faces."""
    first = evaluated[FIRST]
    front = first["matching"][WAY]["unseen"]["ungrouped"]
    name, matcher = best_matcher(evaluated)
    rows = [
        f"Matching accuracy in percent [95 % interval] on {front['identities']} unseen sample people, "
        f"{front['trials']} ungrouped trials, default parameters; judge SFace, plain cosine; chance is 50.\n",
        HEAD,
        "|---|---|---|---|---|",
        _choices(f"`{FIRST}`, the generated faces", first["matching"]),
        _choices(f"`{name}`, the best system that generates no face", matcher["matching"]),
        _values("knowing the gender and nothing else", first["oracle"]["gender"]["matching"]),
    ]
    return "\n".join([*rows, "", _nearest_voice(first), "", _quality(first)]) + "\n"


def best_matcher(evaluated: dict[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Name and metrics of the system with the highest accuracy on unseen people, ungrouped, among those that
    score voices and faces themselves."""
    matchers = {
        name: metrics
        for name, metrics in evaluated.items()
        if "matching" in metrics and "matching_centred" not in metrics
    }
    name = max(matchers, key=lambda name: matchers[name]["matching"][WAY]["unseen"]["ungrouped"]["accuracy"])
    return name, matchers[name]


def _nearest_voice(metrics: dict[str, Any]) -> str:
    """The baseline without a network, beside the generated faces."""
    ours, theirs = (
        [found["matching"][WAY]["unseen"][group] for group in ("ungrouped", "gender")]
        for found in (metrics, metrics["baselines"]["nearest_voice"])
    )
    if all(b["ci95_low"] > a["ci95_high"] for a, b in zip(ours, theirs, strict=True)):
        verdict = "better than the generated faces"
    elif all(a["ci95_low"] > b["ci95_high"] for a, b in zip(ours, theirs, strict=True)):
        verdict = "worse than the generated faces"
    else:
        verdict = "as good as the generated faces within the intervals"
    scores = " and, grouped by gender, ".join(interval(found) for found in theirs)
    return (
        "*A baseline without a generator.* The photo of the training person with the most similar voice "
        f"scores {scores} on unseen people: {verdict}."
    )


def _quality(metrics: dict[str, Any]) -> str:
    """Quality and variety at temperature 1, beside real photos."""
    quality = metrics.get("quality_temperature_1", metrics["quality"])
    shares = ", ".join(
        f"{name} {percent(quality[name])} % ({percent(quality[f'{name}_real'])} %)"
        for name in ("precision", "recall", "coverage")
    )
    distance = f"{quality['fd_sface']:.2f} ({quality['fd_sface_real']:.2f})"
    return (
        "*Image quality.* With latents at full variety (temperature 1), against photos of unseen people, and "
        f"in brackets what other real photos reach: {shares}, Fréchet distance in SFace features {distance}."
    )


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
