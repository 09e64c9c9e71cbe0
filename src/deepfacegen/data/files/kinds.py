"""What a file is (sound, film, photo): by its suffix, or, where that is not enough, by its first bytes.
One list for everything that reads files."""

from __future__ import annotations

import os
import re
from pathlib import Path


def _suffixes(names: str) -> frozenset[str]:
    return frozenset(f".{name}" for name in names.split())


AUDIO = _suffixes(
    "3ga aac ac3 adts aif aifc aiff amr ape au bwf caf eac3 flac m2a m4a m4b m4r mka mp1 mp2 mp3 mpga oga "
    "ogg opus snd sph spx tta w64 wav wave weba wma wv"
)
VIDEO = _suffixes(
    "3g2 3gp 3gpp asf avi divx f4v flv m2ts m2v m4v mkv mov mp4 mpe mpeg mpg mpv ogv qt vob webm wmv"
)
# Camera raw pictures hold a small preview, which must not be taken for the photo.
RAW = _suffixes(
    "3fr arw cr2 cr3 crw dcr dng erf iiq kdc mef mos mrw nef nrw orf pef raf rw2 rwl sr2 srf srw x3f"
)
# Photos in formats that are not read: each is rejected with advice.
UNREAD_PHOTOS = RAW | _suffixes("avci heic heics heif heifs hif jxl psb psd")
PHOTO = UNREAD_PHOTOS | _suffixes(
    "avif bmp dib gif j2k jfif jif jp2 jpe jpeg jpf jpg jpx pbm pgm pjp pjpeg png pnm ppm tif tiff webp"
)
# Never opened to see what they are: texts and tables as data sets bring them by the million, documents,
# archives, what editors and browsers have not finished, and the previews that cameras put beside a film.
OTHER = _suffixes(
    "7z aae bak bz2 cfg conf crdownload csv db doc docx download eps exe gz h5 htm html ini ipynb jnl js "
    "json jsonl lab lnk log lrv m3u m3u8 md npy npz old onnx parquet part partial pdf pkl pls pt py rar rtf "
    "safetensors sh sqlite srt svg tar textgrid tgz thm tmp torrent toml tsv txt url vtt xls xlsx xml xmp "
    "xz yaml yml zip"
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
# How files of a kind begin; four bytes are a length, whose first byte is zero.
_BEGINNINGS = {
    "photo": re.compile(
        rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8|II\*\0|MM\0\*|\xff\x4f\xff\x51|8BPS\0|\xff\x0a\xfa"
        rb"|\0...(jP  \r\n|JXL \r\n)|P[1-6]\s+(#|\d)|BM....\0{4}....[\x0c\x28\x34\x38\x40\x6c\x7c]",
        re.DOTALL,
    ),
    "audio": re.compile(
        rb"fLaC|OggS|ID3|#!AMR|\.snd\0|caff\0|riff\.\x91\xcf\x11|wvpk|TTA1|MAC |NIST_1A\n", re.DOTALL
    ),
    "video": re.compile(
        rb"\x1aE\xdf\xa3|FLV\x01|0&\xb2u\x8ef\xcf\x11|\0\0\x01[\xba\xb3]"
        rb"|\0...(moov|mdat|wide|free|skip|pnot)",
        re.DOTALL,
    ),
}
_CHUNKS = {b"WAVE": "audio", b"AIFF": "audio", b"AIFC": "audio", b"AVI ": "video", b"WEBP": "photo"}
_SVG = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<\?xml\b[^>]*>\s*)?(<!--.*?-->\s*|<!DOCTYPE\s+svg\b[^>]*>\s*)*<svg\b", re.DOTALL
)


def by_suffix(name: str) -> str | None:
    """audio, video, photo, or nothing, by a file's name; None where the name is not enough."""
    stem, _, suffix = name.rpartition(".")
    return _KNOWN.get(suffix.lower()) if stem else None


def kind(path: str | Path) -> str:
    """audio, video, photo, or nothing, of a file in a folder of many, which is opened only where its name is
    not enough."""
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
    for found, beginning in _BEGINNINGS.items():
        if beginning.match(data):
            return "video" if data[:4] == b"OggS" and b"\x80theora" in data else found
    if _audio_frame(data):
        return "audio"
    packets = (data[begin::size][:3] for begin, size in ((0, 188), (4, 192)))
    return "video" if b"GGG" in packets else ""


def unread(data: bytes, suffix: str = "") -> str:
    """A key of UNREAD for a file that cannot be read as a picture, by how it begins and its suffix; nothing
    where neither gives a reason."""
    data = data[:HEAD_BYTES]
    brand = _brand(data)
    raw_beginning = data[:15] == b"FUJIFILMCCD-RAW" or (data[:4] == b"II*\0" and data[8:10] == b"CR")
    raw = suffix in RAW or brand == "crx " or raw_beginning
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
    """The brand of an ISO media file (MP4, M4A, HEIC, AVIF, ...)."""
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
