"""Text files and tables as people have them: any usual encoding, separator and line ends, as Excel, macOS and
data sets write them."""

from __future__ import annotations

import codecs
import csv
import io
import logging
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepfacegen.errors import UserError

log = logging.getLogger(__name__)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")  # xlsx, ods, numbers; xls
_NO_TEXT = re.compile(r"[\0-\b\x0e-\x1f]")
_SEPARATORS = "\t,;|"
_EXCELS_LINE = re.compile(r'"?sep=(.)"?[ \t]*(?:\n|$)', re.IGNORECASE)
_INVISIBLE = "\u200b\ufeff"
_LONGEST_FIELD = 10_000_000  # descriptions of videos are long


def text_of(path: Path, what: str) -> str:
    r"""The text of a file: UTF-8, or UTF-16 or 32 with their marks (Excel's "Unicode text"), else
    Windows-1252, with a warning; lines end in \n, letters with marks are one character (NFC), as macOS does
    not write them in names of files.

    Raises UserError, which ends in `what`, when it cannot be read or is no text.
    """
    unreadable = f"{path}: not a text file that can be read"
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; {what}") from None
    except OSError as error:
        raise UserError(f"{unreadable} ({error.strerror}); {what}") from None
    if data.startswith(_SPREADSHEETS):
        advice = "save it as CSV (UTF-8) in the program that made it"
        raise UserError(f"{path}: not a table in text but a spreadsheet; {advice}; {what}")
    try:
        encoding = _encoding(data)
        text = data.decode(encoding).removesuffix("\x1a")  # an end that old programs of DOS write
    except UnicodeDecodeError:
        raise UserError(f"{unreadable} (neither UTF-8, UTF-16 nor Windows-1252); {what}") from None
    if _NO_TEXT.search(text):
        raise UserError(f"{unreadable}; {what}")
    if encoding == "cp1252":
        advice = "save it as UTF-8 if letters come out wrong"
        log.warning("%s: not UTF-8, so read as Windows-1252; %s", path, advice)
    text = text if text.isascii() else unicodedata.normalize("NFC", text)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def lines_of(path: Path, what: str) -> list[str]:
    """The lines of a text file, as `text_of` reads it."""
    return text_of(path, what).split("\n")


def words_of(line: str) -> list[str]:
    """The words of a line of a list: separated by blanks, commas, semicolons, tabs or bars, with or without
    quotes."""
    return re.sub(r'[,;|"]', " ", line).split()


@dataclass(frozen=True)
class Table:
    """R rows of text below a line of titles. No cell has blanks around it; no row is empty; all are at least
    as long as the titles."""

    path: Path
    titles: list[str]  # in lower case, letters and digits only
    rows: list[list[str]]
    widths: list[int]  # up to the last field of each row that is filled
    lines: list[int]  # where in the file each row ends, from 1

    def column(self, *titles: str) -> int | None:
        """The place of the first column of one of these titles."""
        return next((self.titles.index(title) for title in titles if title in self.titles), None)

    def beginning(self, *starts: str) -> int | None:
        """The place of a column of one of these titles, or else of the first that begins so."""
        exact, titles = self.column(*starts), list(enumerate(self.titles))
        begun = (place for start in starts for place, title in titles if title.startswith(start))
        return exact if exact is not None else next(begun, None)


def read_table(path: Path, what: str) -> Table:
    """A csv, whichever of tab, comma, semicolon and bar separates its first line; or as a line `sep=;` of
    Excel's has it.

    Raises UserError, which ends in `what`, when it cannot be read or is no table.
    """
    return table_of(path, text_of(path, what), what)


def table_of(path: Path, text: str, what: str) -> Table:
    """As `read_table`, of the text in it."""
    if not text:
        raise UserError(f"{path}: not a table, for it is empty; {what}")
    text, separator, skipped = separated(text)
    csv.field_size_limit(_LONGEST_FIELD)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for cells, line in _records(text, separator, strict=False):
            if any(cells):
                rows.append(cells)
                lines.append(line + skipped)
    except csv.Error as error:
        raise UserError(f"{path}: not a table ({error}); {what}") from None
    # A field of several lines, or a quotation mark that swallowed the next rows.
    if any("\n" in cell for row in rows for cell in row):
        line = 0
        try:
            for _, line in _records(text, separator, strict=True):  # noqa: B007
                pass
        except csv.Error:
            mistake = "a quotation mark is opened and not closed at the end of a field"
            raise UserError(f"{path}, line {line + 1 + skipped}: {mistake}; {what}") from None
    widths = [max(place for place, cell in enumerate(row, 1) if cell) for row in rows]
    titles = [title_of(cell) for cell in rows[0][: widths[0]]] if rows else []
    filled = [row + [""] * (len(titles) - len(row)) for row in rows[1:]]
    return Table(path, titles, filled, widths[1:], lines[1:])


def _records(text: str, separator: str, strict: bool) -> Iterator[tuple[list[str], int]]:
    """The fields of each row without blanks around them, and the line that it ends in. Raises csv.Error."""
    stream = io.StringIO(text, newline="")
    reader = csv.reader(stream, delimiter=separator, skipinitialspace=True, strict=strict)
    for row in reader:
        yield [cell.strip().strip(_INVISIBLE).strip() for cell in row], reader.line_num


def separated(text: str) -> tuple[str, str, int]:
    """The text of a csv, what separates its fields, and how many lines before its titles (`sep=;`) are left
    out."""
    excel = _EXCELS_LINE.match(text)
    if excel:
        return text[excel.end() :], excel[1], 1
    first = re.sub(r'"[^"\n]*"', "", text.lstrip("\n").split("\n", 1)[0])
    found = max(_SEPARATORS, key=first.count)
    return text, found if found in first else ",", 0


def title_of(cell: str) -> str:
    """`Age (years)` -> `ageyears`."""
    return "".join(sign for sign in cell.casefold() if sign.isalnum())


def some(names: Sequence[str], most: int = 5) -> str:
    """The first few names, quoted, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(name) for name in names[:most]) + more


def _encoding(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    zeros = data[0::2].count(0), data[1::2].count(0)
    if max(zeros) > len(data) // 8:  # UTF-16 without its mark: of Latin letters every other byte is zero
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
