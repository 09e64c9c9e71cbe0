"""What a file is, whatever it is called: sounds, films and photos in every common container, and what is none
of these."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfacegen.config.schema import FacesConfig
from deepfacegen.data.audio.decoding import decode_audio
from deepfacegen.data.faces.find import faces_of
from deepfacegen.data.files import kinds
from deepfacegen.data.files.media import ffmpeg_path
from deepfacegen.data.files.pictures import read_photo

SOUNDS = {
    "wav": ["-f", "wav"],
    "rf64": ["-f", "wav", "-rf64", "always"],
    "w64": ["-f", "w64"],
    "aiff": ["-f", "aiff"],
    "caf": ["-f", "caf"],
    "au": ["-f", "au"],
    "mp3": ["-f", "mp3"],
    "mp3_bare": ["-f", "mp3", "-write_xing", "0", "-id3v2_version", "0"],
    "mp2": ["-f", "mp2"],
    "adts": ["-c:a", "aac", "-f", "adts"],
    "m4a": ["-c:a", "aac", "-f", "ipod"],
    "flac": ["-f", "flac"],
    "opus": ["-c:a", "libopus", "-f", "ogg"],
    "ac3": ["-c:a", "ac3", "-f", "ac3"],
    "eac3": ["-c:a", "eac3", "-f", "eac3"],
    "wv": ["-f", "wv"],
    "tta": ["-f", "tta"],
}
# Containers that may hold pictures as well: called films until somebody looks.
FILMS = {
    "mp4": ["-c:a", "aac", "-f", "mp4"],
    "mov": ["-c:a", "aac", "-f", "mov"],
    "3gp": ["-c:a", "aac", "-f", "3gp"],
    "webm": ["-c:a", "libopus", "-f", "webm"],
    "mkv": ["-c:a", "aac", "-f", "matroska"],
    "avi": ["-c:a", "mp3", "-f", "avi"],
    "mpeg": ["-c:a", "mp2", "-f", "mpeg"],
    "ts": ["-c:a", "mp2", "-f", "mpegts"],
    "m2ts": ["-c:a", "ac3", "-f", "mpegts", "-mpegts_m2ts_mode", "1"],
    "flv": ["-c:a", "mp3", "-f", "flv"],
    "wmv": ["-c:a", "wmav2", "-f", "asf"],
}
PICTURES = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "JPEG2000", "AVIF", "PPM")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tone in every container and a picture in every format, none with a suffix; by one start of ffmpeg."""
    root = tmp_path_factory.mktemp("kinds")
    outputs = [word for name, options in {**SOUNDS, **FILMS}.items() for word in (*options, str(root / name))]
    tone = "sine=frequency=300:duration=2:sample_rate=44100"
    subprocess.run([ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", tone, *outputs], check=True)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    for kind in PICTURES:
        noise.save(root / kind, kind)
    return root


@pytest.mark.parametrize("name", SOUNDS)
def test_sound_is_known_by_its_first_bytes_and_read(made: Path, name: str) -> None:
    assert kinds.kind(made / name) == kinds.kind_of_one(made / name) == "audio"
    assert len(decode_audio(made / name)) > 16_000


@pytest.mark.parametrize("name", FILMS)
def test_containers_of_films_are_known_and_their_sound_is_read(made: Path, name: str) -> None:
    assert kinds.kind(made / name) == "video"
    assert len(decode_audio(made / name)) > 16_000


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_known_and_read(made: Path, name: str) -> None:
    assert kinds.kind(made / name) == "photo"
    assert read_photo(made / name).shape == (64, 64, 3)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 600,
        b"hello\n" * 100,
        b"The free text, and the wide one.\n"
        * 20,  # `free` and `wide` stand where atoms of QuickTime have their names
        ("Grüße an alle\n" * 50).encode("utf-16"),
        ("Grüße an alle\n" * 50).encode("utf-16-le"),
        ("\u0061" * 300).encode("utf-16-be"),
        "Привет всем\n".encode("utf-16") * 20,
        b"GIFT LIST\n" * 60,
        b"BMW, Audi, Opel\n" * 40,
        b"ID,NAME\n1,a\n",
        b"P1 is the first part, P2 the second\n",
        b"PK\x03\x04" + bytes(600),
        b"%PDF-1.7\n" + b"x" * 600,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"MThd\0\0\0\6\0\1\0\1",
        b"RIFF\x10\0\0\0RMIDdata",
        b"SQLite format 3\0" + bytes(100),
        b"\x7fELF\2\1\1\0" + bytes(100),
    ],
    ids=range(19),
)
def test_what_is_neither_sound_nor_picture_is_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "what").write_bytes(data)
    assert kinds.kind(tmp_path / "what") == ""


def test_a_known_suffix_is_believed_without_opening_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a million files in folders none is opened that need not be."""
    monkeypatch.setattr(kinds, "head", lambda path: pytest.fail(f"{path} was opened"))
    names = {
        "a.WAV": "audio",
        "b.JFIF": "photo",
        "c.Mov": "video",
        "d.HEIC": "photo",
        "e.dng": "photo",
        "f.txt": "",
        "g.zip": "",
        "a.b.Jpe": "photo",
    }
    assert {name: kinds.kind(tmp_path / name) for name in names} == names
    assert kinds.by_suffix("wav") is kinds.by_suffix(".wav") is kinds.by_suffix("a.strange") is None


def test_of_a_single_file_the_content_counts_first(made: Path, tmp_path: Path) -> None:
    (tmp_path / "talk.jpg").write_bytes((made / "mp4").read_bytes())
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    assert kinds.kind_of_one(tmp_path / "talk.jpg") == "video"
    assert kinds.kind_of_one(tmp_path / "broken.jpg") == "photo"


def _ftyp(*brands: bytes) -> bytes:
    return (
        struct.pack(">I", 8 + 4 * (len(brands) + 1)) + b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    )


UNREAD = {
    "iphone.jpg": (_ftyp(b"heic", b"mif1", b"heic"), "heic"),
    "samsung.heic": (_ftyp(b"mif1", b"heic"), "heic"),
    "damaged.avif": (_ftyp(b"avif", b"mif1"), "avif"),
    "other.avif": (_ftyp(b"mif1", b"avif"), "avif"),
    "canon.CR3": (_ftyp(b"crx "), "raw"),
    "canon.jpg": (b"II*\0\x10\0\0\0CR\2\0", "raw"),
    "nikon.nef": (b"MM\0*\0\0\0\x08", "raw"),
    "new.jxl": (b"\xff\x0a\xfa\x1f", "jxl"),
    "layers.png": (b"8BPS\0\1" + bytes(20), "psd"),
    "scan.jpg": (b"%PDF-1.4\n", "pdf"),
    "logo.png": (b"<?xml version='1.0'?>\n<!-- made by hand -->\n<svg width='1'>", "svg"),
}


@pytest.mark.parametrize("name", UNREAD)
def test_a_picture_that_is_not_read_is_rejected_by_the_pipeline_for_what_it_is(
    tmp_path: Path, name: str
) -> None:
    data, why = UNREAD[name]
    (tmp_path / name).write_bytes(data + bytes(2000))
    assert kinds.kind(tmp_path / name) == "photo"
    with pytest.raises(StopIteration) as end:
        next(faces_of(FacesConfig(), tmp_path / name, "photo", None))
    assert end.value.value == ({}, why, 0)
    assert why in kinds.UNREAD


def test_a_raw_picture_is_not_mistaken_for_the_preview_in_it(tmp_path: Path) -> None:
    """Raw formats are TIFF files, whose first picture is a thumbnail."""
    Image.new("RGB", (160, 120)).save(tmp_path / "a.dng", "TIFF")
    with pytest.raises(Exception, match="raw"):
        read_photo(tmp_path / "a.dng")
