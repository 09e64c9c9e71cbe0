"""Is there room for what is to be fetched, while it is unpacked and afterwards?"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from deepfacegen.data.download.catalogue import Bundle
from deepfacegen.data.download.journal import Journal
from deepfacegen.data.download.members import RESERVE_BYTES
from deepfacegen.data.download.state import ARCHIVES, State
from deepfacegen.errors import UserError

GB = 10**9


def needed_bytes(bundles: Sequence[Bundle], state: State, keep_archives: bool) -> int:
    """What these still take at their peak, from the catalogue's sizes and from what is there already.

    One archive at a time is unpacked. A split one loses each part as soon as it is unpacked, so beyond its
    content there is one part more at most; any other is there twice while it is unpacked.
    """
    final, extra, have = 0, 0, 0
    for bundle in bundles:
        size = bundle.about_bytes
        final += int(size * bundle.grows) + (size if keep_archives else 0)
        extra = max(extra, max(item.about_bytes for item in bundle.items) if not keep_archives else 0)
        for item in bundle.items:
            known = state.load(item.name)
            archive = state.folder / ARCHIVES / item.name
            if known.get("used"):
                have += int(known["bytes"] * bundle.grows)
            elif archive.is_file():
                have += archive.stat().st_size
            else:
                have += Journal(archive.with_name(f"{item.name}.partial.journal")).bytes_done()
    return max(0, final + extra - have)


def check_space(bundles: Sequence[Bundle], state: State, keep_archives: bool, folder: Path) -> None:
    """Raises UserError that tells how much is needed and how much is free."""
    needed, free = needed_bytes(bundles, state, keep_archives), shutil.disk_usage(folder).free
    if needed + RESERVE_BYTES > free:
        raise UserError(
            f"{folder}: {needed / GB:.1f} GB are needed (and 1 GB left free), but {free / GB:.1f} GB are free; "
            "choose another download.folder or fewer download.sets"
        )
