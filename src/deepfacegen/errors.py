"""The exceptions for mistakes that the user can mend."""

from __future__ import annotations


class UserError(Exception):
    """Bad input. The message is one clear line that names the file or key and says what to do; no traceback is shown."""


class TooFewPeopleError(UserError):
    """A system cannot be trained on so few people. The pipeline goes on without it, and the report has a row that says why."""
