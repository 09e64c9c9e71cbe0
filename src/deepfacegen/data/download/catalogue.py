"""The files of each set: address, size, published checksums, and where the content of an archive goes.

`tables/catalogue.csv` has the files. Sizes are those that public mirrors list, rounded unless the last digit
is not zero; they serve to check the free disk space and to refuse a file that is far too large. A file
without a published checksum is held to the sha256 of its first complete download (`State.set_checksum`).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

from deepfacegen.config.download import SETS

VOXCELEB = "https://cn01.mmai.io/download/voxceleb?key={key}&file={file}"
VOXCELEB_META = "https://mm.kaist.ac.kr/datasets/voxceleb/meta/{file}"
VOXCELEB_TXT = "https://mm.kaist.ac.kr/datasets/voxceleb/data/{file}"
OPENSLR = "https://www.openslr.org/resources/49/{file}"
VGGFACE2 = "https://huggingface.co/datasets/ProgramComputer/VGGFace2/resolve/main"
VGGFACE1 = "https://www.robots.ox.ac.uk/~vgg/data/vgg_face/{file}"
VOX_AGE = "https://raw.githubusercontent.com/hechmik/voxceleb_enrichment_age_gender/main/dataset/{file}"
GB, MB = 10**9, 10**6


@dataclass(frozen=True)
class Item:
    """One file on a server. `addresses` are tried in order; `{key}` stands for $VOXCELEB_KEY."""

    name: str
    addresses: tuple[str, ...]
    about_bytes: int
    md5: str | None = None
    sha256: str | None = None
    kind: str = "zip"  # checked by the first bytes: zip, gzip, text, any


@dataclass(frozen=True)
class Bundle:
    """What is fetched together: the parts of one archive, or files that are not unpacked (`unpack` None)."""

    set: str
    name: str
    items: tuple[Item, ...]
    into: str  # folder below the download folder
    unpack: str | None = None  # zip, tar
    strip: str = ""  # a leading folder that some releases have and others lack
    links: bool = False  # the unpacked files are lists of links (VGGFace)
    grows: float = 1.0  # unpacked size / packed size, about

    @property
    def dataset(self) -> str:
        return SETS[self.set]

    @property
    def about_bytes(self) -> int:
        return sum(item.about_bytes for item in self.items)


with (Path(__file__).parent / "tables/catalogue.csv").open(encoding="utf-8", newline="") as file:
    FILES = list(csv.DictReader(file))


def _items(bundle: str, *addresses: str) -> tuple[Item, ...]:
    found = []
    for row in (row for row in FILES if row["bundle"] == bundle):
        md5, sha256 = row["md5"] or None, row["sha256"] or None
        found.append(Item(row["name"], addresses, int(row["about_bytes"]), md5, sha256, row["kind"]))
    return tuple(found)


def _vox(set_: str, address: str = VOXCELEB, grows: float = 1.0) -> Bundle:
    dataset, subset, name = f"voxceleb{set_[3]}", set_.split("_")[1], f"{set_}.zip"
    into = f"voices/{dataset}/{subset}"
    return Bundle(set_, name, _items(name, address), into, "zip", f"{subset}/", grows=grows)


def _tar(set_: str, name: str, address: str, into: str, strip: str) -> Bundle:
    return Bundle(set_, name, _items(name, address), into, "tar", strip)


def _tables(set_: str, *addresses: str) -> Bundle:
    return Bundle(set_, set_, _items(set_, *addresses), "meta")


BUNDLES: tuple[Bundle, ...] = (
    _vox("vox1_dev_wav"),
    _vox("vox1_test_wav"),
    _tables("vox1_meta", VOXCELEB_META, OPENSLR),
    _vox("vox2_dev_aac"),
    _vox("vox2_test_aac"),
    _vox("vox2_dev_mp4"),
    _vox("vox2_test_mp4"),
    _vox("vox2_dev_txt", VOXCELEB_TXT, grows=6.0),
    _vox("vox2_test_txt", VOXCELEB_TXT, grows=6.0),
    _tables("vox2_meta", VOXCELEB_META, OPENSLR),
    _tables("vox_age", VOX_AGE),
    replace(
        _tar("vggface1", "vgg_face_dataset", VGGFACE1, "vggface1/lists", "vgg_face_dataset/"),
        links=True,
        grows=4.0,
    ),
    _tar("vggface2_train", "vggface2_train", f"{VGGFACE2}/data/{{file}}", "faces/vggface2/train", "train/"),
    _tar("vggface2_test", "vggface2_test", f"{VGGFACE2}/data/{{file}}", "faces/vggface2/test", "test/"),
    _tables("vggface2_meta", f"{VGGFACE2}/meta/{{file}}"),
    _tar("vggface2_meta", "bb_landmark", f"{VGGFACE2}/meta/{{file}}", "meta/bb_landmark", "bb_landmark/"),
)


def bundles(sets: tuple[str, ...]) -> list[Bundle]:
    """Those of the named sets, in the catalogue's order."""
    return [bundle for bundle in BUNDLES if bundle.set in sets]
