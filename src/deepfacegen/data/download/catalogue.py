"""The files of each set: address, size, published checksums, and where an archive's content goes.
Sizes are those that public mirrors list, rounded except where a last digit is not zero; they serve for the
check of disk space and to refuse what is far too large. Where no checksum is published, that of the first
complete file is recorded and every later one is held to it (`state.Lock`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deepfacegen.config.download import SETS

VOXCELEB = "https://cn01.mmai.io/download/voxceleb?key={key}&file={file}"
VOXCELEB_META = "https://mm.kaist.ac.kr/datasets/voxceleb/meta/{file}"
VOXCELEB_TXT = "https://mm.kaist.ac.kr/datasets/voxceleb/data/{file}"
OPENSLR = "https://www.openslr.org/resources/49/{file}"
VGGFACE2 = "https://huggingface.co/datasets/ProgramComputer/VGGFace2/resolve/main/{folder}/{file}"
VGGFACE1 = "https://www.robots.ox.ac.uk/~vgg/data/vgg_face/{file}"
VOX_AGE = "https://raw.githubusercontent.com/hechmik/voxceleb_enrichment_age_gender/main/dataset/{file}"
GB, MB, KB = 10**9, 10**6, 10**3


@dataclass(frozen=True)
class Item:
    """One file as a server holds it. `addresses` are tried in order; `{key}` stands for $VOXCELEB_KEY."""

    name: str
    addresses: tuple[str, ...]
    about_bytes: int
    md5: str | None = None
    sha256: str | None = None
    kind: str = "zip"  # what its first bytes must be: zip, gzip, text, any


@dataclass(frozen=True)
class Bundle:
    """What is fetched together: the parts of one archive, or files that are kept as they are (`unpack`
    none)."""

    set: str
    name: str
    items: tuple[Item, ...]
    into: str  # folder below the download folder
    unpack: str | None = None  # zip, tar
    strip: str = ""  # a leading folder that some releases have and others lack
    links: bool = False  # the unpacked files are lists of links (VGGFace)
    grows: float = 1.0  # unpacked to packed, about

    @property
    def dataset(self) -> str:
        return SETS[self.set]

    @property
    def about_bytes(self) -> int:
        return sum(item.about_bytes for item in self.items)


def _parts(
    stem: str, sizes: list[int], md5s: list[str | None], sha256s: list[str | None] | None = None
) -> tuple[Item, ...]:
    names = [f"{stem}_parta{chr(ord('a') + k)}" for k in range(len(sizes))]
    kinds = ["zip"] + ["any"] * (len(sizes) - 1)
    rows = zip(names, sizes, md5s, sha256s or [None] * len(sizes), kinds, strict=True)
    return tuple(Item(name, (VOXCELEB,), size, md5, sha256, kind) for name, size, md5, sha256, kind in rows)


def _one(name: str, address: str, size: int, **more: Any) -> tuple[Item, ...]:
    return (Item(name, (address,), size, **more),)


def _texts(names: dict[str, int], *addresses: str, md5: dict[str, str] | None = None) -> tuple[Item, ...]:
    return tuple(
        Item(name, addresses, size, (md5 or {}).get(name), kind="text") for name, size in names.items()
    )


_VOX1_DEV_MD5: list[str | None] = [
    "e395d020928bc15670b570a21695ed96",
    "bbfaaccefab65d82b21903e81a8a8020",
    "017d579a2a96a077f40042ec33e51512",
    "7bb1e9f70fddc7a678fa998ea8b3ba19",
]
_VOX1_DEV_SHA256: list[str | None] = [
    "21ec6ca843659ebc2fdbe04b530baa4f191ad4b0971912672d92c158f32226a0",
    "311d21e0c8cbf33573a4fce6c80e5a279d80736274b381c394319fc557159a04",
    "92b64465f2b2a3dc0e4196ae8dd6828cbe9ddd1f089419a11e4cbfe2e1750df0",
    "00e6190c770b27f27d2a3dd26ee15596b17066b715ac111906861a7d09a211a5",
]
_VOX2_AAC_MD5: list[str | None] = [
    "da070494c573e5c0564b1d11c3b20577",
    "17fe6dab2b32b48abaf1676429cdd06f",
    "1de58e086c5edf63625af1cb6d831528",
    "5a043eb03e15c5a918ee6a52aad477f9",
    "cea401b624983e2d0b2a87fb5d59aa60",
    "fc886d9ba90ab88e7880ee98effd6ae9",
    "d160ecc3f6ee3eed54d55349531cb42e",
    "6b84a81b9af72a9d9eecbb3b1f602e65",
]
_LISTS = {
    "vox1_meta.csv": 41 * KB,
    "iden_split.txt": 4800 * KB,
    "veri_test.txt": 2300 * KB,
    "veri_test2.txt": 2300 * KB,
}
_LISTS |= {"list_test_hard2.txt": 34 * MB, "list_test_all2.txt": 36 * MB}
_META_MD5 = {
    "vox1_meta.csv": "f5067cae5157ca27904c4b0a926e2661",
    "vox2_meta.csv": "6090d767f8334733dfe4c6578fa725c2",
}
_VOX1_TEST = {
    "md5": "185fdc63c3c739954633d50379a3d102",
    "sha256": "8de57f347fe22b2c24526e9f444f689ecf5096fc2a92018cf420ff6b5b15eaea",
}
_VOX2_TEST = {
    "md5": "0d2b3ea430a821c33263b5ea37ede312",
    "sha256": "e4d9200107a7bc60f0b620d5dc04c3aab66681b649f9c218380ac43c6c722079",
}
_FACES_DATA = VGGFACE2.replace("{folder}", "data")
_FACES_META = VGGFACE2.replace("{folder}", "meta")


def _vox(name: str, subset: str, items: tuple[Item, ...]) -> Bundle:
    dataset = "voxceleb1" if name.startswith("vox1") else "voxceleb2"
    return Bundle(
        name,
        f"{name}.zip",
        items,
        f"voices/{dataset}/{subset}",
        "zip",
        f"{subset}/",
        grows=6.0 if name.endswith("txt") else 1.0,
    )


BUNDLES: tuple[Bundle, ...] = (
    _vox(
        "vox1_dev_wav",
        "dev",
        _parts("vox1_dev_wav", [10_740 * MB] * 3 + [384 * MB], _VOX1_DEV_MD5, _VOX1_DEV_SHA256),
    ),
    _vox("vox1_test_wav", "test", _one("vox1_test_wav.zip", VOXCELEB, 1070 * MB, **_VOX1_TEST)),
    Bundle("vox1_meta", "vox1_meta", _texts(_LISTS, VOXCELEB_META, OPENSLR, md5=_META_MD5), "meta"),
    _vox("vox2_dev_aac", "dev", _parts("vox2_dev_aac", [10_740 * MB] * 7 + [2320 * MB], _VOX2_AAC_MD5)),
    _vox("vox2_test_aac", "test", _one("vox2_test_aac.zip", VOXCELEB, 2590 * MB, **_VOX2_TEST)),
    _vox("vox2_dev_mp4", "dev", _parts("vox2_dev_mp4", [32_200 * MB] * 8 + [9260 * MB], [None] * 9)),
    _vox("vox2_test_mp4", "test", _one("vox2_test_mp4.zip", VOXCELEB, 8910 * MB)),
    _vox("vox2_dev_txt", "dev", _one("vox2_dev_txt.zip", VOXCELEB_TXT, 1_577_119_007)),
    _vox("vox2_test_txt", "test", _one("vox2_test_txt.zip", VOXCELEB_TXT, 55 * MB)),
    Bundle(
        "vox2_meta",
        "vox2_meta",
        _texts({"vox2_meta.csv": 159 * KB}, VOXCELEB_META, OPENSLR, md5=_META_MD5),
        "meta",
    ),
    Bundle("vox_age", "vox_age", _texts({"final_dataframe_extended.csv": 150 * MB}, VOX_AGE), "meta"),
    Bundle(
        "vggface1",
        "vgg_face_dataset",
        _one("vgg_face_dataset.tar.gz", VGGFACE1, 100 * MB, kind="gzip"),
        "vggface1/lists",
        "tar",
        "vgg_face_dataset/",
        links=True,
        grows=4.0,
    ),
    Bundle(
        "vggface2_train",
        "vggface2_train",
        _one(
            "vggface2_train.tar.gz",
            _FACES_DATA,
            37_909_212_476,
            md5="88813c6b15de58afc8fa75ea83361d7f",
            kind="gzip",
        ),
        "faces/vggface2/train",
        "tar",
        "train/",
    ),
    Bundle(
        "vggface2_test",
        "vggface2_test",
        _one(
            "vggface2_test.tar.gz",
            _FACES_DATA,
            2_028_325_313,
            md5="bb7a323824d1004e14e00c23974facd3",
            kind="gzip",
        ),
        "faces/vggface2/test",
        "tar",
        "test/",
    ),
    Bundle(
        "vggface2_meta",
        "vggface2_meta",
        _texts({"identity_meta.csv": 335 * KB, "class_overlap_vgg1_2.txt": 4 * KB}, _FACES_META),
        "meta",
    ),
    Bundle(
        "vggface2_meta",
        "bb_landmark",
        _one("bb_landmark.tar.gz", _FACES_META, 178 * MB, kind="gzip"),
        "meta/bb_landmark",
        "tar",
        "bb_landmark/",
    ),
)


def bundles(sets: tuple[str, ...]) -> list[Bundle]:
    """Those of the named sets, in the catalogue's order."""
    return [bundle for bundle in BUNDLES if bundle.set in sets]
