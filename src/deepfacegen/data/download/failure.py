"""Why something could not be had, as one word for tables and one line for people."""

from __future__ import annotations

# Word -> what it means; the status column of every table of the downloader holds one of them.
STATUSES = {
    "ok": "there, complete and checked",
    "dead": "the server or the file is gone (404, 410, no such host, no answer)",
    "moved": "redirected to something else, or in circles",
    "denied": "the server wants a key or permission (401, 403)",
    "busy": "the server asks to come back later (429, 503), also after all repetitions",
    "failed": "connection or server broke down in every repetition",
    "tls": "the server's certificate is not valid",
    "truncated": "shorter than it should be, or of a length that nobody knows",
    "too_large": "far larger than expected; not stored",
    "wrong_type": "something else than what it should be (a web page instead of an archive)",
    "wrong_hash": "complete, but not the bytes that were published or fetched before",
    "corrupt": "the archive or picture cannot be read",
    "unsafe_archive": "the archive holds paths, links or sizes that no honest one has; nothing of it was unpacked",
    "duplicate": "VGGFace: the same picture of the same person under another number",
    "placeholder": "VGGFace: the same picture for many people, as hosts serve for pictures that are gone",
    "malformed": "VGGFace: a line of a list that cannot be read",
    "missing": "not fetched yet",
    "not_unpacked": "fetched, but some part of the archive is missing",
}


class FetchError(Exception):
    """An attempt that failed. `temporary`: worth another try, after `after_seconds` if the server said so."""

    def __init__(
        self, status: str, detail: str, *, temporary: bool = False, after_seconds: float | None = None
    ) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.temporary = temporary
        self.after_seconds = after_seconds
