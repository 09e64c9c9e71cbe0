"""The one exception for mistakes that the user can mend."""

from __future__ import annotations


class UserError(Exception):
    """Bad input. The message is one clear line that names the file or key and says what to do; no traceback is shown."""
