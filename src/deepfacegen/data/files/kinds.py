"""What a file is (sound, film, photo): by its suffix, or, where that says nothing, by its first bytes. One
list for everything that reads files."""

from __future__ import annotations

import os
import re
from pathlib import Path


def _suffixes(names: str) -> frozenset[str]:
    return frozenset(f".{name}" for name in names.split())


AUDIO = _suffixes(
    "3ga aac ac3 adts aif aifc aiff amr ape au bwf caf eac3 flac m2a m4a m4b m4r mka mp1 mp2 mp3 mpga oga ogg "
    "opus snd sph spx tta w64 wav wave weba wma wv"
)
VIDEO = _suffixes(
    "3g2 3gp 3gpp asf avi divx f4v flv m2ts m2v m4v mkv mov mp4 mpe mpeg mpg mpv ogv qt vob webm wmv"
)
# Camera raw pictures hold a small preview, which must not be taken for the photo.
RAW = _suffixes(
    "3fr arw cr2 cr3 crw dcr dng erf iiq kdc mef mos mrw nef nrw orf pef raf rw2 rwl sr2 srf srw x3f"
)
# Pictures that are not read, but are photos to whoever put them there: each is rejected with a word of what
# to do.
UNREAD_PHOTOS = RAW | _suffixes("avci heic heics heif heifs hif jxl psb psd")
PHOTO = UNREAD_PHOTOS | _suffixes(
    "avif bmp dib gif j2k jfif jif jp2 jpe jpeg jpf jpg jpx pbm pgm pjp pjpeg png pnm ppm tif tiff webp"
)
# Never opened to see what they are: texts and tables as data sets bring them by the million, documents,
# archives, what editors and browsers have not finished, and the previews that cameras put beside a film.
OTHER = _suffixes(
    "7z aae bak bz2 cfg conf crdownload csv db doc docx download eps exe gz h5 htm html ini ipynb jnl js json jsonl "
    "lab lnk log lrv m3u m3u8 md npy npz old onnx parquet part partial pdf pkl pls pt py rar rtf safetensors sh "
    "sqlite srt svg tar textgrid tgz thm tmp torrent toml tsv txt url vtt xls xlsx xml xmp xz yaml yml zip"
)
_KNOWN = {
    suffix[1:]: kind
    for kind, all_of in (("", OTHER), ("audio", AUDIO), ("video", VIDEO), ("photo", PHOTO))
    for suffix in all_of
}
HEAD_BYTES = 512  # three packets of an MPEG transport stream begin in so many

UNREAD = {
    "heic": "is a HEIC picture, which is not read here; convert it to JPEG or PNG",
    "avif": "is an AVIF picture, which is not read here; convert it to JPEG or PNG",
    "jxl": "is a JPEG XL picture, which is not read here; convert it to JPEG or PNG",
    "raw": "is a camera raw picture, which is not read here; export it as JPEG or PNG",
    "psd": "is a Photoshop picture, which is not read here; export it as JPEG or PNG",
    "svg": "is an SVG graphic, not a photo; export it as PNG",
    "pdf": "is a PDF document, not a picture; export the picture in it as JPEG or PNG",
    "not_a_picture": "is sound or a film, not a picture",
}

_HEIC = ("heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "msf1", "MiHE", "avci")
# (place, bytes, kind); those at 4 follow a length, whose first byte is zero.
_BEGINNINGS = (
    *(
        (0, magic, "photo")
        for magic in (
            b"\xff\xd8\xff",
            b"\x89PNG\r\n\x1a\n",
            b"GIF8",
            b"II*\0",
            b"MM\0*",
            b"\xff\x4f\xff\x51",
            b"8BPS\0",
            b"\xff\x0a\xfa",
        )
    ),
    *((4, magic, "photo") for magic in (b"jP  \r\n", b"JXL \r\n")),
    *(
        (0, magic, "audio")
        for magic in (
            b"fLaC",
            b"OggS",
            b"ID3",
            b"#!AMR",
            b".snd\0",
            b"caff\0",
            b"riff.\x91\xcf\x11",
            b"wvpk",
            b"TTA1",
            b"MAC ",
            b"NIST_1A\n",
        )
    ),
    *(
        (0, magic, "video")
        for magic in (b"\x1aE\xdf\xa3", b"FLV\x01", b"0&\xb2u\x8ef\xcf\x11", b"\0\0\1\xba", b"\0\0\1\xb3")
    ),
    *((4, magic, "video") for magic in (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")),
)
_CHUNKS = {b"WAVE": "audio", b"AIFF": "audio", b"AIFC": "audio", b"AVI ": "video", b"WEBP": "photo"}
_PNM = re.compile(rb"P[1-6]\s+(#|\d)")
_SVG = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<\?xml\b[^>]*>\s*)?(<!--.*?-->\s*|<!DOCTYPE\s+svg\b[^>]*>\s*)*<svg\b", re.DOTALL
)
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)


def by_suffix(name: str) -> str | None:
    """audio, video, photo, or nothing, by a file's name; None where the name does not say."""
    stem, _, suffix = name.rpartition(".")
    return _KNOWN.get(suffix.lower()) if stem else None


def kind(path: str | Path) -> str:
    """audio, video, photo, or nothing, of a file in a folder of many: only where its name does not say is it
    opened."""
    found = by_suffix(os.path.basename(path))
    return sniff(head(path)) if found is None else found


def kind_of_one(path: Path) -> str:
    """The same of a file that is given by itself, whose suffix may be wrong: what it begins with counts
    first."""
    return sniff(head(path)) or by_suffix(path.name) or ""


def head(path: str | Path) -> bytes:
    """The first bytes; none of what cannot be opened."""
    try:
        with open(path, "rb", buffering=0) as stream:
            return stream.read(HEAD_BYTES) or b""
    except OSError:
        return b""


def sniff(data: bytes) -> str:
    """audio, video, photo, or nothing, by how a file begins."""
    brand = _brand(data)
    if brand:
        photo = brand in _HEIC or brand in ("avif", "avis", "crx ", "jp2 ", "jxl ")
        return "photo" if photo else "audio" if brand[:3] in ("M4A", "M4B", "M4P", "F4A") else "video"
    if data[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM"):
        return _CHUNKS.get(data[8:12], "")
    for place, magic, found in _BEGINNINGS:
        if data[place : place + len(magic)] == magic and (place == 0 or data[:1] == b"\0"):
            return "video" if magic == b"OggS" and b"\x80theora" in data else found
    if _PNM.match(data) or (
        data[:2] == b"BM" and data[6:10] == bytes(4) and data[14:15] and data[14] in _BMP_HEADERS
    ):
        return "photo"
    if _audio_frame(data):
        return "audio"
    packets = (data[begin::size][:3] for begin, size in ((0, 188), (4, 192)))
    return "video" if b"GGG" in packets else ""


def unread(data: bytes, suffix: str = "") -> str:
    """A key of UNREAD for a file that cannot be read as a picture, by how it begins and its suffix; nothing
    where neither says why."""
    data = data[:HEAD_BYTES]
    brand = _brand(data)
    raw = (
        suffix in RAW
        or brand == "crx "
        or data[:15] == b"FUJIFILMCCD-RAW"
        or (data[:4] == b"II*\0" and data[8:10] == b"CR")
    )
    avif = brand in ("avif", "avis") or (brand in _HEIC and b"avif" in data[8:64])
    reasons = {
        "raw": raw,
        "avif": avif,
        "heic": brand in _HEIC,
        "jxl": brand == "jxl " or data[4:10] == b"JXL \r\n" or data[:2] == b"\xff\x0a",
        "psd": data[:5] == b"8BPS\0",
        "pdf": data.lstrip()[:5] == b"%PDF-",
        "svg": _SVG.match(data) is not None,
        "not_a_picture": sniff(data) in ("audio", "video"),
    }
    return next((reason for reason, true in reasons.items() if true), "")


def _brand(data: bytes) -> str:
    """What an ISO media file (MP4, M4A, HEIC, AVIF, ...) calls itself."""
    return data[8:12].decode("latin-1") if data[4:8] == b"ftyp" else ""


def _audio_frame(data: bytes) -> bool:
    """A frame of MPEG audio (layers II and III) or AAC, or of AC-3, without a container."""
    if len(data) < 6:
        return False
    first, second, third = data[:3]
    if first == 0x0B and second == 0x77:
        return data[5] >> 3 <= 16
    if first != 0xFF or second & 0xE0 != 0xE0:
        return False
    layer, rate, bits = second >> 1 & 3, third >> 2 & 3, third >> 4
    if layer == 0:
        return second & 0xF6 == 0xF0 and bits >> 2 != 3 and (third >> 2 & 15) < 13
    return layer != 3 and second >> 3 & 3 != 1 and rate != 3 and bits not in (0, 15)
