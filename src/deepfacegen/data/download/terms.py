"""The terms of each data set in short (`tables/terms.csv`), and the check that the user has accepted them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from deepfacegen.config.download import SETS
from deepfacegen.errors import UserError

KEY_VARIABLE = "VOXCELEB_KEY"
KEY_FORM = "https://cn01.mmai.io/keyreq/voxceleb"
KEY_HELP = f"ask its owners for a key at {KEY_FORM}, then set {KEY_VARIABLE} in the environment"

# By data set: title, licence, access, people, where the owners state the terms.
with (Path(__file__).parent / "tables/terms.csv").open(encoding="utf-8", newline="") as file:
    TERMS = {row.pop("dataset"): row for row in csv.DictReader(file)}


def check_accepted(sets: Iterable[str], accepted: Iterable[str]) -> None:
    """Raises UserError that names the first data set whose terms are not accepted."""
    for dataset in dict.fromkeys(SETS[name] for name in sets):
        if dataset not in accepted:
            raise UserError(
                f"the terms of {dataset} are not accepted: read them (`deepfacegen data terms`, "
                f"{TERMS[dataset]['stated']}), then add {dataset} to download.accept_terms"
            )


def overview() -> str:
    """All terms, for a terminal."""
    lines = []
    for name, terms in TERMS.items():
        sets = ", ".join(set_ for set_, dataset in SETS.items() if dataset == name)
        facts = {"sets": sets} | {key: value for key, value in terms.items() if key != "title"}
        lines += [f"{name}: {terms['title']}", *(f"  {key:<8} {value}" for key, value in facts.items()), ""]
    lines.append("This is a summary, not the terms themselves.")
    lines.append("List those that you have read and accept in download.accept_terms of params.yaml.")
    return "\n".join(lines) + "\n"
