"""What the last default run measured of voices and faces, for docs/science.md: each figure beside its value
without the voice."""

from __future__ import annotations

from typing import Any

from leaderboard import interval, percent

WAY = "voice_to_face"
SECONDS = (1, 3, 6, 10)


def evidence(metrics: dict[str, Any]) -> str:
    """Rows of a table, from the metrics of the system that generates faces, on sample people."""
    rows = ["| unseen people | measured | without the voice | upper bound |", "|---|---|---|---|"]
    oracle, bound = metrics["oracle"]["gender"]["matching"][WAY]["unseen"], metrics["upper_bound"]
    for group, name in (
        ("ungrouped", "the right face of two"),
        ("gender", "the right face of two people of one gender"),
    ):
        for way, label in (("matching", "cosine"), ("matching_centred", "centred cosine")):
            best = percent(bound[way][WAY]["unseen"][group]["accuracy"])
            known = f"50.0; knowing the gender {percent(oracle[group]['accuracy'])}"
            rows.append(
                f"| {name}, {label} | {interval(metrics[way][WAY]['unseen'][group])} | {known} | {best} |"
            )
    for name, found in sorted(metrics["null_attributes"].items()):
        rows.append(
            f"| {name.replace('_', ' ')} (independent of the voice) | {interval(found)} | "
            f"{percent(found['chance'])} | {percent(found['chance'])} |"
        )
    return "\n".join(rows) + "\n" + _besides(metrics)


def _besides(metrics: dict[str, Any]) -> str:
    gender, age = (metrics["attributes"][trait]["unseen"] for trait in ("gender", "age"))
    shape = metrics["attributes"]["craniofacial"]["unseen"]
    correlated = sorted(
        (name for name, found in shape.items() if found["ci95_low"] > found["shuffled_r"]),
        key=lambda name: -shape[name]["r"],
    )
    listed = ", ".join(f"{name.replace('_', ' ')} {shape[name]['r']:.2f}" for name in correlated)
    lengths = [
        f"{seconds} s {percent(found['accuracy'])}"
        for seconds in SECONDS
        if (found := metrics["duration"].get(str(seconds))) is not None and found
    ]
    return (
        "\n*Apparent gender.* An estimator sees the listed gender in "
        f"{interval(gender, 'agreement')} % of the generated faces and in "
        f"{percent(gender['on_real_faces'])} % of real photos of the same people, so the "
        "estimator is the limit here.\n\n"
        "*Apparent age.* Ages estimated from generated faces correlate with the listed ones, "
        f"r = {_r(age, 'r')}.\n\n"
        f"*Proportions.* Of {len(shape)} measures of the face, {len(correlated)} correlate with "
        "those of the real face more than by chance (the whole interval lies above "
        f"what one in forty random pairings exceeds): {listed}.\n\n"
        "*Length.* Matching accuracy of faces generated from the first seconds of speech, "
        f"ungrouped: {', '.join(lengths)}.\n"
    )


def _r(found: dict[str, Any], name: str) -> str:
    return f"{found[name]:.2f} [{found[f'{name}_ci95_low']:.2f}, {found[f'{name}_ci95_high']:.2f}]"
