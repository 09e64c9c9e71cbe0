"""That nothing leaked: no model under evaluation has met the unseen people, and none was trained with the judge."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from deepfacegen.errors import UserError

# VoxCeleb's own numbering: id00012 to id09272 are VoxCeleb2's people, id10001 to id11251 VoxCeleb1's.
CORPORA = {"voxceleb1": re.compile(r"id1(0\d{3}|1[01]\d{2}|12[0-4]\d|125[01])"), "voxceleb2": re.compile(r"id0\d{4}")}


def assert_fair(models_dir: Path, judge: str, unseen: pd.DataFrame, source: str) -> None:
    """Every model says whom it was trained on, by id or by corpus, and which judges took part.

    `unseen` are the rows of the unseen people, `source` is `data.source`. Raises UserError if any of this spoils the evaluation.
    """
    strangers = set(unseen["identity_id"])
    for path in sorted(models_dir.glob("*/config.json")):
        config = json.loads(path.read_text(encoding="utf-8"))
        if judge in config.get("trained_with", []):
            raise UserError(f"{path}: trained with {judge}, which therefore cannot be its judge; choose another evaluate.judge")
        known = sorted(strangers.intersection(config.get("trained_on", [])))
        if known:
            raise UserError(f"{path}: trained on {len(known)} of the test identities (such as {known[0]}); run its stage again on this manifest")
        corpora = config.get("trained_on_corpora", [])
        known = sorted(members(strangers, corpora)) if source != "sample" else []
        if known:
            raise UserError(
                f"{path}: trained on {', '.join(corpora)}, which {len(known)} of the test identities are in (such as {known[0]}); "
                "keep those people in training with split.train_only: ^id[01]"
            )


def members(identities: Iterable[str], corpora: Iterable[str]) -> set[str]:
    """The identities whose ids are people of one of the corpora. Raises KeyError for a corpus whose people cannot be recognised."""
    rules = [CORPORA[name] for name in corpora]
    return {identity for identity in identities if any(rule.fullmatch(identity) for rule in rules)}
