"""Why an object could not be fetched: one status word for tables, one line of detail for people."""

from __future__ import annotations

# The status column of every table of the downloader; docs/getting-data.md explains the words.
STATUSES = (
    *("ok", "missing", "dead", "moved", "denied", "busy", "failed", "tls"),
    *("truncated", "too_large", "wrong_type", "wrong_hash", "corrupt", "unsafe_archive", "not_unpacked"),
    *("duplicate", "placeholder", "malformed"),  # of VGGFace's links
)


class FetchError(Exception):
    """A failed attempt. `temporary`: worth a retry, after `after_seconds` if the server named a time."""

    def __init__(
        self, status: str, detail: str, *, temporary: bool = False, after_seconds: float | None = None
    ) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.temporary = temporary
        self.after_seconds = after_seconds
