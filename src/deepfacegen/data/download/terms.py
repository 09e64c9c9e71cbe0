"""The terms of each data set, in short, and where its owners state them. Nothing is fetched before its user
has accepted them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deepfacegen.config.download import SETS
from deepfacegen.errors import UserError

KEY_VARIABLE = "VOXCELEB_KEY"
KEY_FORM = "https://cn01.mmai.io/keyreq/voxceleb"
KEY_HELP = f"ask its owners for a key at {KEY_FORM}, then set {KEY_VARIABLE} in the environment"


@dataclass(frozen=True)
class Terms:
    title: str
    licence: str
    access: str
    people: str
    where: str


TERMS = {
    "voxceleb1": Terms(
        "VoxCeleb1 (Nagrani, Chung, Zisserman 2017)",
        "annotations: CC BY 4.0; the recordings belong to the owners of the videos",
        f"a key on request: {KEY_FORM}",
        "voices of 1,251 celebrities from YouTube, who were not asked; for research; removal: write to the authors",
        "https://mm.kaist.ac.kr/datasets/voxceleb/",
    ),
    "voxceleb2": Terms(
        "VoxCeleb2 (Chung, Nagrani, Zisserman 2018)",
        "annotations: CC BY 4.0; the recordings belong to the owners of the videos",
        f"a key on request: {KEY_FORM}",
        "voices and faces of 6,112 celebrities from YouTube, who were not asked; for research; removal: write to the authors",
        "https://mm.kaist.ac.kr/datasets/voxceleb/",
    ),
    "vox_age": Terms(
        "VoxCeleb enrichment (Hechmi et al. 2021)",
        "see its repository; the facts come from Wikidata, DBpedia and the Google Knowledge Graph",
        "open",
        "birth years, genders and nationalities of the people of VoxCeleb",
        "https://github.com/hechmik/voxceleb_enrichment_age_gender",
    ),
    "vggface1": Terms(
        "VGGFace (Parkhi, Vedaldi, Zisserman 2015)",
        "lists of links for non-commercial research; each picture has an owner of its own",
        "the lists are open; most links are dead",
        "pictures of 2,622 celebrities from the web, who were not asked",
        "https://www.robots.ox.ac.uk/~vgg/data/vgg_face/",
    ),
    "vggface2": Terms(
        "VGGFace2 (Cao et al. 2018)",
        "CC BY-NC 4.0 is what the mirror states; the authors have withdrawn the data set from their own site",
        "a mirror; the official site no longer hands it out",
        "pictures of 9,131 people from the web, who were not asked",
        "https://github.com/ox-vgg/vgg_face2",
    ),
}


def check_accepted(sets: Iterable[str], accepted: Iterable[str]) -> None:
    """Raises UserError that names the first data set whose terms are not accepted."""
    for dataset in dict.fromkeys(SETS[name] for name in sets):
        if dataset not in accepted:
            raise UserError(
                f"the terms of {dataset} are not accepted: read them (`deepfacegen data terms`, {TERMS[dataset].where}), "
                f"then add {dataset} to download.accept_terms"
            )


def told() -> str:
    """All terms, to be read on a terminal."""
    lines = []
    for name, terms in TERMS.items():
        sets = ", ".join(set_ for set_, dataset in SETS.items() if dataset == name)
        lines += [
            f"{name}: {terms.title}",
            f"  sets     {sets}",
            f"  licence  {terms.licence}",
            f"  access   {terms.access}",
        ]
        lines += [f"  people   {terms.people}", f"  stated   {terms.where}", ""]
    lines.append(
        "This is a summary, not the terms themselves. download.accept_terms in params.yaml names those you have read and accept."
    )
    return "\n".join(lines) + "\n"
