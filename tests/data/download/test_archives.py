"""Archives: unpacked without a second copy, resumed after an interruption, refused as a whole if unsafe."""

from __future__ import annotations

import gzip
import io
import random
import stat
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.config.schema import Config
from deepfacegen.data.download.catalogue import Bundle
from deepfacegen.data.download.failure import FetchError
from deepfacegen.data.download.fetch import fetch
from deepfacegen.data.download.members import checked_path
from deepfacegen.data.download.unpack import Parts, unpack_zip
from tests.data.download import made
from tests.data.download.server import Server

Make = Callable[..., Config]
Case = tuple[str, Callable[[], bytes], str]  # name, what makes the archive, status
ZIP = made.zipped(made.FILES)


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


EXPECTED = {name.removeprefix("dev/"): data for name, data in made.FILES.items()}


@pytest.mark.parametrize("known", [True, False])
def test_split_archive_is_unpacked(server: Server, config: Make, tmp_path: Path, known: bool) -> None:
    bundle = made.archive(server, made.split(ZIP, 4), known=known)
    rows = fetch(config(), [bundle])
    assert {row.object: row.status for row in rows} == {
        **{item.name: "ok" for item in bundle.items},
        bundle.name: "ok",
    }
    assert files(tmp_path / "got/voxceleb2/dev") == EXPECTED
    assert not list((tmp_path / "got/archives").iterdir())
    count = len(server.requests)
    assert {row.status for row in fetch(config(), [bundle])} == {"ok"}
    assert len(server.requests) == count


def test_archives_are_kept_on_request(server: Server, config: Make, tmp_path: Path) -> None:
    bundle = made.archive(server, made.split(ZIP, 3))
    fetch(config(keep_archives=True), [bundle])
    assert b"".join((tmp_path / "got/archives" / item.name).read_bytes() for item in bundle.items) == ZIP
    assert files(tmp_path / "got/voxceleb2/dev") == EXPECTED


def test_missing_part_keeps_the_others(server: Server, config: Make, tmp_path: Path) -> None:
    bundle = made.archive(server, made.split(ZIP, 4))
    lost = server.routes.pop("/vox2_dev_aac_partac")
    rows = {row.object: row for row in fetch(config(retries=0), [bundle])}
    assert rows["vox2_dev_aac_partac"].status == "dead"
    assert rows["vox2_dev_aac.zip"].status == "not_unpacked"
    assert "1 of 4" in rows["vox2_dev_aac.zip"].detail
    server.routes["/vox2_dev_aac_partac"] = lost
    rows = {row.object: row for row in fetch(config(), [bundle])}
    assert {row.status for row in rows.values()} == {"ok"}
    assert server.sent("vox2_dev_aac_partaa") == len(made.split(ZIP, 4)[0])
    assert files(tmp_path / "got/voxceleb2/dev") == EXPECTED


def test_removed_folder_is_fetched_again(server: Server, config: Make, tmp_path: Path) -> None:
    bundle = made.archive(server, made.split(ZIP, 2))
    fetch(config(), [bundle])
    (tmp_path / "got/voxceleb2/dev/aac").rename(tmp_path / "elsewhere")
    assert {row.status for row in fetch(config(), [bundle])} == {"ok"}
    assert files(tmp_path / "got/voxceleb2/dev") == EXPECTED


def test_unpacking_needs_one_part_beyond_the_content(tmp_path: Path) -> None:
    """Each part is used up once no later member starts in it, and unpacked files are not written again."""
    parts = [tmp_path / f"part{k}" for k in range(4)]
    for path, data in zip(parts, made.split(ZIP, 4), strict=True):
        path.write_bytes(data)
    sizes = [path.stat().st_size for path in parts]
    into = tmp_path / "out"
    peak = []

    def used_up(part: int) -> None:
        peak.append(
            sum(path.stat().st_size for path in parts if path.is_file())
            + sum(len(data) for data in files(into).values())
        )
        parts[part].unlink()

    unpack_zip(parts, sizes, into, "dev/", threading.Event(), used_up)
    assert [path.is_file() for path in parts] == [False, False, False, True]
    assert max(peak) <= len(ZIP) + max(sizes) + max(
        len(data) for data in made.FILES.values()
    )  # a member may begin in one part and end in the next
    before = {path: path.stat().st_mtime_ns for path in into.rglob("*.m4a")}
    unpack_zip(parts, sizes, into, "dev/", threading.Event(), used_up)
    assert before == {path: path.stat().st_mtime_ns for path in into.rglob("*.m4a")}
    assert files(into) == EXPECTED
    next(iter(before)).unlink()
    with pytest.raises(FetchError, match="not_unpacked"):
        unpack_zip(parts, sizes, into, "dev/", threading.Event())


def linked() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("dev/aac/good.m4a", b"good")
        info = zipfile.ZipInfo("dev/aac/link.m4a")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


def wrong_size() -> bytes:
    """The directory states ten bytes for a member of a million."""
    data = bytearray(made.zipped({"dev/a": bytes(1_000_000)}, zipfile.ZIP_DEFLATED))
    at = data.rindex(b"PK\x01\x02") + 24
    data[at : at + 4] = (10).to_bytes(4, "little")
    return bytes(data)


def special(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo("dev/aac/odd")
    info.type, info.linkname = kind, "../../../../etc/passwd"
    return info


BROKEN = bytearray(ZIP)
BROKEN[ZIP.index(made.FILES["dev/aac/id00012/video2/00001.m4a"]) + 100] ^= 1

ZIPS: list[Case] = [
    ("up", lambda: made.zipped({"dev/good": b"good", "../evil": b"evil"}), "unsafe_archive"),
    (
        "inside",
        lambda: made.zipped({"dev/good": b"good", "dev/aac/../../../evil": b"evil"}),
        "unsafe_archive",
    ),
    ("absolute", lambda: made.zipped({"dev/good": b"good", "/tmp/evil": b"evil"}), "unsafe_archive"),
    ("backslash", lambda: made.zipped({"dev/good": b"good", "dev\\..\\evil": b"evil"}), "unsafe_archive"),
    ("drive", lambda: made.zipped({"dev/good": b"good", "C:evil": b"evil"}), "unsafe_archive"),
    ("link", linked, "unsafe_archive"),
    (
        "bomb",
        lambda: made.zipped({f"dev/{k}": bytes(20_000_000) for k in range(5)}, zipfile.ZIP_DEFLATED),
        "unsafe_archive",
    ),
    ("wrong size", wrong_size, "corrupt"),
    ("truncated", lambda: ZIP[: len(ZIP) // 2], "truncated"),
    ("bit", lambda: bytes(BROKEN), "corrupt"),
]


@pytest.mark.parametrize(("make", "status"), [case[1:] for case in ZIPS], ids=[case[0] for case in ZIPS])
def test_bad_zip_is_a_row_and_writes_nothing_outside(
    server: Server, config: Make, tmp_path: Path, make: Callable[[], bytes], status: str
) -> None:
    bundle = made.archive(server, [make()], known=False)
    rows = {row.object: row for row in fetch(config(segment_mb=5.0), [bundle])}
    assert rows[bundle.items[0].name].status == status
    assert rows[bundle.items[0].name].detail
    left = files(tmp_path)
    assert {name for name in left if not name.startswith("got/")} == set()
    if status == "unsafe_archive":
        assert not (tmp_path / "got/voxceleb2").exists()
    for name, content in left.items():
        assert not name.startswith("got/voxceleb2") or content in made.FILES.values(), name
    server.add(bundle.items[0].name, ZIP)  # without a published checksum, a good one replaces it
    assert {row.status for row in fetch(config(segment_mb=5.0), [bundle])} == {"ok"}
    assert files(tmp_path / "got/voxceleb2/dev") == EXPECTED


PLAIN = {
    f"train/n00000{k}/000{n}_01.jpg": random.Random(n).randbytes(3000) for k in range(3) for n in range(3)
}
TARS: list[Case] = [
    ("good", lambda: made.tarred(PLAIN), "ok"),
    ("up", lambda: made.tarred(PLAIN | {"../evil": b"evil"}), "unsafe_archive"),
    ("absolute", lambda: made.tarred(PLAIN | {"/tmp/evil": b"evil"}), "unsafe_archive"),
    ("symlink", lambda: made.tarred(PLAIN, special(tarfile.SYMTYPE)), "unsafe_archive"),
    ("hardlink", lambda: made.tarred(PLAIN, special(tarfile.LNKTYPE)), "unsafe_archive"),
    ("device", lambda: made.tarred(PLAIN, special(tarfile.CHRTYPE)), "unsafe_archive"),
    ("fifo", lambda: made.tarred(PLAIN, special(tarfile.FIFOTYPE)), "unsafe_archive"),
    ("bomb", lambda: made.tarred({"train/zeros": bytes(100_000_000)}), "unsafe_archive"),
    ("truncated", lambda: made.tarred(PLAIN)[:-2000], "truncated"),
    ("no tar", lambda: gzip.compress(b"hello " * 1000), "corrupt"),
    ("web page", lambda: b"<html>sorry</html>", "wrong_type"),
]


@pytest.mark.parametrize(("make", "status"), [case[1:] for case in TARS], ids=[case[0] for case in TARS])
def test_tar_is_unpacked_or_refused(
    server: Server, config: Make, tmp_path: Path, make: Callable[[], bytes], status: str
) -> None:
    data = make()
    server.add("faces.tar.gz", data)
    bundle = Bundle(
        "vggface2_train",
        "faces",
        (made.item(server, "faces.tar.gz", len(data), kind="gzip"),),
        "vggface2/train",
        "tar",
        "train/",
    )
    (row,) = fetch(config(segment_mb=5.0), [bundle])
    assert row.status == status
    left = files(tmp_path / "got/vggface2/train")
    assert left == (
        {name.removeprefix("train/"): data for name, data in PLAIN.items()} if status == "ok" else {}
    )
    assert {path.name for path in tmp_path.iterdir()} == {"got"}


@given(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=6), st.data())
def test_parts_read_like_the_whole_file(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("joined")
    paths = [folder / str(k) for k in range(len(pieces))]
    for path, piece in zip(paths, pieces, strict=True):
        path.write_bytes(piece)
    whole = b"".join(pieces)
    at = data.draw(st.integers(0, len(whole) + 3))
    count = data.draw(st.integers(0, len(whole) + 3))
    with io.BufferedReader(Parts(paths, [len(piece) for piece in pieces])) as joined:
        assert joined.seek(at) == at
        assert joined.read(count) == whole[at : at + count]
        assert joined.seek(0, io.SEEK_END) == len(whole)


@given(st.text(alphabet=st.sampled_from("ab./\\:C\0\n~ "), max_size=14))
def test_no_path_leads_outside(name: str) -> None:
    try:
        path = checked_path(name, "dev/")
    except FetchError:
        return
    assert (Path("/root/x") / path).resolve().is_relative_to("/root/x")
    assert ".." not in path.split("/")
