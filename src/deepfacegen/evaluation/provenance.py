"""Checks that an evaluation is fair: no model was trained or chosen on the unseen people, none with a
judge."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from deepfacegen.data import voiceless
from deepfacegen.data.sources.names import key as spelling
from deepfacegen.errors import UserError

# VoxCeleb's own numbering: id00012 to id09272 are VoxCeleb2's people, id10001 to id11251 VoxCeleb1's.
CORPORA = {
    "voxceleb1": re.compile(r"id1(0\d{3}|1[01]\d{2}|12[0-4]\d|125[01])"),
    "voxceleb2": re.compile(r"id0\d{4}"),
}
IDS = ("identity_id", "voice_id", "face_id")
# What the config.json of every model has to say.
STATED = {
    "trained_on": "the identities it was trained on",
    "chosen_on": "the identities it was chosen on",
    "trained_with": "the judges that took part",
}


def assert_fair(
    models_dir: Path,
    judges: Sequence[str],
    unseen: pd.DataFrame,
    source: str,
    parts: Collection[str] | None = None,
) -> None:
    """Check all models: each says which people it was trained and chosen on, by id or by corpus, and which
    judges took part.

    `judges` are those that compare the system's generated faces: none of a system that compares voices with
    faces itself. `parts` are the models (folders) that it consists of; only in them a judge must not have
    taken part. None: any model may be one. `unseen` are the rows of the unseen people, `source` is
    `data.source`. Raises UserError if any of this makes the evaluation unfair, or is not stated.
    """
    identities = set(unseen["identity_id"])
    files = [path for pattern in ("*/*.safetensors", "*/config.json") for path in models_dir.glob(pattern)]
    for folder in sorted({path.parent for path in files}):
        if _is_copy(folder):
            continue
        path = folder / "config.json"
        config = _read(path)
        judged = set(judges) if parts is None or folder.name in parts else set()
        for judge in sorted(judged.intersection(config["trained_with"])):
            raise UserError(
                f"{path}: trained with {judge}, which therefore cannot be its judge; "
                "choose another evaluate.judge or evaluate.second_judge"
            )
        for key, did in (("trained_on", "trained on"), ("chosen_on", "chosen on")):
            known = sorted(identities.intersection(config[key]))
            if known:
                raise UserError(
                    f"{path}: {did} {len(known)} of the test identities (such as {known[0]}); "
                    "run its stage again on this manifest"
                )
        corpora = config.get("trained_on_corpora", [])
        known = sorted(members(identities, corpora)) if source != "sample" else []
        if known:
            raise UserError(
                f"{path}: trained on {', '.join(corpora)}, which {len(known)} of the test identities are in "
                f"(such as {known[0]}); "
                "keep those people in training with split.train_only: ^id[01]"
            )


def people_without_voices(
    models_dir: Path, manifest: Path, unseen: pd.DataFrame, parts: Collection[str] | None = None
) -> int:
    """How many people without voices (data.photos_root) the models `parts` (None: any) were trained on.

    A model has their number and a digest. The manifest names them, so they are known where it has the same
    digest. Raises UserError where it has not, or where one of them is an unseen person by any id.
    """
    stated = [
        (path, json.loads(path.read_text(encoding="utf-8")).get("trained_on_photos"))
        for path in sorted(models_dir.glob("*/config.json"))
        if (not _is_copy(path.parent) if parts is None else path.parent.name in parts)
    ]
    trained = [(path, record) for path, record in stated if record]
    if not trained:
        return 0
    names = voiceless.people(manifest)
    for path, record in trained:
        if record != voiceless.record(names):
            raise UserError(
                f"{path}: trained on photos of {record['people']} people without voices who are not those of "
                f"{manifest / voiceless.TABLE}, so they may be test identities; run its stage again on this "
                "manifest"
            )
    ids = {spelling(str(name)) for column in IDS if column in unseen for name in unseen[column]}
    known = [name for name in names if spelling(name) in ids]
    if known:
        raise UserError(
            f"{trained[0][0]}: trained on photos of {len(known)} of the test identities (such as "
            f"{known[0]}); run the stages from manifest on again"
        )
    return len(names)


def took_part(models_dir: Path, parts: Collection[str] | None = None) -> set[str]:
    """The judges that took part in training the models named `parts` (None: any). Raises UserError for a
    model that does not say."""
    configs = [
        path
        for path in sorted(models_dir.glob("*/config.json"))
        if (not _is_copy(path.parent) if parts is None else path.parent.name in parts)
    ]
    return {judge for path in configs for judge in _read(path)["trained_with"]}


def selected_with(manifest: Path) -> set[str]:
    """The judges that chose which faces there are (`faces.drop_outliers`, `faces.drop_duplicates`). Raises
    UserError for a damaged note of it."""
    path = manifest / "selection.json"
    if not path.is_file():
        return set()
    try:
        return set(json.loads(path.read_text(encoding="utf-8"))["selected_with"])
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: damaged; restore it with dvc checkout") from None


def assert_unselected(manifest: Path, judges: Iterable[str]) -> None:
    """No face, of training or test people, was chosen by one of the judges. Raises UserError if so."""
    for judge in sorted(selected_with(manifest).intersection(judges)):
        raise UserError(
            f"{manifest / 'selection.json'}: faces were selected with {judge}, which therefore cannot be a "
            "judge; choose another evaluate.judge, or another faces.flags and run the pipeline again"
        )


def members(identities: Iterable[str], corpora: Iterable[str]) -> set[str]:
    """The identities whose ids are people of one of the corpora. Raises KeyError for a corpus whose people
    cannot be recognised."""
    rules = [CORPORA[name] for name in corpora]
    return {identity for identity in identities if any(rule.fullmatch(identity) for rule in rules)}


def _is_copy(folder: Path) -> bool:
    """Whether it is a release: copies of models that lie beside it and are checked themselves."""
    try:
        made_of = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("made_of", [])
    except (OSError, ValueError, AttributeError):
        return False
    return bool(made_of) and all((folder.parent / name / "config.json").is_file() for name in made_of)


def _read(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{path}: missing, though weights lie beside it; who they were trained on is not known. "
            "Run the stage again that trains them"
        ) from None
    except ValueError:
        raise UserError(f"{path}: damaged; restore it with dvc checkout") from None
    for key, meaning in STATED.items():
        if not isinstance(config.get(key), list):
            raise UserError(
                f"{path}: does not say {meaning} ({key}), so it cannot be evaluated fairly; "
                "run the stage again that trains it"
            )
    return config
